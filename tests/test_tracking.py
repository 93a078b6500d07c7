"""A tiny generation, written by hand, logged to a store of its own; no Spark."""

import json
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import interested
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import segmented
from conftest import free_port, settings_for

from spark_app import generations, tracking
from spark_app.cli import outcome
from spark_app.decisive import recorded
from spark_app.settings import MASK

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow
STARTED = (
    "import sys; from spark_app import tracking; from spark_app.running import logs; "
    "from spark_app.settings import Settings; logs.silence(); "
)
TABLES = {
    "users": {"user": ["ann", "bob", "has-all"], "userId": pa.array([0, 1, 2], pa.int32())},
    "products": {"product": ["chair", "lamp", "rug"], "productId": pa.array([0, 1, 2], pa.int32())},
    "popular": {"product": ["lamp", "chair", "rug"], "users": [2, 1, 1], "score": [2.0, 1.0, 1.0]},
    "recommendations": {
        "user": ["bob", "ann", "ann"],
        "product": ["lamp", "rug", "chair"],
        "rank": pa.array([1, 2, 1], pa.int32()),
        "score": pa.array([0.9, 0.25, 0.5], pa.float32()),
        "source": ["als", "als", "als"],
    },
}
# Loads the published model where neither Spark nor this package can be imported.
LOADED_ALONE = """
import json, sys
sys.modules["pyspark"] = sys.modules["spark_app"] = None
import mlflow, pandas
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/millstream@published")
asked = [{"user": "ann"}, {"user": "has-all"}, {"user": "zoe"}], [{"user": "ann", "n": 1}, {"user": "zoe", "n": 1}]
print(json.dumps([model.predict(pandas.DataFrame(one)).values.tolist() for one in asked]))
print(model.metadata.signature.inputs.input_names(), model.input_example["user"].tolist())
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Settings of one store for all, and what the process that made it has said: to make one takes seconds."""
    settings = settings_for(tmp_path_factory.mktemp("tracked"), mlflow_uri="sqlite")
    trial = {"params": {"seed": 7}, "metrics": {}, "seconds": 1.0}
    said = alone(
        f"s = Settings(_env_file=None, data_dir={str(settings.data_dir)!r}, mlflow_uri='sqlite'); "
        f"print(len(tracking.log_trials(s, 'first', [{trial}], {trial})))"
    )
    return settings, said


@pytest.fixture(scope="module")
def settings(store):
    return store[0]


@pytest.fixture(scope="module")
def client(settings):
    import mlflow

    uri = f"sqlite:///{settings.data_dir}/mlflow/mlflow.db"
    return mlflow.MlflowClient(uri, uri)


def made(settings, *, published=True, reason="better than popular"):
    """A whole generation; when it was published, LATEST names it."""
    generation = generations.new(settings)
    for name, columns in TABLES.items():
        (generation.folder / name).mkdir()
        pq.write_table(pa.table(columns), generation.folder / name / "part-0.parquet")
    for name in ("user_factors", "product_factors"):
        generations.write_factors(generation, name, np.arange(2), np.eye(2))
    metrics = {
        "generation": generation.id,
        "published": published,
        "reason": reason,
        "users": 2,
        "metrics": {"ndcg_at_10": 0.5, "rmse": None, "ndcg_at_10_ci": [0.4, 0.6], "reasons": {"rmse": "no hold-out"}},
        "baselines": {"popular": {"ndcg_at_10": 0.1}},
        "seconds": {"train": 2.5},
    }
    manifest = {
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "parent": None,
        "events_version": 3,
        "settings": recorded(settings),
        "versions": {"spark": "4.0.5"},
    }
    generations.finish(generation, metrics, manifest)
    if published:
        generations.publish(settings, generation)
    return generation


def results_of(generation, folder):
    """A results folder as `export` and `draw` leave it, metrics.json last."""
    folder.mkdir()
    for name in ("recommendations.csv", "rmse.txt", "top_products.png", "recommendation_graph.html", "README.md"):
        (folder / name).write_text(name)
    (folder / "metrics.json").write_text(json.dumps(generation.metrics))
    return folder


