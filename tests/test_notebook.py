"""The notebooks run from their first cell to their last, and are kept without what they printed."""

from pathlib import Path

import nbformat
import pytest
from conftest import SMALL_SPARK
from nbclient import NotebookClient

ROOT = Path(__file__).parent.parent
# What each has to say on its way.
SAYS = {
    "0_pipeline": "batch view", "1_dashboard": "accepted", "2_user_segmentation": "silhouette",
    "3_user_embedding": "of the same planted group", "4_browsing_graph": "silhouette",
}  # fmt: skip
# A month by the day, two generations, and the same once more by another way.
LONG = {"0_pipeline"}
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_what_it_printed(path):
    cells = nbformat.read(path, as_version=4).cells
    assert not [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")]
    assert str(Path.home()) not in path.read_text() and str(ROOT) not in path.read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", [pytest.param(path, marks=[pytest.mark.night] if path.stem in LONG else []) for path in NOTEBOOKS],
    ids=lambda path: path.stem,
)  # fmt: skip
def test_a_notebook_runs_to_its_end(path, monkeypatch):
    """What does not agree stops it: it asserts that itself."""
    monkeypatch.setenv("MILLSTREAM_SPARK__JAVA_OPTIONS", str(SMALL_SPARK["java_options"]))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
    said = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert SAYS[path.stem] in said
