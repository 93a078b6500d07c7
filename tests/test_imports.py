"""The direction of imports is a test: a stage knows the ground floor, and no stage knows another."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
APP = ROOT / "spark_app"
# Free of Spark, read by all: modules, and rooms with modules of their own.
GROUND_MODULES = {
    "settings", "blocks", "decisive", "configuration", "schemas", "rules", "scoring", "shop_rules", "segmentation",
    "locks", "layouts", "logged_model",
}  # fmt: skip
GROUND_ROOMS = {"numbers", "tuning", "running", "storage", "intake", "timeline", "grouping", "interests"}
GROUND_FLOOR = GROUND_MODULES | GROUND_ROOMS
# What a model is, for those that use one; `models/__init__.py` holds nothing else.
INTERFACES = {"models", "frames"}
STAGES = {
    "session",
    "sources",
    "events",
    "store",
    "interactions",
    "policy",
    "evaluation",
    "recommendations",
    "graph",
    "trending",
    "recent",
    "matching",
    "generations",
    "exports",
    "cohorts/posts",
    "cohorts/interest_placing",
}
# They know the order, and call the stages.
WIRING = {
    "__init__", "__main__", "ingestion", "following", "quarantine", "retention", "gate", "tune", "explaining",
    "tracking", "lately", "personal", "layers", "dumps", "pipeline", "status", "doctor",
}  # fmt: skip
WIRING_ROOMS = {"fitting", "mapped", "cohorts", "forgetting"}
# What answers and asks the user: nothing below knows it.
ABOVE = {"cli", "serving", "web"}
# The API answers from what stages have written, without Spark.
SERVING = sorted((APP / "serving").rglob("*.py"))
SERVING_MAY_READ = {"generations", "mapped", "status", "forgetting"}
# The page asks the API alone.
WEB = sorted((APP / "web").rglob("*.py"))
# A session needs a Java; all that speaks to the user is wiring.
PICTURES = [ROOT / "visualize_graph.py", *sorted((ROOT / "pictures").glob("*.py"))]
# A stage of several rooms: they know one another.
SEGMENTS = sorted((APP / "segments").glob("*.py"))
FRAMES = sorted((APP / "frames").glob("*.py"))
MODELS = {path.stem for path in (APP / "models").glob("*.py")} - {"__init__"}


def imported(path: Path) -> set[str]:
    """Modules of spark_app that a file imports, by their first name below it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "spark_app":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("spark_app."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("spark_app.")}
    return found


