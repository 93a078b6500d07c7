"""dags/, read and run by Airflow itself, in an environment of its own: tasks, edges, retries, and one shop."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from test_cli import environment
from typer.main import get_command

from spark_app.cli import verbs

ROOT = Path(__file__).parent.parent
DAGS = ROOT / "dags"
TOOLS = ROOT / ".venv-airflow"
MADE_BY = "make .venv-airflow/.airflow"
VERBS = ("ingest", "train", "export", "draw", "trending", "segments", "interests")
# What Airflow makes of the folder, as JSON.
READ = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
fields = ("bash_command", "cwd", "retries", "retry_exponential_backoff", "trigger_rule")
told = lambda task: {name: getattr(task, name) for name in fields} | {
    "env": task.env, "append_env": task.append_env, "skipped_on": list(task.skip_on_exit_code),
    "downstream": sorted(task.downstream_task_ids), "delay": task.retry_delay.total_seconds(),
    "most": task.max_retry_delay.total_seconds(),
}
dags = {dag.dag_id: {task.task_id: told(task) for task in dag.tasks} for dag in bag.dags.values()}
runs = [dag.max_active_runs for dag in bag.dags.values()]
print(json.dumps({"errors": bag.import_errors, "dags": dags, "runs": runs}))
"""


@pytest.fixture(scope="module")
def airflow(tmp_path_factory):
    """Runs a program of Airflow's environment in a home of its own; gives its standard output."""
    if not (TOOLS / ".airflow").exists():
        pytest.skip(f"Airflow is not here: `{MADE_BY}` installs it")
    home = tmp_path_factory.mktemp("airflow")
    own = {"HOME": home, "DAGS_FOLDER": DAGS, "LOAD_EXAMPLES": "false"}
    core = {"AIRFLOW_HOME": str(home), "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "false"}
    core |= {f"AIRFLOW__CORE__{name}": str(value) for name, value in own.items() if name != "HOME"}
    path = f"{TOOLS / 'bin'}{os.pathsep}{os.environ['PATH']}"

    def run(program, *arguments, **settings):
        given = environment(**settings) | core | {"PATH": path}
        command = [str(TOOLS / "bin" / program), *map(str, arguments)]
        done = subprocess.run(command, cwd=home, env=given, capture_output=True, text=True, check=False, timeout=500)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    run.home = home
    return run


@pytest.fixture(scope="module")
def found(airflow):
    return json.loads(airflow("python", "-c", READ, DAGS).splitlines()[-1])


@pytest.fixture(scope="module")
def tasks(found):
    return found["dags"]["user_activity"]


def test_airflow_reads_the_folder_without_an_error(found):
    assert found["errors"] == {}
    assert list(found["dags"]) == ["user_activity"]
    assert found["runs"] == [1]


def test_each_task_is_one_verb_of_the_program_and_is_named_after_it(tasks):
    known = get_command(verbs.line()).commands
    assert set(tasks) == set(VERBS) <= set(known)
    for name, task in tasks.items():
        assert task["bash_command"] == f'exec "$PYTHON" -m spark_app {name}'
        assert task["cwd"] == str(ROOT)


def test_tasks_follow_each_other_as_the_flow_does(tasks):
    edges = {name: task["downstream"] for name, task in tasks.items()}
    assert edges == {
        "ingest": ["interests", "segments", "train", "trending"], "train": ["export"], "export": ["draw"],
        "draw": [], "trending": [], "segments": [], "interests": [],
    }  # fmt: skip


def test_too_little_data_is_skipped_and_what_fails_is_tried_again_later_and_later(tasks):
    for task in tasks.values():
        assert task["skipped_on"] == [3]
        assert (task["retries"], task["delay"], task["retry_exponential_backoff"], task["most"]) == (3, 60, 2, 900)
    rules = {name: task["trigger_rule"] for name, task in tasks.items() if task["trigger_rule"] != "all_success"}
    assert rules == {"export": "none_failed"}


def test_the_python_and_the_data_folder_are_airflows_variables_and_the_rest_is_inherited(tasks):
    for task in tasks.values():
        assert task["append_env"]
        assert set(task["env"]) == {"PYTHON", "MILLSTREAM_DATA_DIR"}
        assert "var.value.get('millstream_python'" in task["env"]["PYTHON"]
        assert task["env"]["MILLSTREAM_DATA_DIR"] == "{{ var.value.get('millstream_data_dir', 'data') }}"


def ran(airflow, home, **variables):
    """One run of the DAG on a shop of its own; gives the state in which each task ended, and what it said."""
    settings = {
        "AIRFLOW_VAR_MILLSTREAM_PYTHON": sys.executable, "AIRFLOW_VAR_MILLSTREAM_DATA_DIR": str(home / "data"),
        "MILLSTREAM_RESULTS_DIR": str(home / "results"), "MILLSTREAM_ALS__FACTORS": "8",
    }  # fmt: skip
    airflow("airflow", "db", "migrate")
    said = airflow("airflow", "dags", "test", "user_activity", **settings | variables)
    with closing(sqlite3.connect(airflow.home / "airflow.db")) as base:
        (run,) = base.execute("SELECT run_id FROM dag_run ORDER BY id DESC LIMIT 1").fetchone()
        return dict(base.execute("SELECT task_id, state FROM task_instance WHERE run_id = ?", (run,))), said


@pytest.mark.slow
def test_a_shop_without_sales_is_skipped_and_nothing_fails(airflow, tmp_path):
    states, said = ran(airflow, tmp_path)
    assert states == dict.fromkeys(VERBS, "skipped") | {"ingest": "success"}
    assert "0 of 1,000 new events" in said and "nothing is published yet" in said


@pytest.mark.whole
def test_a_simulated_shop_goes_through_from_end_to_end(airflow, tmp_path):
    sizes = ["--events", "2000", "--users", "80", "--products", "60", "--inbox", tmp_path / "data" / "inbox"]
    simulate = [sys.executable, "-m", "kafka_producer", "simulate", "--to", "files", *sizes]
    subprocess.run(simulate, cwd=ROOT, check=True, capture_output=True)
    states, _ = ran(airflow, tmp_path)
    # Nobody of the simulated shop posts.
    assert states == dict.fromkeys(VERBS, "success") | {"interests": "skipped"}
    there = {path.name for path in (tmp_path / "results").iterdir()}
    assert {"recommendations.csv", "trending.csv", "segments.csv", "recommendation_graph.png", "clusters.png"} <= there
    assert json.loads((tmp_path / "results" / "metrics.json").read_text())["published"]
