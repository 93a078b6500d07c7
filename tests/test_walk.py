"""README.md and docs/ from top to bottom, as a stranger would type them, in a checkout of its own and a small shop.

What is not run here stands in one of two tables: with the reason, or with the test that runs it. test_commands.py fails
when a command is in neither and not run, or when a line of a table has no command any more.
"""

import gzip
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import spoken
from conftest import free_port
from spoken import ROOT
from test_cli import environment

NOT_RUN = {
    r"^docker compose": "needs Docker; test_commands.py and test_compose.py hold it against docker-compose.yml",
    r"^make (test|lint|chaos)": "a suite of tests; .ci/run runs it",
    r"^make run$|^make run SOURCE=kafka$": "100,000 sales take minutes; `make run INPUT=` does the same with fewer",
    r"^MILLSTREAM_MLFLOW_URI=sqlite make run": "the same",
    r"^make mlflow": "shows, until Ctrl-C, what the one before has logged",
    r"make airflow": "installs Airflow, and runs until Ctrl-C",
    r"^(airflow|mlflow) ": "Airflow's and MLflow's own commands",
    r"^python -m benchmarks": "minutes, and an idle machine",
    r"^(pip|apt-get) install|python -m venv": "installs packages",
    r"^python -c '[^']*fetch_jars": "fetches all packages of Spark anew",
    r"--encoder sentences": "fetches a model",
    r"^openssl ": "a tool of the system",
    r"^(aws|kubectl|docker build|sudo|export|git|sed) ":
        "needs a cloud or a cluster; test_deploy.py, test_user_data.py and test_aws.py hold what they use",
    r"^python -m spark_app$": "a program without its verb",
}
BY_A_TEST = {
    r'\$API':
        "test_coming_from_oryx.py::test_a_line_is_answered",
    r"^make kafka$|^python -m kafka_producer broker start":
        "test_broker.py::test_the_verbs_start_run_and_stop_it",
    r"^python -m kafka_producer simulate --to kafka":
        "test_send.py::test_the_command_sends_every_line_of_the_simulation_and_says_how_many",
    r"run --source kafka --follow":
        "test_following.py::test_taking_in_does_not_pause_while_a_generation_trains",
    r"spark_app serve$|serve --host 127":
        "test_server.py::test_it_serves_on_loopback_without_a_generation_and_ends_at_a_signal",
    r"serve --host 0\.0\.0\.0":
        "test_server.py::test_with_a_key_it_listens_beyond_loopback_and_asks_for_it",
    r"^make web$|web --host 127":
        "test_web_server.py::test_it_starts_an_api_beside_it_and_both_end_at_a_signal",
    r"web --host 0\.0\.0\.0":
        "test_web_server.py::test_with_a_password_it_shows_itself_beyond_loopback_and_asks_for_it",
    r"visualize_graph\.py --(html|results)":
        "test_document.py::test_the_same_results_give_the_same_page_in_another_process",
    r"segments --features browsing":
        "test_segmenting.py::test_planted_groups_of_browsers_are_found_again",
    r"interests --k":
        "test_interest_making.py::test_groups_are_found_described_and_kept_with_the_numbers_they_had",
    r"--assigned":
        "test_interest_assign_verb.py::test_it_tells_the_group_its_keywords_products_and_strategy_and_draws_a_chart",
    r"MILLSTREAM_MASTER=|MILLSTREAM_SPARK__ARCHIVES=":
        "test_cluster.py::test_the_job_ends_well_though_a_worker_dies",
}  # fmt: skip
# What has to be there for the next, in this order; within one line as the pages have it.
ORDER = (
    r"^printf|^make help", r"kafka_producer simulate", r"^make run INPUT=sales$", r"spark_app ingest|FEEDBACK",
    r"replay", r"--source kafka$", r"^python -m spark_app run$", r"spark_app export", r"trending", r"segments",
    r"evaluate", r"interests$|interests --k", r"interests assign", r"^curl(?!.*DELETE)", r"visualize_graph",
    r"^(?!.*/srv/).*spark_app (?!dump|forget|doctor)", r"dump", r"restore", r"/srv/.*run", r"doctor", r"DELETE",
    r"forget", r"^make reset",
)  # fmt: skip
OF_A_BROKER = re.compile(r"kafka_producer replay|--source kafka")
SERVED = "make serve"
DONE, TOO_LITTLE = 0, 3
QUICK = {
    "MILLSTREAM_ALS__FACTORS": "8", "MILLSTREAM_ALS__ITERATIONS": "3",
    # Reading words in hundreds of pictures takes minutes; the one that is asked about is read.
    "MILLSTREAM_INTERESTS__PICTURES": "none-are-here",
}  # fmt: skip