def packages(path: Path) -> set[str]:
    """Packages that a file imports."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    named = {alias.name.split(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return named | {(node.module or "").split(".")[0] for node in nodes if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_a_stage_imports_the_ground_floor_and_no_other_stage(stage):
    assert imported(APP / f"{stage}.py") <= GROUND_FLOOR | INTERFACES


@pytest.mark.parametrize("model", sorted(MODELS))
def test_a_model_imports_the_ground_floor_and_no_stage(model):
    assert imported(APP / "models" / f"{model}.py") <= GROUND_FLOOR | INTERFACES


@pytest.mark.parametrize("path", FRAMES, ids=[path.stem for path in FRAMES])
def test_what_stages_share_knows_no_stage(path):
    assert imported(path) <= GROUND_FLOOR | INTERFACES


@pytest.mark.parametrize("path", SEGMENTS, ids=[path.stem for path in SEGMENTS])
def test_segments_are_a_stage(path):
    assert imported(path) <= GROUND_FLOOR | INTERFACES | {"segments"}


BELOW = [
    *(APP / f"{module}.py" for module in sorted(GROUND_MODULES)),
    *(path for room in sorted(GROUND_ROOMS) for path in sorted((APP / room).rglob("*.py"))),
]
# What hands on to the verbs, and what holds the answers of serving against those of Spark.
MAY_ASK = {"__main__.py", "explaining.py", "layers.py", "fitting/agreement.py"}
NOT_ABOVE = [
    path for path in sorted(APP.rglob("*.py"))
    if path.relative_to(APP).parts[0] not in ABOVE and str(path.relative_to(APP)) not in MAY_ASK
]  # fmt: skip


@pytest.mark.parametrize("path", BELOW, ids=[str(path.relative_to(APP)) for path in BELOW])
def test_the_ground_floor_knows_no_spark_and_nothing_above_it(path):
    assert "pyspark" not in packages(path)
    assert imported(path) <= GROUND_FLOOR


@pytest.mark.parametrize("path", SERVING, ids=[str(path.relative_to(APP)) for path in SERVING])
def test_serving_imports_the_ground_floor_and_neither_spark_nor_a_stage(path):
    assert "pyspark" not in packages(path)
    assert imported(path) <= GROUND_FLOOR | SERVING_MAY_READ | {"serving"}


@pytest.mark.parametrize("path", WEB, ids=[path.name for path in WEB])
def test_the_page_asks_the_api_and_imports_neither_spark_nor_a_stage_nor_serving(path):
    assert not packages(path) & {"pyspark", "deltalake", "pyarrow", "requests", "urllib3"}
    assert imported(path) <= GROUND_FLOOR | {"web"}
    # One room asks the API; another looks whether there is one.
    assert "httpx" not in packages(path) or path.name in {"asking.py", "beside.py"}


@pytest.mark.parametrize("path", NOT_ABOVE, ids=[str(path.relative_to(APP)) for path in NOT_ABOVE])
def test_what_speaks_to_the_user_is_known_by_nothing_below_it(path):
    assert not imported(path) & ABOVE


def test_every_module_is_a_stage_the_ground_floor_or_wiring():
    assert {path.stem for path in APP.glob("*.py")} <= GROUND_MODULES | STAGES | WIRING
    rooms = {path.parent.name for path in APP.glob("*/__init__.py")}
    assert rooms == GROUND_ROOMS | INTERFACES | {"segments"} | WIRING_ROOMS | ABOVE


def test_serving_brings_no_spark_along_and_the_start_of_other_verbs_no_web_server():
    """However far: what a module imports may import what it must not."""
    everything = ", ".join(".".join(path.relative_to(ROOT).with_suffix("").parts) for path in SERVING)
    assert not loaded(everything) & {"pyspark", "py4j"}
    work = loaded("spark_app.cli.work")
    assert not work & {"fastapi", "starlette", "uvicorn", "prometheus_client", "streamlit", "sklearn"}


def test_a_verb_brings_only_what_it_needs_along():
    assert not loaded("spark_app.cli.entry") & {"pyspark", "pyarrow", "pandas", "numba", "sklearn", "fastapi"}
    assert not loaded("spark_app.cli.check") & {"sklearn", "fastapi"}


def test_the_page_brings_no_spark_along():
    rooms = (path for path in WEB if path.stem != "pages")
    found = loaded(", ".join(".".join(path.relative_to(ROOT).with_suffix("").parts) for path in rooms))
    assert "streamlit" in found and not found & {"pyspark", "py4j", "fastapi"}


def loaded(modules: str) -> set[str]:
    """Packages that a new Python has loaded once it has imported these."""
    code = f"import sys, {modules}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_only_the_settings_read_the_environment():
    readers = {
        path.name for path in [*APP.rglob("*.py")] if "os.environ" in path.read_text() or "getenv" in path.read_text()
    }
    # java.py looks for JAVA_HOME, session.py sets what Spark reads.
    assert readers <= {"settings.py", "java.py", "session.py"}


@pytest.mark.parametrize("path", PICTURES, ids=[str(path.relative_to(ROOT)) for path in PICTURES])
def test_the_pictures_need_no_spark_and_nothing_else_of_ours(path):
    assert not packages(path) & {"pyspark", "spark_app", "kafka_producer"}


def test_the_pictures_bring_no_spark_along():
    assert not loaded("visualize_graph") & {"pyspark", "py4j", "spark_app", "kafka_producer"}


@pytest.mark.parametrize(("folder", "alone"), [("spark_app", "topic.py"), ("kafka_producer", "send.py")])
def test_one_file_of_each_program_knows_a_kafka_client(folder, alone):
    assert [path.name for path in (ROOT / folder).rglob("*.py") if "kafka" in packages(path)] == [alone]


def test_the_application_never_imports_the_producer():
    assert not [path for path in APP.rglob("*.py") if "kafka_producer" in packages(path)]


def test_the_model_that_is_logged_needs_nothing_of_ours():
    assert packages(APP / "logged_model.py") <= {"pathlib", "pandas", "pyarrow"}
