"""Each picture says what is in the tables, also where there is hardly anything in them."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from pictured import EVERY_KIND, PICTURES, colours_of, results_of_shop, run, shop, texts, write_results

from pictures import choosing, degrees, drawing, favourites, network, reading, words

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
    "ids and names of every kind": EVERY_KIND,
}


@pytest.mark.parametrize("case", CASES)
def test_pictures_are_drawn_of(tmp_path: Path, case: str, recwarn: pytest.WarningsRecorder) -> None:
    drawing.draw(write_results(tmp_path, **CASES[case]))
    assert all(colours_of(tmp_path / name) > 10 for name in PICTURES)
    # What another test has left open may be closed while this one runs.
    own = [warning for warning in recwarn if warning.category is not ResourceWarning]
    assert [str(warning.message) for warning in own] == []


def test_without_recommendations_the_pictures_say_so(tmp_path: Path) -> None:
    results = reading.read_results(write_results(tmp_path, {}))
    for picture in (network.recommendation_graph, degrees.degree_distribution, favourites.top_products):
        assert "Nothing to draw: nothing is recommended yet." in texts(picture(results))
    assert run("--results", tmp_path).returncode == 0


def test_the_bars_count_users_and_their_share(tmp_path: Path) -> None:
    lists = shop()
    figure = favourites.top_products(reading.read_results(write_results(tmp_path, lists, idle=["new"])))
    times = Counter(product for best in lists.values() for product in best)
    most = sorted(times, key=lambda product: (-times[product], product))[:20]
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [f"Name of {product}" for product in most]
    assert [bar.get_width() for bar in axes.patches] == [times[product] for product in most]
    assert f"{times[most[0]]} · {times[most[0]] / 241:.1%}" in texts(figure)


def test_a_product_without_a_name_is_shown_by_its_id(tmp_path: Path) -> None:
    figure = favourites.top_products(
        reading.read_results(write_results(tmp_path, {"ann": ["lamp"]}, name=lambda _: " "))
    )
    assert figure.axes[0].get_yticklabels()[0].get_text() == "lamp"


def test_the_tail_is_the_share_of_products_at_least_so_often(tmp_path: Path) -> None:
    lists = {"ann": ["a", "b", "c"], "ben": ["a", "b", "d"], "cid": ["a"]}
    figure = degrees.degree_distribution(reading.read_results(write_results(tmp_path, lists)))
    (line,) = figure.axes[0].lines
    assert line.get_xydata().tolist() == [[1, 1.0], [2, 0.5], [3, 0.25]]
    assert (figure.axes[0].get_xscale(), figure.axes[0].get_yscale()) == ("log", "log")


def test_the_histograms_count_every_user_and_product(tmp_path: Path) -> None:
    figure = degrees.degree_distribution(reading.read_results(write_results(tmp_path, shop(), idle=["new"])))
    users, products = ([bar.get_height() for bar in axes.patches] for axes in figure.axes[1:])
    beyond = [int(text.split()[0]) for text in texts(figure) if "further right" in text]
    assert (users[0], users[5], sum(users)) == (1, 240, 241)
    assert sum(products) + sum(beyond) == len({product for best in shop().values() for product in best})


def test_the_graph_says_how_much_of_it_is_shown(tmp_path: Path) -> None:
    figure = network.recommendation_graph(results_of_shop(tmp_path, 900, 300))
    known = len({product for best in shop(900, 300).values() for product in best})
    assert any(text.startswith(f"190 of 900 users and 84 of {known} products shown") for text in texts(figure))
    assert any("generation 20260101-demo" in text for text in texts(figure))
    assert any(text.startswith("community 3, mostly Toys\n225 users, ") for text in texts(figure))


def test_names_of_hubs_cover_neither_one_another_nor_the_numbers_of_communities(tmp_path: Path) -> None:
    figure = network.recommendation_graph(results_of_shop(tmp_path))
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == choosing.HUBS + 4
    assert not any(one.overlaps(other) for number, one in enumerate(boxes) for other in boxes[:number])


LABELS = {"a\r\n\tb": "a b", "\u202eabc\u200d": "abc", "": "(blan…", "\x07": "(blan…", "$x^2$": "$x^2$"}
LABELS |= {"abcdef": "abcdef", "abcdefg": "abcde…", "非常に": "非常に", "非常に長い": "非常…"}


@pytest.mark.parametrize(("text", "line"), LABELS.items())
def test_a_label_is_one_short_line(text: str, line: str) -> None:
    assert words.readable(text, 6) == line


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
