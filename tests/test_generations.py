import itertools
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spark_app import generations
from spark_app.fitting import soundness
from spark_app.generations import NoGenerationError, UnsoundError

ROOT = Path(__file__).parent.parent
METRICS = {"published": True, "reason": ""}


SECONDS = itertools.count()


def finished(settings, **manifest):
    """A generation without tables; each is a second younger than the one before."""
    generation = generations.new(settings, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=next(SECONDS)))
    generations.finish(generation, METRICS, manifest)
    return generation


def test_before_the_first_nothing_is_published(settings):
    assert generations.published(settings) is None
    assert generations.listed(settings) == []


def test_a_generation_exists_when_its_manifest_is_written(settings):
    unfinished = generations.new(settings)
    assert generations.listed(settings) == []
    generations.finish(unfinished, METRICS, {"seed": 7})
    assert [generation.id for generation in generations.listed(settings)] == [unfinished.id]
    assert generations.newest(settings).manifest == {"generation": unfinished.id, "seed": 7}


def test_publishing_moves_the_pointer_and_nothing_else(settings):
    first, second = finished(settings), finished(settings)
    generations.publish(settings, first)
    assert generations.published(settings).id == first.id
    generations.publish(settings, second)
    assert generations.published(settings).id == second.id
    assert (settings.data_dir / "generations" / "LATEST").read_text().strip() == second.id


def test_a_kill_before_the_pointer_moves_leaves_the_last_one_published(settings):
    first, second = finished(settings), finished(settings)
    generations.publish(settings, first)
    program = (
        "from spark_app import generations; from spark_app.running import failpoints; "
        "from spark_app.settings import Settings; "
        f"s = Settings(data_dir={str(settings.data_dir)!r}, under_test=True, failpoint='between_files_and_pointer:1'); "
        f"failpoints.arm(s); generations.publish(s, generations.find(s, {second.id!r}))"
    )
    killed = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False)
    assert killed.returncode == -9
    assert generations.published(settings).id == first.id
    generations.resume(settings)
    assert generations.published(settings).id == second.id
    generations.rollback(settings, first)
    generations.resume(settings)
    assert generations.published(settings).id == first.id


def test_what_a_killed_training_left_is_removed_and_the_rest_stays(settings):
    whole, torn = finished(settings), generations.new(settings)
    (torn.folder / "recommendations").mkdir()
    assert generations.remove_unfinished(settings) == [torn.id]
    assert [generation.id for generation in generations.listed(settings)] == [whole.id]


def test_an_unknown_generation_is_named_with_those_that_there_are(settings):
    there = finished(settings)
    with pytest.raises(NoGenerationError, match=f"'nope'.*{there.id}"):
        generations.find(settings, "nope")


def test_ids_do_not_collide_within_a_second(settings):
    assert len({generations.new(settings).id for _ in range(20)}) == 20


def test_numbers_that_json_does_not_know_are_refused(settings):
    with pytest.raises(ValueError, match="JSON"):
        generations.finish(generations.new(settings), METRICS | {"rmse": float("nan")}, {})
    assert generations.listed(settings) == []


def test_factors_can_be_mapped_and_row_i_belongs_to_id_i(settings):
    generation = generations.new(settings)
    vectors = np.arange(6, dtype=np.float64).reshape(3, 2)
    generations.write_factors(generation, "user_factors", np.array([4, 7, 9]), vectors)
    mapped = np.load(generation.folder / "user_factors.npy", mmap_mode="r")
    assert mapped.dtype == np.float32
    assert np.load(generation.folder / "user_factors_ids.npy").tolist() == [4, 7, 9]
    np.testing.assert_array_equal(mapped, vectors)


def test_factors_are_a_table_too_written_some_at_a_time(spark, settings, monkeypatch):
    monkeypatch.setattr(generations, "_AT_ONCE", 2)
    generation = generations.new(settings)
    generations.write_factors(generation, "product_factors", np.array([4, 7, 9]), np.arange(6).reshape(3, 2))
    table = generations.read(spark, generation, "product_factors")
    assert [field.simpleString() for field in table.schema] == ["productId:int", "vector:array<float>"]
    assert table.collect() == [(4, [0.0, 1.0]), (7, [2.0, 3.0]), (9, [4.0, 5.0])]


def test_factors_of_a_large_shop_are_written_elsewhere_and_mapped_in_the_order_of_their_ids(
    spark, settings, monkeypatch
):
    monkeypatch.setattr(generations, "_AT_ONCE", 2)
    generation = generations.new(settings)
    rows = [(user, [user / 2, 1.0, -float(user)]) for user in (9, 3, 7, 0, 4)]
    side = spark.createDataFrame(rows, "userId INT, vector ARRAY<FLOAT>").repartition(3)
    generations.write_factors_table(generation, "user_factors", side)
    ids = np.load(generation.folder / "user_factors_ids.npy")
    mapped = np.load(generation.folder / "user_factors.npy", mmap_mode="r")
    assert (ids.tolist(), ids.dtype, mapped.dtype) == ([0, 3, 4, 7, 9], np.int32, np.float32)
    np.testing.assert_array_equal(mapped, [[user / 2, 1.0, -user] for user in ids])
    assert generations.scan(generation, "user_factors")["userId"].to_pylist() == ids.tolist()


