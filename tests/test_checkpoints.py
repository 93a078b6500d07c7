"""Checkpoints that Spark made, damaged file by file: look says so, and after a repair each event is there once."""

import json
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import settings_for
from pyspark.errors import StreamingQueryException
from test_cli import call

from kafka_producer import send
from kafka_producer.send import Message
from spark_app import doctor, following, ingestion, locks, sources
from spark_app.intake.records import FILES
from spark_app.settings import Settings
from spark_app.storage import checkpoints, tables
from spark_app.storage.checkpoints import CheckpointError, look

# With one file a batch, the names of the first three are summed up in 2.compact.
BATCHES = 5
SUMMED_UP = "spark.sql.streaming.fileSource.log.compactInterval"
LAST = BATCHES - 1
DAMAGES = {
    "empty": lambda _: b"",
    "cut short": lambda content: content[: len(content) // 2],
    "garbled": lambda content: bytes(len(content)),
}


class Stream(NamedTuple):
    """A folder that was taken in, and its checkpoint."""

    settings: Settings
    checkpoint: Path

    @property
    def inbox(self):
        return self.settings.data_dir / "inbox"

    def put(self, name):
        (self.inbox / f"{name}.jsonl").write_text(json.dumps({"user": "u", "product": "p", "event_id": name}) + "\n")

    def remove(self, *names):
        for name in names:
            path = self.checkpoint / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def files(self):
        """All that Spark reads of the checkpoint."""
        return [path for path in self.checkpoint.rglob("*") if path.is_file() and path.name[0] != "."]


@pytest.fixture(scope="module")
def taken_in(spark, tmp_path_factory):
    """Batches of one file each, and a copy of the whole folder."""
    home = tmp_path_factory.mktemp("checkpoints")
    settings = settings_for(home, max_files_per_trigger=1)
    stream = Stream(settings, checkpoints.folder(settings, str(settings.data_dir / "inbox")))
    stream.inbox.mkdir(parents=True)
    for number in range(BATCHES):
        stream.put(f"{number:02} [a] 100%\u2028Ä")
    spark.conf.set(SUMMED_UP, 3)
    ingestion.take_files(spark, settings, stream.inbox)
    spark.conf.unset(SUMMED_UP)
    return stream, shutil.copytree(settings.data_dir, home / "copy")


@pytest.fixture
def stream(taken_in):
    """As it was when everything had been taken."""
    one, copy = taken_in
    shutil.rmtree(one.settings.data_dir)
    shutil.copytree(copy, one.settings.data_dir)
    return one


def event_ids(settings):
    return sorted(tables.scan(settings, tables.EVENTS, ["event_id"])["event_id"].to_pylist())


def cost(report, fault, held, expected):
    """Report what is missing and what is there twice, and assert that it is nothing."""
    lost, doubled = len(set(expected) - set(held)), len(held) - len(set(held))
    report(fault, 1, lost, doubled)
    assert held == sorted(expected), (lost, doubled)


def produce(kafka, *event_ids):
    events = [json.dumps({"user": "ann", "product": "lamp", "event_id": name}).encode() for name in event_ids]
    with send.opened(kafka) as outbox:
        outbox.send([Message(b"ann", event) for event in events])


def fault(checkpoint, source=FILES, kept=None):
    with pytest.raises(CheckpointError) as found:
        look(checkpoint, source, kept)
    assert "doctor --repair" in str(found.value)
    return found.value.fault.removeprefix(f"{checkpoint}/")


def test_a_new_stream_and_a_whole_checkpoint_are_well(stream, tmp_path):
    look(tmp_path / "nowhere", FILES)
    look(tmp_path, "kafka:sales")
    look(stream.checkpoint, FILES, checkpoints.kept_in(stream.settings))
    assert {path.relative_to(stream.checkpoint).as_posix() for path in stream.files()} > {
        "metadata", "offsets/0", f"offsets/{LAST}", f"commits/{LAST}", "sources/0/2.compact", f"sources/0/{LAST}",
    }  # fmt: skip
    assert checkpoints.faults(stream.checkpoint.parent, []) == {}


def test_a_batch_that_was_begun_and_not_ended_is_well(stream):
    stream.remove(f"commits/{LAST}")
    look(stream.checkpoint, FILES)
    stream.remove(f"offsets/{LAST}", f"commits/{LAST - 1}")
    look(stream.checkpoint, FILES)


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_file_is_looked_at_and_named(stream, damage):
    for path in stream.files():
        whole = path.read_bytes()
        path.write_bytes(DAMAGES[damage](whole))
        assert fault(stream.checkpoint) == f"{path.relative_to(stream.checkpoint)} is {damage}"
        path.write_bytes(whole)


@pytest.mark.parametrize("name", ["metadata", f"offsets/{LAST}", f"commits/{LAST}", f"sources/0/{LAST}"])
def test_a_file_cut_anywhere_is_found(stream, name):
    path = stream.checkpoint / name
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert fault(stream.checkpoint).startswith(f"{name} is ")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("v2\n{}\n{}", "is garbled"),
        ("v1\n{}\n[]", "is garbled"),
        ("v1\n{}\n7", "is garbled"),
        ('v1\n{}\n{"colour": "red"}', "holds offsets of another kind of source, expected those of files"),
        ('v1\n{}\n{"logOffset": 9}\n{"logOffset": 3}', "holds offsets of 2 sources, expected one"),
        ('v1\n{}\n{"sales": {"0": 5}}', "holds offsets of topic 'sales', expected those of files"),
    ],
)
def test_offsets_of_something_else_are_found(stream, content, said):
    (stream.checkpoint / "offsets" / str(LAST)).write_text(content)
    assert fault(stream.checkpoint) == f"offsets/{LAST} {said}"


