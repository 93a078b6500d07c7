"""Posted events in the inbox: on disk when they are acknowledged, whole for the stream, known again after a crash."""

import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import pytest
from test_send import held

from spark_app.blocks import Kafka
from spark_app.intake import checks, records
from spark_app.schemas import EVENT_WEIGHTS
from spark_app.serving import inbox, posted, segment
from spark_app.serving.inbox import Inbox, NotKeptError
from spark_app.storage import ledger

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
LATER = 60.0
POSTS = """
import sys, time
sys.path[:0] = ["tests"]
from test_inbox import event
from pathlib import Path
from spark_app.serving.inbox import Inbox

box = Inbox(Path(sys.argv[1]), 60.0, gathering=60.0)
for number in range(int(sys.argv[2])):
    box.add([event(f"e{number}")])
    print(number, flush=True)
time.sleep(60)
"""


def event(event_id, **said):
    fields = {"user": "ann", "product": "lamp", "event_id": event_id} | said
    verdict = checks.judge_value(fields, event_types=tuple(EVENT_WEIGHTS), now=NOW, received_at=NOW)
    return posted.of(verdict.event)


def events(*numbers):
    return [event(f"e{number}") for number in numbers]


def folder_of(settings):
    return settings.data_dir / "inbox"


def ids(folder):
    """Of the events that the stream would find there."""
    found = []
    for path in records.listed(folder):
        for line in records.read(str(path), has_header=False):
            verdict = checks.judge(line, event_types=tuple(EVENT_WEIGHTS), now=NOW, received_at=NOW)
            found.append(verdict.event["event_id"])
    return found