def is_run(text):
    return not any(re.search(pattern, text) for pattern in (*NOT_RUN, *BY_A_TEST))


def walk():
    """Commands that are run, in the order of what has to be there first."""
    texts = [line.text for line in spoken.commands() if is_run(line.text) and line.text != SERVED]
    return sorted(texts, key=lambda text: next(place for place, one in enumerate(ORDER) if re.search(one, text)))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of this checkout without data and results, and beside it what the pages take as given: files of sales."""
    home = tmp_path_factory.mktemp("checkout")
    for path in subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.splitlines():
        if not path.startswith(("tests/", "docs/images/")):
            (home / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, home / path)
    (home / ".venv").symlink_to(Path(sys.executable).parent.parent)
    typed(home, "python -m kafka_producer simulate --events 3000 --users 150 --products 200 --inbox sales")
    ratings = "userId,movieId,rating,timestamp\n1,1,4,1700000000\n1,2,5,1700000001\n2,1,3,1700000002\n"
    (home / "ratings.csv").write_text(ratings)
    (home / "ratings.csv.gz").write_bytes(gzip.compress(ratings.encode()))
    sales = "user,product,timestamp\nU00042,P0001,2026-10-01T10:00:00Z\nann,P0002,2026-10-01T10:00:09Z\n"
    for name in ("sales.csv", "file.csv"):
        (home / name).write_text(sales)
    (home / "verkauf.csv").write_text("Kunde,Artikel,Datum\nann,lamp,2026-10-01\n")
    (home / "2019-Nov.csv").write_text(
        "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n"
        "2019-11-01 00:00:00 UTC,view,1003461,2053013555631882655,electronics.smartphone,xiaomi,489.07,520088904,4d3b\n"
    )
    return home


@pytest.fixture(scope="module")
def address(checkout):
    """Where `make serve` answers, until the last of the commands."""
    port = free_port()
    process = subprocess.Popen(
        ["bash", "-c", f"exec {made(SERVED)}"], cwd=checkout, env=given(PORT=str(port)), start_new_session=True
    )
    url = f"http://127.0.0.1:{port}"
    try:
        ready(f"{url}/health/ready", process)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(30) in (DONE, -signal.SIGTERM, 2)


@pytest.mark.whole
@pytest.mark.parametrize("text", walk())
def test_a_command_of_the_pages_does_what_it_is_for(checkout, request, text):
    command = text.replace("/srv/", f"{checkout}/srv/").replace("X-API-Key: ...", "X-API-Key: none-is-set")
    if command.startswith("curl"):
        command = re.sub(r"(http://127\.0\.0\.1|localhost):8000", request.getfixturevalue("address"), command)
        command = command.replace("curl", "curl -sS --fail-with-body", 1).replace("seconds=60", "seconds=2")
    if "photo.png" in command:
        photo(checkout)
    broker = request.getfixturevalue("broker").kafka.bootstrap_servers if OF_A_BROKER.search(command) else ""
    typed(checkout, command, **{"MILLSTREAM_KAFKA__BOOTSTRAP_SERVERS": broker} if broker else {})


@pytest.mark.whole
@pytest.mark.parametrize("page", ["README.md", "docs/results.md"])
def test_a_sample_of_a_file_has_its_header(checkout, page):
    found = 0
    for language, body in spoken.blocks(ROOT / page):
        if language == "csv":
            header = body.splitlines()[0]
            assert header in headers(checkout / "results"), header
            found += 1
    assert found


def typed(home, command, **settings):
    """Run as a shell would there; 0, or 3 where there is too little, is what may come of it."""
    done = subprocess.run(
        ["bash", "-c", made(command)], cwd=home, env=given(**settings), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=500,
    )  # fmt: skip
    assert done.returncode in (DONE, TOO_LITTLE), done.stdout[-3000:] + done.stderr[-3000:]
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    return done.stdout


def made(command):
    """What make would set up first is here already, in the folder that all tests use."""
    return re.sub(r"\bmake (?=run|serve|reset|help)", "make -o .venv/.pipeline -o .venv/.serve -o java ", command)


def given(**settings):
    """The environment of a stranger with a small machine, to whom `python` is ours."""
    found = environment(**QUICK, **settings)
    return found | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": ""}


def photo(home):
    """One of the pictures that `simulate --pictures` has made."""
    if not (home / "photo.png").exists():
        shutil.copy(next(iter(sorted((home / "data" / "pictures").rglob("*.png")))), home / "photo.png")


def headers(results):
    return {path.read_text().split("\n", 1)[0].strip() for path in results.glob("*.csv")}


def ready(url, process):
    deadline = time.monotonic() + 60
    while True:
        try:
            return urllib.request.urlopen(url).read()
        except OSError:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.2)