def test_files_where_a_topic_is_expected_are_found(stream):
    assert fault(stream.checkpoint, "kafka:sales").endswith("holds offsets of files, expected those of topic 'sales'")


def test_metadata_without_an_id_is_found(stream):
    (stream.checkpoint / "metadata").write_text("{}")
    assert fault(stream.checkpoint) == "metadata holds no id"


@pytest.mark.parametrize(
    ("gone", "missing"),
    [
        (["metadata"], "metadata"),
        ([f"offsets/{LAST}"], f"offsets/{LAST}"),
        ([f"offsets/{LAST - 1}"], f"offsets/{LAST - 1}"),
        (["offsets"], f"offsets/{LAST}"),
        ([f"commits/{LAST}", f"commits/{LAST - 1}"], f"commits/{LAST - 1}"),
        (["commits"], f"commits/{LAST - 1}"),
        (["sources/0/2.compact"], "sources/0/2"),
        ([f"sources/0/{LAST}"], f"sources/0/{LAST}"),
        (["sources"], "sources/0/0"),
    ],
)
def test_a_file_that_spark_needs_and_is_gone_is_found(stream, gone, missing):
    stream.remove(*gone)
    assert fault(stream.checkpoint) == f"{missing} is missing"


def test_what_spark_needs_no_more_may_be_gone(stream):
    stream.remove("offsets/1", "commits/1", "sources/0/1")
    look(stream.checkpoint, FILES)


@pytest.mark.parametrize("damage", ["cut short", "empty"])
def test_spark_itself_never_starts_again_on_what_is_found_and_does_without_its_checksums(spark, stream, damage):
    def started():
        names = sources.file_names(spark, stream.settings, stream.inbox)
        writer = names.writeStream.foreachBatch(lambda *_: None)
        query = writer.option("checkpointLocation", str(stream.checkpoint)).trigger(availableNow=True).start()
        query.awaitTermination()

    for checksum in stream.checkpoint.rglob(".*.crc"):
        checksum.write_bytes(checksum.read_bytes()[:8] + b"sums that do not fit")
    started()
    path = stream.checkpoint / "offsets" / str(LAST)
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    for _ in range(2):
        with pytest.raises(StreamingQueryException):
            started()


@pytest.mark.chaos
@pytest.mark.parametrize("name", ["metadata", f"offsets/{LAST}", f"commits/{LAST}", "sources/0/2.compact"])
def test_after_a_repair_the_intake_goes_on_and_nothing_is_lost_or_doubled(spark, stream, name, report):
    before = event_ids(stream.settings)
    path = stream.checkpoint / name
    path.write_bytes(DAMAGES["cut short"](path.read_bytes()))
    stream.put("new")
    said = checkpoints.repair(stream.checkpoint.parent, ["kafka:sales"])
    assert len(said) == 1 and f"{path} is cut short: set aside as broken-{stream.checkpoint.name}-" in said[0]
    settings = stream.settings.model_copy(update={"max_files_per_trigger": 1000})
    assert ingestion.take_files(spark, settings, stream.inbox).read == 1
    cost(report, f"checkpoint: {name} cut short", event_ids(stream.settings), [*before, "new"])
    look(stream.checkpoint, FILES)
    assert checkpoints.repair(stream.checkpoint.parent, []) == []
    assert len([*stream.checkpoint.parent.iterdir()]) == 2