def waited_for(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def another(folder, count):
    """A second process that has added so many events and holds their segment."""
    process = subprocess.Popen(
        [sys.executable, "-c", POSTS, str(folder), str(count)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    for _ in range(count):
        process.stdout.readline()
    return process


def test_the_stream_sees_a_segment_when_it_is_closed_and_no_sooner(tmp_path):
    box = Inbox(tmp_path, LATER, gathering=LATER)
    box.add(events(1, 2))
    box.add(events(3))
    assert records.listed(tmp_path) == []
    assert [len(segment.lines(path)) for path in segment.found(tmp_path)] == [3]
    box.close()
    (path,) = records.listed(tmp_path)
    assert path.name.startswith("api-20") and path.suffix == ".jsonl"
    assert ids(tmp_path) == ["e1", "e2", "e3"]
    with pytest.raises(NotKeptError, match="closed"):
        box.add(events(4))


def test_a_segment_is_closed_in_time_though_nobody_posts_any_more(tmp_path):
    box = Inbox(tmp_path, seconds=0.1)
    box.add(events(1))
    assert waited_for(lambda: ids(tmp_path) == ["e1"])
    box.add(events(2))
    assert waited_for(lambda: ids(tmp_path) == ["e1", "e2"])
    box.close()


def test_what_comes_after_a_quiet_time_is_handed_on_at_once_and_what_follows_it_a_segment_later(tmp_path):
    box = Inbox(tmp_path, LATER)
    box.add(events(1))
    assert waited_for(lambda: ids(tmp_path) == ["e1"])
    box.add(events(2))
    assert not waited_for(lambda: len(ids(tmp_path)) > 1, seconds=0.3)
    box.close()
    assert sorted(ids(tmp_path)) == ["e1", "e2"]


def test_a_segment_is_closed_when_it_is_full(tmp_path):
    box = Inbox(tmp_path, LATER, size=1000, gathering=LATER)
    for number in range(20):
        box.add(events(number))
    assert len(records.listed(tmp_path)) > 1
    assert all(path.stat().st_size < 1300 for path in records.listed(tmp_path))
    box.close()
    assert ids(tmp_path) == [f"e{number}" for number in range(20)]


def test_what_many_threads_post_is_all_there_in_whole_lines(tmp_path):
    box = Inbox(tmp_path, seconds=0.02, size=5000)
    threads = [
        Thread(target=lambda first=first: [box.add(events(first, first + 1)) for first in range(first, first + 50, 2)])
        for first in range(0, 500, 50)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    box.close()
    assert sorted(ids(tmp_path)) == sorted(f"e{number}" for number in range(500))
    assert segment.found(tmp_path) == records.listed(tmp_path)


def test_what_was_acknowledged_before_a_kill_is_there_at_the_next_start(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", POSTS, str(tmp_path), "100000"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    acknowledged = 1 + len(process.communicate()[0].splitlines())
    assert records.listed(tmp_path) == []
    Inbox(tmp_path).close()
    found = ids(tmp_path)
    assert found == [f"e{number}" for number in range(len(found))]
    assert len(found) in (acknowledged, acknowledged + 1)


def test_a_torn_last_line_goes_and_a_segment_with_nothing_else_with_it(tmp_path):
    (tmp_path / ".api-1.jsonl").write_bytes(events(1)[0].line + b"\n" + events(2)[0].line[:-5])
    (tmp_path / ".api-2.jsonl").write_bytes(b'{"user": "an')
    (tmp_path / ".api-3.jsonl").write_bytes(b"")
    (tmp_path / ".other.jsonl").write_bytes(b"not ours")
    Inbox(tmp_path).close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other.jsonl", "api-1.jsonl"]
    assert ids(tmp_path) == ["e1"]


def test_a_segment_that_another_process_holds_is_left_to_it(tmp_path):
    process = another(tmp_path, 3)
    try:
        Inbox(tmp_path).close()
        assert records.listed(tmp_path) == []
    finally:
        process.kill()
        process.communicate()
    Inbox(tmp_path).close()
    assert ids(tmp_path) == ["e0", "e1", "e2"]


def test_two_inboxes_on_one_folder_do_not_take_each_others_segments(tmp_path):
    boxes = [Inbox(tmp_path, seconds=0.01) for _ in range(2)]
    looking = [Thread(target=lambda: [Inbox(tmp_path).close() for _ in range(100)]) for _ in range(2)]
    for thread in looking:
        thread.start()
    for number in range(100):
        boxes[number % 2].add(events(number))
    for thread in looking:
        thread.join()
    for box in boxes:
        box.close()
    assert sorted(ids(tmp_path)) == sorted(f"e{number}" for number in range(100))


def test_what_was_posted_and_not_taken_is_known_after_a_start(settings):
    with inbox.opened(settings, LATER, gathering=LATER) as box:
        box.add(events(1))
    with inbox.opened(settings, LATER, gathering=LATER) as box:
        box.add([event("e2", price=3, product_data={"price": 2.5, "brand": "Oak", "in_stock": False})])
        (folder_of(settings) / "sales.jsonl").write_bytes(events(3)[0].line)
        assert list(inbox.pending(settings)) == [
            events(1)[0].event,
            event("e2", price=2.5, product_data={"brand": "Oak", "in_stock": False}).event,
        ]
        taken = records.listed(folder_of(settings))[0]
        facts = {"bytes": taken.stat().st_size, "modified_at": NOW, "sha256": "0"}
        ledger.account(settings, [], {records.partition_of(taken, settings.data_dir): facts}, None)
        assert [one.event_id for one in inbox.pending(settings)] == ["e2"]


def test_nothing_is_pending_where_there_is_no_inbox(settings):
    assert list(inbox.pending(settings)) == []


def test_an_inbox_that_cannot_be_written_is_an_error_and_not_for_ever(settings):
    settings.data_dir.mkdir()
    folder_of(settings).write_text("no folder")
    with inbox.opened(settings) as box:
        with pytest.raises(NotKeptError, match="inbox cannot be written"):
            box.add(events(1))
        folder_of(settings).unlink()
        box.add(events(2))
    assert ids(folder_of(settings)) == ["e2"]


def test_on_a_full_disk_what_was_kept_stays_whole_and_the_rest_is_refused(tmp_path):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
    done = subprocess.run(
        [sys.executable, "-c", limit + POSTS, str(tmp_path), "1000"], cwd=ROOT, capture_output=True, text=True
    )
    acknowledged = len(done.stdout.splitlines())
    assert acknowledged > 3
    assert f"NotKeptError: {tmp_path} cannot be written (File too large)" in done.stderr
    assert ids(tmp_path) == [f"e{number}" for number in range(acknowledged)]
    assert segment.found(tmp_path) == records.listed(tmp_path)


@pytest.mark.kafka
def test_with_a_topic_posted_events_go_there_by_user(settings, kafka):
    settings = settings.model_copy(update={"source": "kafka", "kafka": kafka})
    with inbox.opened(settings) as sink:
        sink.add(events(1, 2))
    assert not (settings.data_dir / "inbox").exists()
    sent = [message for messages in held(kafka).values() for message in messages]
    assert sent == [(b"ann", one.line) for one in events(1, 2)]


@pytest.mark.kafka
def test_a_topic_that_cannot_be_reached_is_an_error_in_words_and_the_server_starts_all_the_same(settings):
    settings = settings.model_copy(update={"source": "kafka", "kafka": Kafka(bootstrap_servers="localhost:1")})
    with inbox.opened(settings) as sink, pytest.raises(NotKeptError, match="no broker answers at localhost:1"):
        sink.add(events(1))
