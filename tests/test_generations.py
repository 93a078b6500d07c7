import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spark_app import generations
from spark_app.generations import NoGenerationError

ROOT = Path(__file__).parent.parent
METRICS = {"published": True, "reason": ""}


def finished(settings, **manifest):
    generation = generations.new(settings)
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
        "from spark_app import failpoints, generations; from spark_app.settings import Settings; "
        f"s = Settings(data_dir={str(settings.data_dir)!r}, under_test=True, failpoint='between_files_and_pointer:1'); "
        f"failpoints.arm(s); generations.publish(s, generations.find(s, {second.id!r}))"
    )
    killed = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False)
    assert killed.returncode == -9
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


def test_metrics_are_plain_json(settings):
    generation = finished(settings)
    assert json.loads((generation.folder / "metrics.json").read_text()) == METRICS


def test_a_table_is_read_back_with_and_without_spark(spark, settings):
    generation = generations.new(settings)
    generations.write_table(generation, "users", spark.createDataFrame([("ann", 0)], "user STRING, userId INT"))
    assert generations.read(spark, generation, "users").collect() == [("ann", 0)]
    assert generations.scan(generation, "users").to_pylist() == [{"user": "ann", "userId": 0}]
