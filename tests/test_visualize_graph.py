"""The pictures are made from CSV files alone: each test writes a results folder, draws it, and looks."""

from collections.abc import Callable
from pathlib import Path

import matplotlib.image
import pytest
from pictured import EVERY_KIND, PICTURES, bytes_of, colours_of, of_four, run, shop, write_csv, write_results

import visualize_graph
from pictures import degrees, drawing, reading

FILES = [*reading.COLUMNS, "user_mappings.csv", "metrics.json"]
Refusal = Callable[[Path], str]


def test_three_pictures_are_drawn_and_named_with_their_seconds(tmp_path: Path) -> None:
    done = run("--results", write_results(tmp_path, shop(), community=of_four))
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.splitlines()] == [str(tmp_path / name) for name in PICTURES]
    assert all(line.endswith(" s") and float(line.split()[1]) < 60 for line in done.stdout.splitlines())
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*FILES, *PICTURES])


def test_the_pictures_are_large_and_not_blank(tmp_path: Path) -> None:
    drawing.draw(write_results(tmp_path, shop(), community=of_four))
    for name, (wide, high) in zip(PICTURES, [(2100, 1380), (1950, 900), (1800, 1260)], strict=True):
        assert matplotlib.image.imread(tmp_path / name).shape[:2] == (high, wide)
        assert colours_of(tmp_path / name) > 100


def test_the_folder_comes_from_the_environment_when_it_is_not_given(tmp_path: Path) -> None:
    write_results(tmp_path / "elsewhere", {"ann": ["lamp"]})
    assert run(MILLSTREAM_RESULTS_DIR=str(tmp_path / "elsewhere")).returncode == 0
    assert (tmp_path / "elsewhere" / "top_products.png").exists()


def test_a_wrong_option_is_wrong_usage() -> None:
    assert run("--result-dir", "x", "y").returncode == 2


def test_the_same_results_give_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    one, two = (write_results(tmp_path / name, shop(), community=of_four) for name in ("one", "two"))
    drawing.draw(one)
    assert run("--results", two, PYTHONHASHSEED="5").returncode == 0
    assert bytes_of(one) == bytes_of(two)


def test_a_folder_of_parts_gives_the_same_pictures_as_one_file(tmp_path: Path) -> None:
    one = write_results(tmp_path / "one", shop(), community=of_four)
    parts = write_results(tmp_path / "parts", shop(), community=of_four, parts=3)
    drawing.draw(one)
    drawing.draw(parts)
    assert bytes_of(one) == bytes_of(parts)


def test_edges_may_name_users_and_products_without_their_prefix(tmp_path: Path) -> None:
    write_results(tmp_path, {"ann": ["lamp"], "ben": ["lamp"]})
    write_csv(tmp_path / "edges.csv", [["ann", "lamp", 0.5, 1], ["ben", "lamp", 0.5, 1]])
    assert reading.read_results(tmp_path).edges["dst"].tolist() == ["p:lamp", "p:lamp"]


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture[str]) -> Refusal:
    """The one line of a run that fails and touches no file of the folder."""

    def refused(folder: Path) -> str:
        before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
        code, said = visualize_graph.main(["--results", str(folder)]), capsys.readouterr()
        assert (code, said.out, len(said.err.splitlines())) == (1, "", 1)
        assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
        return said.err

    return refused


def test_the_command_fails_with_one_line_and_no_traceback(tmp_path: Path) -> None:
    done = run("--results", tmp_path / "nowhere")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)


def test_a_missing_folder_is_named_with_the_command_that_makes_it(tmp_path: Path, refusal: Refusal) -> None:
    said = refusal(tmp_path / "nowhere")
    assert "nowhere is not a folder" in said
    assert "`make run`" in said
    assert "`python -m spark_app export`" in said


def test_an_empty_folder_holds_no_results_yet(tmp_path: Path, refusal: Refusal) -> None:
    (tmp_path / "README.md").write_text("Everything here is generated.")
    assert "holds no results yet" in refusal(tmp_path)


@pytest.mark.parametrize("name", [*reading.COLUMNS, "metrics.json"])
def test_a_missing_file_is_named(tmp_path: Path, refusal: Refusal, name: str) -> None:
    (write_results(tmp_path, {"ann": ["lamp"]}) / name).unlink()
    assert f"{name} is missing" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "edges.csv cannot be read: No columns"),
        (b"a,b\r\n1,2\r\n", "edges.csv cannot be read: columns expected but not found: ['"),
        (b"src,dst,score,rank\r\nu:ann,p:lamp,0.5\r\n", "edges.csv cannot be read: invalid literal for int"),
        (b'src,dst,score,rank\r\n"u:ann,p:lamp,0.5,1\r\n', "EOF inside string"),
        (b"src,dst,score,rank\r\n\xff\xfe,p:lamp,0.5,1\r\n", "codec can't decode"),
        (b"src,dst,score,rank\r\nu:bob,p:lamp,0.5,1\r\n", "not of one generation"),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(tmp_path: Path, content: bytes, said: str) -> None:
    (write_results(tmp_path, {"ann": ["lamp"]}) / "edges.csv").write_bytes(content)
    with pytest.raises(reading.ResultsError) as fault:
        drawing.draw(tmp_path)
    assert said in " ".join(str(fault.value).split())
    assert not list(tmp_path.glob("*.png"))


def test_metrics_without_a_generation_mean_that_no_export_ended(tmp_path: Path, refusal: Refusal) -> None:
    (write_results(tmp_path, {"ann": ["lamp"]}) / "metrics.json").write_text('["no object"]')
    assert "an export did not end" in refusal(tmp_path)


def test_a_folder_without_parts_is_a_missing_file(tmp_path: Path, refusal: Refusal) -> None:
    (write_results(tmp_path, {"ann": ["lamp"]}, parts=1) / "edges.csv" / "part-00000.csv").unlink()
    assert "edges.csv is missing" in refusal(tmp_path)


def test_an_export_while_the_files_are_read_is_noticed(
    tmp_path: Path, refusal: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    generations = iter(["old", "new"])
    monkeypatch.setattr(reading, "read_generation", lambda _: next(generations))
    assert "was replaced by generation new while it was read" in refusal(write_results(tmp_path, {"ann": ["lamp"]}))


def test_a_picture_that_fails_leaves_all_earlier_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawing.draw(write_results(tmp_path, shop(), community=of_four))
    before = bytes_of(tmp_path)
    write_results(tmp_path, {"ann": ["lamp"]})
    monkeypatch.delattr(degrees, "draw_histogram")
    with pytest.raises(NameError):
        drawing.draw(tmp_path)
    assert bytes_of(tmp_path) == before
    assert not list(tmp_path.glob(".*"))


def test_weird_ids_neither_raise_nor_warn_on_the_command_line(tmp_path: Path) -> None:
    done = run("--results", write_results(tmp_path, **EVERY_KIND))
    assert (done.returncode, done.stderr) == (0, "")