@pytest.mark.parametrize(
    ("name", "column", "values", "fault"),
    [
        ("recommendations", "score", [0.5, None], "1 rows have a score that is not finite"),
        ("recommendations", "score", [float("inf"), float("nan")], "2 rows have a score that is not finite"),
        ("vertices", "pagerank", [0.5, 0.5, float("nan")], "1 rows have a pagerank that is not finite"),
        ("edges", "dst", ["p:lamp", "p:desk"], "1 ends of edges are no vertex"),
        ("edges", "src", ["u:ann", None], "1 ends of edges are no vertex"),
        ("users", "user", ["ann", "bob"], "users has 2 rows for 1 users"),
    ],
)
def test_what_is_not_sound_is_named(settings, name, column, values, fault):
    tables = {
        "users": {"user": ["ann"]},
        "products": {"product": ["lamp", "mug"]},
        "recommendations": {"score": [0.5, 0.4]},
        "vertices": {"id": ["u:ann", "p:lamp", "p:mug"], "pagerank": [0.5, 0.3, 0.2]},
        "edges": {"src": ["u:ann", "u:ann"], "dst": ["p:lamp", "p:mug"]},
    }
    assert _fault(settings, tables) == ""
    assert _fault(settings, tables | {name: tables[name] | {column: values}}) == fault


def _fault(settings, tables):
    generation = generations.new(settings)
    for name, columns in tables.items():
        generations.write_rows(generation, name, pa.table(columns))
    return soundness.fault(generation, {"users": 1, "products": 2}, soundness.rows(generation))


def test_metrics_are_plain_json(settings):
    generation = finished(settings)
    assert json.loads((generation.folder / "metrics.json").read_text()) == METRICS


def test_a_table_is_read_back_with_and_without_spark(spark, settings):
    generation = generations.new(settings)
    generations.write_table(generation, "users", spark.createDataFrame([("ann", 0)], "user STRING, userId INT"))
    assert generations.read(spark, generation, "users").collect() == [("ann", 0)]
    assert generations.scan(generation, "users").to_pylist() == [{"user": "ann", "userId": 0}]


def test_a_rollback_holds_until_someone_promotes(settings):
    first, second = finished(settings), finished(settings)
    generations.publish(settings, second)
    generations.rollback(settings, generations.before(settings, second))
    assert generations.published(settings).id == first.id
    assert generations.held(settings) == first.id
    generations.promote(settings, second)
    assert generations.published(settings).id == second.id
    assert generations.held(settings) == ""


def test_before_the_oldest_there_is_nothing_to_roll_back_to(settings):
    with pytest.raises(NoGenerationError, match="no sound generation before"):
        generations.before(settings, finished(settings))


def test_what_failed_its_checks_is_neither_promoted_nor_rolled_back_to(settings):
    unsound, sound = finished(settings, fault="3 edges have no vertex"), finished(settings)
    generations.publish(settings, sound)
    for turn in (generations.promote, generations.rollback):
        with pytest.raises(UnsoundError, match="3 edges have no vertex"):
            turn(settings, unsound)
    assert generations.published(settings).id == sound.id
    assert generations.held(settings) == ""
    with pytest.raises(NoGenerationError):
        generations.before(settings, sound)


def test_what_was_damaged_since_is_not_published(settings):
    damaged = generations.new(settings)
    (damaged.folder / "users").mkdir()
    pq.write_table(pa.table({"user": ["ann", "bob"]}), damaged.folder / "users" / "part.parquet")
    generations.finish(damaged, METRICS, {"rows": {"users": 2}})
    assert generations.fault_on_disk(damaged) == ""
    pq.write_table(pa.table({"user": ["ann"]}), damaged.folder / "users" / "part.parquet")
    with pytest.raises(UnsoundError, match="users has 1 rows, and 2 were written"):
        generations.promote(settings, damaged)
    (damaged.folder / "users" / "part.parquet").write_bytes(b"torn")
    with pytest.raises(UnsoundError, match="users cannot be read"):
        generations.promote(settings, damaged)


def test_the_newest_are_kept_and_the_published_one(settings):
    settings = settings.model_copy(update={"keep_generations": 2})
    made = sorted((finished(settings) for _ in range(5)), key=lambda one: one.id)
    generations.publish(settings, made[0])
    assert generations.remove_old(settings) == [made[1].id, made[2].id]
    assert [one.id for one in generations.listed(settings)] == [made[place].id for place in (0, 3, 4)]


def test_one_that_was_rebuilt_is_neither_what_was_tried_last_nor_rolled_back_to(settings):
    original = finished(settings)
    finished(settings, rebuilt_from=original.id)
    assert generations.newest(settings).id == original.id
    last = finished(settings)
    assert generations.before(settings, last).id == original.id
