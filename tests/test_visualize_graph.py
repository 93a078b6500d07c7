"""The pictures are made from CSV files alone: each test writes a results folder, draws it, and looks."""

import csv
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

import visualize_graph as drawing

Refusal = Callable[[Path], str]
SCRIPT = Path(drawing.__file__)
PICTURES = ["recommendation_graph.png", "degree_distribution.png", "top_products.png"]
HEADERS = {
    "recommendations.csv": "user,product,userId,productId,score,rank,source,because",
    "vertices.csv": "id,type,label,degree,pagerank,community,component",
    "edges.csv": "src,dst,score,rank",
    "user_mappings.csv": "user,userId",
    "product_mappings.csv": "product,productId,name,category,brand",
}
WEIRD = ["NA", "null", "nan", "", " ", "\t", "\x07bell", "a\r\nb", 'say "hi", you', "$x_1^{2$", "\\frac{1}{", "%s{}"]
WEIRD += ["=1+1", "'=1", "'it", "-", "u:1", "x" * 256, "\U0001f600", "𐍈", "\u202eabc\u200f", "שלום"]
WEIRD += ["非常に長い商品名" * 20]


def guarded(cell: object) -> object:
    """As exports.py writes it; said once more here, for this file knows nothing of Spark."""
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip("'")[:1] in tuple("=+-@\t\r") else cell


def write_csv(path: Path, rows: Iterable[Iterable[object]], parts: int = 0) -> None:
    rows = [[guarded(cell) for cell in row] for row in rows]
    for part in range(max(parts, 1)):
        target = path / f"part-{part:05d}.csv" if parts else path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([HEADERS[path.name].split(","), *(rows[part::parts] if parts else rows)])


def write_results(
    folder: Path,
    lists: dict[str, list[str]],
    *,
    community: Callable[[str], object] = lambda _: 0,
    name: Callable[[str], str] = lambda product: f"Name of {product}",
    idle: Iterable[str] = (),
    parts: int = 0,
) -> Path:
    """A results folder from user -> products in the order of their rank; `idle` are users without a list."""
    found = [(user, product, rank) for user, best in lists.items() for rank, product in enumerate(best, start=1)]
    times = Counter(product for _, product, _ in found)
    users, products = [*lists, *idle], sorted(times)
    vertices = [[f"u:{user}", "user", user, len(lists.get(user, [])), 1.0, community(f"u:{user}"), 0] for user in users]
    vertices += [[f"p:{of}", "product", name(of) or of, times[of], 1.0, community(f"p:{of}"), 0] for of in products]
    tables = {
        "recommendations.csv": [[user, of, 0, 0, 0.5, rank, "als", json.dumps([of])] for user, of, rank in found],
        "vertices.csv": vertices,
        "edges.csv": [[f"u:{user}", f"p:{of}", 0.5, rank] for user, of, rank in found],
        "user_mappings.csv": [[user, number] for number, user in enumerate(users)],
        "product_mappings.csv": [[of, number, name(of), "Toys", ""] for number, of in enumerate(products)],
    }
    for file, rows in tables.items():
        write_csv(folder / file, rows, parts)
    (folder / "metrics.json").write_text(json.dumps({"generation": "20260101-demo"}), encoding="utf-8")
    return folder


