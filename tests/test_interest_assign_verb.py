"""The verb interests assign: what it prints and draws, and how it ends where it cannot."""

import json

import planted
import pytest
import typer
from conftest import settings_for

from spark_app.cli import assigning
from spark_app.running import logs


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Those that the verb reads from the environment."""
    made = settings_for(tmp_path, interests={"products": tmp_path / "products"})
    for name, value in (("DATA_DIR", made.data_dir), ("RESULTS_DIR", made.results_dir)):
        monkeypatch.setenv(f"MILLSTREAM_{name}", str(value))
    monkeypatch.setenv("MILLSTREAM_INTERESTS__PRODUCTS", str(made.interests.products))
    monkeypatch.setattr(logs, "start", lambda *_, **__: None)
    return made


def code(ends) -> int:
    with pytest.raises((SystemExit, typer.Exit)) as ended:
        ends()
    return ended.value.code if isinstance(ended.value, SystemExit) else ended.value.exit_code


def test_it_tells_the_group_its_keywords_products_and_strategy_and_draws_a_chart(settings, capsys):
    planted.keep(settings)
    planted.catalogue(settings.interests.products, "espresso,C1,Machine,https://shop.example/c1,")
    assigning.assign(planted.COFFEE)
    said = capsys.readouterr().out
    assert said.startswith(f"Group {planted.number('coffee')} (") and "over 99 % sure" in said.splitlines()[0]
    for words in ("its words: ", "keywords: ", "C1", "https://shop.example/c1", "needs: They talk about", "tone: "):
        assert words in said
    chart = settings.results_dir / assigning.CHART
    assert chart.read_bytes().startswith(b"\x89PNG") and f"chart: {chart}" in said.replace("\n", "")


def test_a_picture_is_read_and_told_as_json(settings, capsys, tmp_path):
    pytest.importorskip("rapidocr_onnxruntime")
    planted.keep(settings)
    (tmp_path / "photo.png").write_bytes(planted.picture())
    assigning.assign("", image=tmp_path / "photo.png", chart=tmp_path / "chart.svg", as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["group"] == planted.number("garden") and "COMPOST" in found["read"].upper()
    assert "<svg" in (tmp_path / "chart.svg").read_text()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({}, "expected a text, a picture with --image, or both"),
        ({"image": "none.png"}, "none.png: No such file or directory: expected a picture"),
        ({"image": "notes.txt"}, "notes.txt: not a picture, expected PNG"),
        ({"text": "a", "chart": "chart.txt"}, "expected a file that ends with .png or .svg"),
    ],
)
@pytest.mark.usefixtures("settings")
def test_what_cannot_be_assigned_is_one_line_and_code_2(capsys, tmp_path, how, said):
    (tmp_path / "notes.txt").write_text("no picture")
    given = {name: value if name == "text" else tmp_path / value for name, value in how.items()}
    assert code(lambda: assigning.assign(**given)) == 2
    found = capsys.readouterr().err
    assert said in found and len(found.strip().splitlines()) == 1


def test_a_wrong_catalogue_is_one_line_and_code_2(settings, capsys):
    planted.catalogue(settings.interests.products, "1,P1")
    assert code(lambda: assigning.assign("espresso")) == 2
    assert "shop.csv, line 2: expected as many cells as the header has" in capsys.readouterr().err


@pytest.mark.usefixtures("settings")
def test_before_any_are_kept_it_names_the_command_with_code_3(capsys):
    assert code(lambda: assigning.assign("espresso")) == 3
    assert "python -m spark_app interests" in capsys.readouterr().out