def alone(program):
    """What a process of its own says to stdout and stderr."""
    run = subprocess.run(
        [sys.executable, "-c", STARTED + program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return run.stdout, run.stderr


def artifacts(client, run, path=None):
    return {artifact.path for artifact in client.list_artifacts(run, path)}


def warnings_of(capsys):
    return [line for line in capsys.readouterr().err.splitlines() if line]


def test_a_generation_is_a_run_with_params_metrics_and_files(settings, client, tmp_path):
    generation = made(settings)
    run = client.get_run(tracking.log_generation(settings, generation, results_of(generation, tmp_path / "results")))
    assert (run.info.run_name, run.info.status) == (generation.id, "FINISHED")
    assert run.info.end_time - run.info.start_time == 2500
    assert run.data.params["als.factors"] == "64"
    assert run.data.params["versions.spark"] == "4.0.5"
    assert run.data.metrics == {
        "users": 2.0,
        "metrics.ndcg_at_10": 0.5,
        "metrics.ndcg_at_10_ci.0": 0.4,
        "metrics.ndcg_at_10_ci.1": 0.6,
        "baselines.popular.ndcg_at_10": 0.1,
        "seconds.train": 2.5,
    }
    wanted = {"generation": generation.id, "published": "true", "reason": "better than popular", "events_version": "3"}
    assert wanted.items() <= run.data.tags.items()
    assert artifacts(client, run.info.run_id) == {"manifest.json", "metrics.json", "results"}
    files = {"recommendations.csv", "rmse.txt", "top_products.png", "recommendation_graph.html", "metrics.json"}
    assert artifacts(client, run.info.run_id, "results") == {f"results/{name}" for name in files}


def test_a_setting_that_is_no_default_says_where_it_came_from(settings, client, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MILLSTREAM_SEED", "11")
    run = client.get_run(tracking.log_generation(settings, made(settings)))
    assert {name: value for name, value in run.data.params.items() if name.startswith("from.")} == {
        "from.seed": "environment"
    }


def test_results_of_another_generation_are_not_logged(settings, client, tmp_path):
    older = made(settings)
    run = tracking.log_generation(settings, made(settings), results_of(older, tmp_path / "results"))
    assert artifacts(client, run) == {"manifest.json", "metrics.json"}


def test_the_second_time_it_is_the_same_run_and_the_same_version(settings, client):
    generation = made(settings)
    first = tracking.log_generation(settings, generation)
    assert tracking.log_generation(settings, generation) == first
    assert len(client.search_model_versions(f"run_id = '{first}'")) == 1
    assert len(client.get_metric_history(first, "metrics.ndcg_at_10")) == 1


def test_the_alias_names_what_is_published(settings, client):
    first, second = made(settings), made(settings)
    runs = [tracking.log_generation(settings, generation) for generation in (first, second)]
    assert client.get_model_version_by_alias("millstream", "published").run_id == runs[1]
    generations.rollback(settings, first)
    tracking.log_generation(settings, made(settings, published=False))
    assert client.get_model_version_by_alias("millstream", "published").run_id == runs[0]


def test_a_refused_one_is_a_run_and_no_model_until_someone_promotes_it(settings, client):
    refused = made(settings, published=False, reason="below popular")
    run = tracking.log_generation(settings, refused)
    assert client.get_run(run).data.tags["published"] == "false"
    assert client.get_run(run).data.tags["reason"] == "below popular"
    assert client.search_model_versions(f"run_id = '{run}'") == []
    generations.promote(settings, refused)
    tracking.log_generation(settings, refused)
    assert client.get_run(run).data.tags["published"] == "true"
    assert client.get_model_version_by_alias("millstream", "published").run_id == run


def test_the_registered_model_gives_lists_without_spark_and_without_this_package(settings, tmp_path):
    tracking.log_generation(settings, made(settings))
    uri = f"sqlite:///{settings.data_dir}/mlflow/mlflow.db"
    loaded = subprocess.run(
        [sys.executable, "-c", LOADED_ALONE, uri], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert loaded.returncode == 0, loaded.stderr
    lists, signature = loaded.stdout.splitlines()
    whole, cut = json.loads(lists)
    ann = [["ann", "chair", 1, 0.5, "als"], ["ann", "rug", 2, 0.25, "als"]]
    zoe = [["zoe", "lamp", 1, 2.0, "popular"], ["zoe", "chair", 2, 1.0, "popular"]]
    assert whole == ann + zoe
    assert cut == ann[:1] + zoe[:1]
    assert signature == "['user', 'n'] ['ann']"


def test_a_generation_without_a_model_gives_popular_lists(settings, client):
    generation = made(settings)
    for path in generation.folder.glob("*_factors*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    run = tracking.log_generation(settings, generation)
    assert len(client.search_model_versions(f"run_id = '{run}'")) == 1


def test_the_command_line_says_what_was_logged_and_nothing_where_nothing_is_asked_for(settings, tmp_path, capsys):
    generation = made(settings)
    outcome.track(settings, generation)
    line = capsys.readouterr().out
    assert line.startswith("track") and f"generation {generation.id} in sqlite:///" in line
    outcome.track(settings_for(tmp_path), generation)
    assert capsys.readouterr().out == ""


def test_segments_are_a_run_with_params_metrics_and_the_files_that_are_there(settings, client, tmp_path):
    folder = segmented.of(settings, {"ann": 1, "bob": 1, "cid": 2})
    (tmp_path / "segments.json").write_text("{}")
    files = [tmp_path / "segments.json", tmp_path / "clusters.png"]
    run = client.get_run(tracking.log_segments(settings, folder.summary, files))
    assert tracking.log_segments(settings, folder.summary, files) == run.info.run_id
    assert (run.info.run_name, run.info.status) == (folder.id, "FINISHED")
    wanted = {"features": "behaviour", "k": "2", "linkage": "complete", "seed": "7", "events_version": "12"}
    assert wanted.items() <= run.data.params.items()
    numbers = {
        "users": 3.0, "agreement": 0.9, "variance_kept": 0.91, "methods.kmeans.silhouette": 0.41,
        "methods.kmeans.stability": 0.93, "methods.kmeans.sizes.1": 2.0,
    }  # fmt: skip
    assert numbers.items() <= run.data.metrics.items()
    assert "2 groups" in run.data.tags["structure"]
    assert artifacts(client, run.info.run_id, "results") == {"results/segments.json"}


def test_interests_are_a_run_too(settings, client):
    summary = interested.keep(settings, interested.rows(60, 3, none=6)).summary
    run = client.get_run(tracking.log_interests(settings, summary))
    assert tracking.log_interests(settings, summary) == run.info.run_id
    wanted = {"encoder": "tfidf", "k": "3", "seed": "7", "events_version": "12"}
    assert wanted.items() <= run.data.params.items()
    numbers = {"users": 60.0, "posts": 180.0, "silhouette": 0.41, "sizes.2": 18.0, "none.share": 0.1}
    assert numbers.items() <= run.data.metrics.items()
    assert run.data.tags["interests"] == summary["id"] and "3 groups" in run.data.tags["structure"]


def test_trials_are_children_of_their_tuning(settings, client):
    trials = [
        {"params": {"als.factors": factors}, "metrics": {"ndcg_at_10": np.float64(factors / 100)}, "seconds": 1.5}
        for factors in (8, 16)
    ]
    parent = client.get_run(tracking.log_trials(settings, "tuning", trials, trials[1]))
    assert (parent.data.params, parent.data.metrics) == ({"als.factors": "16"}, {"ndcg_at_10": 0.16, "seconds": 3.0})
    children = client.search_runs([parent.info.experiment_id], f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
    found = {run.data.params["als.factors"]: (run.data.metrics["seconds"], run.data.tags["best"]) for run in children}
    assert found == {"8": (1.5, "false"), "16": (1.5, "true")}


def test_a_server_that_is_down_is_one_warning_within_seconds_and_no_password(tmp_path, capsys):
    uri = f"http://ann:canary@127.0.0.1:{free_port()}"
    settings = settings_for(tmp_path, mlflow_uri=uri)
    generation, begun = made(settings), time.monotonic()
    assert tracking.log_generation(settings, generation) is None
    assert time.monotonic() - begun < 10
    (line,) = warnings_of(capsys)
    assert "Connection refused" in line and "//" + MASK + "@127.0.0.1" in line
    written = (generation.folder / "manifest.json").read_text() + str(settings) + line
    assert "canary" not in written


def test_a_server_that_does_not_answer_is_not_waited_for(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = settings_for(tmp_path, mlflow_uri=f"http://127.0.0.1:{silent.getsockname()[1]}")
        begun = time.monotonic()
        assert tracking.log_trials(settings, "tuning", [], {"params": {}, "metrics": {}}) is None
        assert time.monotonic() - begun < 10
    (line,) = warnings_of(capsys)
    assert "no answer within 5 s" in line


def test_a_store_that_another_has_locked_is_one_warning(settings, capsys):
    generation = made(settings)
    tracking.log_generation(settings, generation)
    other = sqlite3.connect(settings.data_dir / "mlflow" / "mlflow.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert tracking.log_generation(settings, generation) is None
    other.close()
    (line,) = warnings_of(capsys)
    assert "database is locked" in line


def test_a_store_that_cannot_be_made_is_one_warning(tmp_path, capsys):
    (tmp_path / "file").write_text("where a folder should be")
    settings = settings_for(tmp_path, mlflow_uri=f"sqlite:///{tmp_path}/file/mlflow.db")
    assert tracking.log_generation(settings, made(settings)) is None
    (line,) = warnings_of(capsys)
    assert "file" in line and "File exists" in line


def test_without_mlflow_it_is_one_warning_that_says_how_to_get_it(tmp_path):
    said, warned = alone(
        "sys.modules['mlflow'] = None; "
        f"s = Settings(_env_file=None, data_dir={str(tmp_path)!r}, mlflow_uri='sqlite'); "
        "print(tracking.log_trials(s, 'tuning', [], {}))"
    )
    assert said == "None\n"
    (line,) = warned.splitlines()
    assert "MLflow is not installed" in line and "requirements-extras.txt" in line


def test_unless_it_is_asked_for_mlflow_is_not_imported(tmp_path):
    said = alone(
        "from spark_app import cli; "
        f"s = Settings(_env_file=None, data_dir={str(tmp_path)!r}); "
        "print(tracking.log_trials(s, 'tuning', [], {}), 'mlflow' in sys.modules)"
    )
    assert said == ("None False\n", "")


def test_the_terminal_hears_nothing_of_mlflow(store):
    assert store[1] == ("32\n", "")
