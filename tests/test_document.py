"""The HTML file: one file, below five million bytes, the same each time, and what the data say is text in it."""

import json
import re

from pictured import of_four, run, shop, write_results

from pictures import document, reading

LIMIT = 5_000_000


def page_of(folder, lists, **how):
    return document.recommendation_graph(reading.read_results(write_results(folder, lists, **how)))


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])


def test_the_same_results_give_the_same_page_in_another_process(tmp_path):
    one, two = (write_results(tmp_path / name, shop(), community=of_four) for name in ("one", "two"))
    assert run("--results", one, "--html", PYTHONHASHSEED="1").returncode == 0
    done = run("--results", two, "--html", PYTHONHASHSEED="2")
    assert done.stdout.splitlines()[-1].startswith(str(two / document.FILE))
    assert (one / document.FILE).read_bytes() == (two / document.FILE).read_bytes()


def test_without_the_option_there_is_no_page(tmp_path):
    assert run("--results", write_results(tmp_path, {"ann": ["lamp"]})).returncode == 0
    assert not (tmp_path / document.FILE).exists()


def test_it_says_how_much_is_shown_in_the_title_and_on_the_page(tmp_path):
    page = page_of(tmp_path, shop(900, 300), community=of_four)
    assert re.search(r"<title>Who is recommended what: 190 of 900 users and 84 of \d+ products shown</title>", page)
    assert page.count("190 of 900 users") == 2
    assert "generation 20260101-demo" in page


def test_it_fits_with_the_longest_lists_of_the_longest_names(tmp_path):
    """Everybody has all products that are shown, and every letter takes four bytes."""
    products = [f"{'𐍈' * 200}{of:03}" for of in range(90)]
    lists = {f"{'𐍈' * 200}{user:03}": products for user in range(200)}
    page = page_of(tmp_path, lists, name=lambda product: f"{product[-3:]}{'𐍈' * 99}")
    assert len(page.encode()) < LIMIT


def test_what_the_data_say_never_ends_a_script_and_is_never_a_place_to_fill(tmp_path):
    names = ["</script><b>alert(1)</b>", "<!--PLOTLY-->", "<!--DATA-->", "<!--", "\u2028", 'a"b\\']
    page = page_of(tmp_path, {"<!--DATA-->": names, "</script>": names}, name=lambda product: product)
    assert page.count("</script>") == 3
    assert {*names[:4], names[5]} <= set(data_of(page)["nodes"]["name"])


def test_a_generation_named_like_a_tag_is_text(tmp_path):
    folder = write_results(tmp_path, {"ann": ["lamp"]})
    (folder / "metrics.json").write_text(json.dumps({"generation": "<b>&<!--DATA-->"}))
    page = document.recommendation_graph(reading.read_results(folder))
    assert "generation &lt;b&gt;&amp;&lt;!--DATA--&gt;" in page


def test_nodes_lists_and_communities_are_in_the_data(tmp_path):
    lists = {"ann": ["lamp", "rug"], "ben": ["rug"]}
    data = data_of(page_of(tmp_path, lists, name=lambda product: product.upper()))
    label = data["nodes"]["label"]
    assert sorted(label) == ["LAMP (lamp)", "RUG (rug)", "ann", "ben"]
    walked = {label[user]: {label[of] for of in products} for user, *products in data["edges"]}
    assert walked == {"ann": {"LAMP (lamp)", "RUG (rug)"}, "ben": {"RUG (rug)"}}
    assert data["groups"] == {"0": "community 0, mostly Toys: 2 users, 2 products"}


def test_a_page_of_nothing_is_a_page(tmp_path):
    assert data_of(page_of(tmp_path, {}))["nodes"]["x"] == []