def shop(users: int = 240, products: int = 120, communities: int = 4) -> dict[str, list[str]]:
    """Lists of five, mostly from one's own community, the first products of each far oftener than the last."""
    rng = np.random.default_rng(3)
    lists = {}
    for user in range(users):
        mine = np.arange(products) % communities == user % communities
        weight = np.where(mine, 1.0, 0.02) / (1 + np.arange(products) // communities) ** 1.2
        best = rng.choice(products, 5, replace=False, p=weight / weight.sum())
        lists[f"user{user}"] = [f"item{of}" for of in best]
    return lists


def results_of_shop(folder: Path, users: int = 240, products: int = 120) -> drawing.Results:
    return drawing.read_results(write_results(folder, shop(users, products), community=of_four))


def of_four(vertex: str) -> int:
    return int(vertex.removeprefix("u:user").removeprefix("p:item")) % 4


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MILLSTREAM_")}
    return subprocess.run(command, capture_output=True, text=True, env=clean | environment, timeout=120)


def colours_of(path: Path) -> int:
    """How many different colours a picture has; a blank page has one."""
    pixels = matplotlib.image.imread(path)[::3, ::3, :3].reshape(-1, 3)
    return len(np.unique((pixels * 255).astype(int) @ [1, 256, 65536]))


def bytes_of(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in PICTURES]


# The command.


def test_three_pictures_are_drawn_and_named_with_their_seconds(tmp_path: Path) -> None:
    done = run("--results", write_results(tmp_path, shop(), community=of_four))
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.splitlines()] == [str(tmp_path / name) for name in PICTURES]
    assert all(line.endswith(" s") and float(line.split()[1]) < 60 for line in done.stdout.splitlines())
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*HEADERS, "metrics.json", *PICTURES])


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
    assert drawing.read_results(tmp_path).edges["dst"].tolist() == ["p:lamp", "p:lamp"]


# What cannot be drawn is said in one line, and the pictures before it stay.


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture[str]) -> Refusal:
    """The one line of a run that fails and touches no file of the folder."""

    def refused(folder: Path) -> str:
        before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
        code, said = drawing.main(["--results", str(folder)]), capsys.readouterr()
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


@pytest.mark.parametrize("name", [*drawing.COLUMNS, "metrics.json"])
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
    with pytest.raises(drawing.ResultsError) as fault:
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
    monkeypatch.setattr(drawing, "read_generation", lambda _: next(generations))
    assert "was replaced by generation new while it was read" in refusal(write_results(tmp_path, {"ann": ["lamp"]}))


def test_a_picture_that_fails_leaves_all_earlier_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawing.draw(write_results(tmp_path, shop(), community=of_four))
    before = bytes_of(tmp_path)
    write_results(tmp_path, {"ann": ["lamp"]})
    monkeypatch.delattr(drawing, "draw_histogram")
    with pytest.raises(NameError):
        drawing.draw(tmp_path)
    assert bytes_of(tmp_path) == before
    assert not list(tmp_path.glob(".*"))


# Degenerate data.

CASES = {
    "one user and one product": {"lists": {"ann": ["lamp"]}},
    "headers only": {"lists": {}},
    "users without a list": {"lists": {}, "idle": ["ann", "ben", "cid"]},
    "some users without a list": {"lists": {"ann": ["lamp", "rug"]}, "idle": ["ben", "cid"], "community": lambda _: ""},
    "all products equally often": {"lists": {f"u{user}": [f"p{of}" for of in range(7)] for user in range(30)}},
    "no product has a name": {"lists": shop(60, 30), "name": lambda _: ""},
    "all products have one name": {"lists": shop(60, 30), "name": lambda _: "Same"},
    "every vertex is a community": {"lists": shop(60, 30), "community": lambda vertex: int(vertex[6:])},
    "no vertex has a community": {"lists": shop(60, 30), "community": lambda _: ""},
    "ids and names of every kind": {"lists": {f"{a}!": WEIRD for a in WEIRD}, "name": lambda product: product[::-1]},
}


@pytest.mark.parametrize("case", CASES)
def test_pictures_are_drawn_of(tmp_path: Path, case: str, recwarn: pytest.WarningsRecorder) -> None:
    drawing.draw(write_results(tmp_path, **CASES[case]))
    assert all(colours_of(tmp_path / name) > 10 for name in PICTURES)
    assert [str(warning.message) for warning in recwarn] == []


def test_without_recommendations_the_pictures_say_so(tmp_path: Path) -> None:
    results = drawing.read_results(write_results(tmp_path, {}))
    for picture in (drawing.recommendation_graph, drawing.degree_distribution, drawing.top_products):
        assert "Nothing to draw: nothing is recommended yet." in texts(picture(results))
    assert run("--results", tmp_path).returncode == 0