def test_a_repair_leaves_whole_checkpoints_and_what_is_none_alone(stream):
    home = stream.checkpoint.parent
    other = shutil.copytree(stream.checkpoint, home / "other-12345678")
    for name in ("broken-x-20261121T105012Z", "own folder"):
        (home / name / "offsets").mkdir(parents=True)
        (home / name / "offsets" / "0").touch()
    (other / "metadata").unlink()
    assert [*checkpoints.faults(home, [])] == [other]
    checkpoints.repair(home, [])
    left = {path.name for path in home.iterdir()}
    assert {stream.checkpoint.name, "broken-x-20261121T105012Z", "own folder"} < left and other.name not in left


def test_there_is_nothing_to_repair_before_the_first_run(tmp_path):
    assert checkpoints.repair(tmp_path / "checkpoints", ["kafka:sales"]) == []


@pytest.mark.kafka
def test_a_checkpoint_of_a_topic_is_known_by_its_name_or_by_its_offsets(spark, tmp_path, kafka):
    settings = settings_for(tmp_path, source="kafka", kafka=kafka)
    produce(kafka, "1", "2")
    following.take_topic(spark, settings)
    checkpoint = checkpoints.folder(settings, kafka.source)
    look(checkpoint, kafka.source, checkpoints.kept_in(settings))
    for known in ([], [kafka.source], ["kafka:other"]):
        assert checkpoints.faults(checkpoint.parent, known) == {}
    assert "expected those of topic 'other'" in fault(checkpoint, "kafka:other")
    assert "expected those of files" in fault(checkpoint)
    misplaced = checkpoint.rename(checkpoints.folder(settings, "kafka:other"))
    for known in ([], ["kafka:other"]):
        assert [*checkpoints.faults(checkpoint.parent, known)] == [misplaced]
    beginning = misplaced / "sources" / "0" / "0"
    for damage in ("empty", "cut short", "garbled"):
        whole = beginning.read_bytes()
        beginning.write_bytes(DAMAGES[damage](whole))
        assert fault(misplaced, kafka.source) == f"sources/0/0 is {damage}"
        beginning.write_bytes(whole)


@pytest.mark.slow
@pytest.mark.chaos
@pytest.mark.kafka
def test_an_older_copy_of_a_checkpoint_is_found_and_after_a_repair_nothing_is_lost(spark, tmp_path, kafka, report):
    """Spark would make other batches of numbers that the tables have already, and they would not be written."""
    settings = settings_for(tmp_path, source="kafka", kafka=kafka)
    checkpoint, kept = checkpoints.folder(settings, kafka.source), checkpoints.kept_in(settings)
    for number in range(3):
        produce(kafka, str(number))
        following.take_topic(spark, settings)
        if not number:
            shutil.copytree(checkpoint, tmp_path / "older")
    shutil.rmtree(checkpoint)
    shutil.copytree(tmp_path / "older", checkpoint)
    produce(kafka, "3", "4")
    look(checkpoint, kafka.source)
    with pytest.raises(
        CheckpointError, match="knows batches up to 0, and the tables hold batch 2: it is an older copy"
    ):
        following.take_topic(spark, settings)
    assert len(checkpoints.repair(checkpoint.parent, [kafka.source], kept)) == 1
    following.take_topic(spark, settings)
    cost(report, "checkpoint: an older copy put back", event_ids(settings), ["0", "1", "2", "3", "4"])
    look(checkpoint, kafka.source, kept)


@pytest.mark.slow
def test_the_doctor_finds_a_damaged_checkpoint_and_repairs_it(stream):
    def found():
        return next(one for one in doctor.look(stream.settings, start_spark=False) if one.name == "checkpoints")

    def repair():
        return call(stream.settings.data_dir.parent, "doctor", "--repair")

    assert found().is_well
    assert "every checkpoint is whole" in repair().stdout
    (stream.checkpoint / "metadata").unlink()
    assert (found().is_well, found().found) == (False, f"{stream.checkpoint}/metadata is missing")
    assert "doctor --repair" in found().remedy
    with locks.held(stream.settings, locks.INGEST, "run --follow"):
        assert found().is_well and "in use by `run --follow`" in found().found
        refused = repair()
        assert refused.returncode == 1 and "another ingest has this data folder" in refused.stderr
    repaired = repair()
    assert repaired.returncode == 0
    assert "metadata is missing: set aside as broken-" in " ".join(repaired.stdout.split())
    assert found().is_well