def test_weird_ids_neither_raise_nor_warn_on_the_command_line(tmp_path: Path) -> None:
    done = run("--results", write_results(tmp_path, **CASES["ids and names of every kind"]))
    assert (done.returncode, done.stderr) == (0, "")


# Reading.


def test_ids_are_read_as_they_were_before_the_guard(tmp_path: Path) -> None:
    results = drawing.read_results(write_results(tmp_path, {of: [of] for of in WEIRD}, name=lambda product: product))
    assert sorted(results.recommendations["product"]) == sorted(WEIRD)
    assert sorted(results.vertices.index) == sorted([f"u:{of}" for of in WEIRD] + [f"p:{of}" for of in WEIRD])
    assert results.products["name"].to_dict() == {of: of for of in WEIRD}


@pytest.mark.parametrize(
    ("cell", "text"),
    [("'=1", "=1"), ("''=1", "'=1"), ("'it", "'it"), ("'", "'"), ("=1", "=1"), ("'\t", "\t"), ("", ""), ("'-", "-")],
)
def test_one_apostrophe_is_taken_away_where_one_was_added(cell: str, text: str) -> None:
    assert drawing.unguarded(cell) == text


# Choosing and laying out.


def test_the_sample_keeps_its_limits_and_the_hubs(tmp_path: Path) -> None:
    lists = shop(users=900, products=300)
    nodes, edges = drawing.choose(drawing.read_results(write_results(tmp_path, lists, community=of_four)))
    assert nodes["type"].value_counts().to_dict() == {"user": drawing.MOST_USERS, "product": drawing.MOST_PRODUCTS}
    times = Counter(product for best in lists.values() for product in best)
    most = sorted(times, key=lambda product: (-times[product], f"p:{product}"))[: drawing.HUBS]
    assert {f"p:{product}" for product in most} <= set(nodes.index)
    assert int(nodes["hub"].sum()) == drawing.HUBS
    assert set(edges["src"]) | set(edges["dst"]) <= set(nodes.index)


def test_every_community_has_products_a_named_hub_and_linked_users(tmp_path: Path) -> None:
    nodes, edges = drawing.choose(results_of_shop(tmp_path, 900, 300))
    assert set(nodes.index[nodes["type"] == "user"]) == set(edges["src"])
    assert nodes.groupby(["group", "type"]).size().min() >= 10
    assert set(nodes.loc[nodes["hub"], "group"]) == {0, 1, 2, 3}


def test_small_communities_share_one_disc_and_no_disc_touches_another(tmp_path: Path) -> None:
    results = drawing.read_results(write_results(tmp_path, shop(), community=lambda vertex: int(vertex[6:]) % 30))
    nodes, discs = drawing.lay_out(*drawing.choose(results))
    assert sorted(discs.index) == [drawing.OTHERS, *range(8)]
    for one in discs.itertuples():
        inside = nodes[nodes["group"] == one.Index]
        assert np.hypot(inside["x"] - one.x, inside["y"] - one.y).max() < one.radius
        others = discs.drop(one.Index)
        assert (np.hypot(others["x"] - one.x, others["y"] - one.y) > others["radius"] + one.radius).all()


def test_nodes_do_not_lie_on_one_another(tmp_path: Path) -> None:
    nodes, _ = drawing.lay_out(*drawing.choose(results_of_shop(tmp_path)))
    at = nodes[["x", "y"]].to_numpy()
    apart = np.hypot(*(at[:, None] - at[None]).T) + 9 * np.eye(len(at))
    assert apart.min() > 0.25
    assert np.median(apart.min(axis=0)) > 1


# Drawing.


def texts(figure: object) -> list[str]:
    """Every text of a figure, also those of its axes."""
    return [text.get_text() for text in figure.findobj(lambda part: hasattr(part, "get_text")) if text.get_text()]


def test_the_bars_count_users_and_their_share(tmp_path: Path) -> None:
    lists = shop()
    figure = drawing.top_products(drawing.read_results(write_results(tmp_path, lists, idle=["new"])))
    times = Counter(product for best in lists.values() for product in best)
    most = sorted(times, key=lambda product: (-times[product], product))[:20]
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [f"Name of {product}" for product in most]
    assert [bar.get_width() for bar in axes.patches] == [times[product] for product in most]
    assert f"{times[most[0]]} · {times[most[0]] / 241:.1%}" in texts(figure)


def test_a_product_without_a_name_is_shown_by_its_id(tmp_path: Path) -> None:
    figure = drawing.top_products(drawing.read_results(write_results(tmp_path, {"ann": ["lamp"]}, name=lambda _: " ")))
    assert figure.axes[0].get_yticklabels()[0].get_text() == "lamp"


def test_the_tail_is_the_share_of_products_at_least_so_often(tmp_path: Path) -> None:
    lists = {"ann": ["a", "b", "c"], "ben": ["a", "b", "d"], "cid": ["a"]}
    figure = drawing.degree_distribution(drawing.read_results(write_results(tmp_path, lists)))
    (line,) = figure.axes[0].lines
    assert line.get_xydata().tolist() == [[1, 1.0], [2, 0.5], [3, 0.25]]
    assert (figure.axes[0].get_xscale(), figure.axes[0].get_yscale()) == ("log", "log")


def test_the_histograms_count_every_user_and_product(tmp_path: Path) -> None:
    figure = drawing.degree_distribution(drawing.read_results(write_results(tmp_path, shop(), idle=["new"])))
    users, products = ([bar.get_height() for bar in axes.patches] for axes in figure.axes[1:])
    beyond = [int(text.split()[0]) for text in texts(figure) if "further right" in text]
    assert (users[0], users[5], sum(users)) == (1, 240, 241)
    assert sum(products) + sum(beyond) == len({product for best in shop().values() for product in best})


def test_the_graph_says_how_much_of_it_is_shown(tmp_path: Path) -> None:
    figure = drawing.recommendation_graph(results_of_shop(tmp_path, 900, 300))
    known = len({product for best in shop(900, 300).values() for product in best})
    assert any(text.startswith(f"190 of 900 users and 84 of {known} products shown") for text in texts(figure))
    assert any("generation 20260101-demo" in text for text in texts(figure))
    assert any(text.startswith("community 3, mostly Toys\n225 users, ") for text in texts(figure))


def test_names_of_hubs_cover_neither_one_another_nor_the_numbers_of_communities(tmp_path: Path) -> None:
    figure = drawing.recommendation_graph(results_of_shop(tmp_path))
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == drawing.HUBS + 4
    assert not any(one.overlaps(other) for number, one in enumerate(boxes) for other in boxes[:number])


LABELS = {"a\r\n\tb": "a b", "\u202eabc\u200d": "abc", "": "(blan…", "\x07": "(blan…", "$x^2$": "$x^2$"}
LABELS |= {"abcdef": "abcdef", "abcdefg": "abcde…", "非常に": "非常に", "非常に長い": "非常…"}


@pytest.mark.parametrize(("text", "line"), LABELS.items())
def test_a_label_is_one_short_line(text: str, line: str) -> None:
    assert drawing.readable(text, 6) == line


def test_twenty_thousand_nodes_are_drawn_in_ten_seconds(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    chosen = np.minimum(rng.pareto(1.0, size=(16_000, 13)) * 20, 3_999).astype(int)
    lists = {f"user{user}": [f"item{of}" for of in dict.fromkeys(row)] for user, row in enumerate(chosen)}
    write_results(tmp_path, lists, community=lambda vertex: int(vertex[6:]) % 40)
    before = os.times()
    drawing.draw(tmp_path)
    spent = os.times()
    # Processor time: other tests may share the machine.
    assert spent.user + spent.system - before.user - before.system < 10
