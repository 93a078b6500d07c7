"""The HTML file in a browser: opened from disk, without a request, running nothing of what the data say."""

import json
import shutil

import pytest
from pictured import of_four, shop, write_results
from playwright.sync_api import sync_playwright

from pictures import choosing, document, interactive, layout, reading

CHROMIUM = shutil.which("chromium")
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")]
BAD = ["<script>alert(1)</script>", "</script><img src=x onerror=alert(1)>", "$x$", "<b>bold</b>", "%{x}", "&lt;"]
# What Plotly was given, as JSON can say it, for comparison with Python's figure.
GIVEN = "() => JSON.parse(JSON.stringify(part('graph').data))"

HOVER = """label => {
    const graph = part("graph"), isIt = (of) => NODES.label[of[0]] === label;
    const curveNumber = graph.data.findIndex(({ customdata }) => customdata?.some(isIt));
    Plotly.Fx.hover(graph, [{ curveNumber, pointNumber: graph.data[curveNumber].customdata.findIndex(isIt) }]);
}"""


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser, tmp_path):
    """Opens the page of some results; every request but for itself, error or dialog fails the test."""
    faults, pages = [], []

    def opened(results, **how):
        path = tmp_path / document.FILE
        path.write_text(document.recommendation_graph(results), encoding="utf-8")
        page = browser.new_page(viewport={"width": 1280, "height": 800}, **how)
        pages.append(page)
        page.on("request", lambda asked: asked.url == path.as_uri() or faults.append(asked.url))
        page.on("pageerror", lambda fault: faults.append(str(fault)))
        page.on("console", lambda said: said.type == "error" and faults.append(said.text))
        page.on("dialog", lambda dialog: (faults.append(dialog.message), dialog.dismiss()))
        page.goto(path.as_uri())
        page.wait_for_selector("#what:not(:empty)")
        return page

    yield opened
    for page in pages:
        page.close()
    assert faults == []


@pytest.fixture
def results(tmp_path):
    return reading.read_results(write_results(tmp_path / "results", shop(), community=of_four))


def bright(page):
    return page.evaluate("NODES.label.filter((_, node) => lit()[node]).sort()")


def test_a_search_shows_the_neighbours_and_a_click_on_one_goes_there(open_page, results):
    page = open_page(results)
    user = page.evaluate("NODES.label[NODES.kind.indexOf(0)]")
    page.fill("#search", user)
    page.press("#search", "Enter")
    shown = [item.inner_text() for item in page.query_selector_all("#near button")]
    in_list = results.edges.loc[results.edges["src"] == f"u:{user}", "dst"].str[2:]
    assert bright(page) == sorted([user, *shown])
    assert {label.split("(")[1].rstrip(")") for label in shown} <= set(in_list)
    page.click("#near button >> nth=0")
    assert page.inner_text("#what") == shown[0]
    assert user in bright(page)
    page.keyboard.press("Escape")
    assert len(bright(page)) == page.evaluate("NODES.x.length")


def test_a_node_is_hovered_over_and_clicked_on(open_page, results):
    page = open_page(results)
    at = page.evaluate(
        """() => { const of = part("graph"), {xaxis, yaxis} = of._fullLayout, box = of.getBoundingClientRect();
        return [box.x + xaxis._offset + xaxis.l2p(NODES.x[0]), box.y + yaxis._offset + yaxis.l2p(NODES.y[0])]; }"""
    )
    page.mouse.move(*at)
    page.wait_for_selector(".hoverlayer .hovertext")
    label = page.evaluate("NODES.label[0]")
    assert label in page.inner_text("body") or label in page.text_content(".hoverlayer")
    assert "product, degree" in page.text_content(".hoverlayer")
    page.mouse.click(*at)
    page.wait_for_function("state.chosen === 0")
    assert page.inner_text("#what") == label


def test_a_community_is_chosen_and_what_is_not_found_is_said(open_page, results):
    page = open_page(results)
    page.select_option("#community", "2")
    assert set(page.evaluate("NODES.group.filter((_, node) => lit()[node])")) == {2}
    page.fill("#search", "nobody <b>")
    page.press("#search", "Enter")
    assert page.inner_text("#about") == "No product or user that is shown is called “nobody <b>”."


@pytest.mark.parametrize("shade", ["light", "dark"])
def test_the_browser_draws_what_python_draws(open_page, results, shade):
    page = open_page(results, color_scheme=shade)
    nodes, edges = choosing.choose(results)
    nodes, discs = layout.lay_out(nodes.assign(name=[results.name(node[2:]) for node in nodes.index]), edges)
    for colouring in ("community", "type"):
        page.check(f"input[value={colouring}]")
        for chosen, community in ((None, None), (0, None), (100, None), (None, 1)):
            page.evaluate(
                "choice => { Object.assign(state, choice); draw(); }", {"chosen": chosen, "community": community}
            )
            choice = {"chosen": None if chosen is None else nodes.index[chosen], "community": community}
            figure = interactive.figure(nodes, edges, discs, colouring=colouring, dark=shade == "dark", **choice)
            wanted = json.loads(figure.to_json())["data"]
            assert [comparable(of) for of in page.evaluate(GIVEN)] == [comparable(of, nodes) for of in wanted]


def comparable(trace, nodes=None):
    """A trace without names, whose place hangs on the size of the screen; lines in any order; nodes by their number."""
    trace = {name: value for name, value in trace.items() if value not in (None, [])}
    if trace["meta"]["part"] == "names":
        return trace["meta"]
    if trace["meta"]["part"] == "lines":
        ends = list(zip(trace.pop("x", []), trace.pop("y", []), strict=True))
        trace["lines"] = sorted(zip(ends[::3], ends[1::3], strict=True))
    if nodes is not None and "customdata" in trace:
        trace["customdata"] = [[nodes.index.get_loc(of[0]), *of[1:]] for of in trace["customdata"]]
    trace["marker"] = {name: value for name, value in trace.get("marker", {}).items() if value != []}
    return trace


def test_names_of_products_are_text_on_the_page_in_the_graph_and_under_the_pointer(open_page, tmp_path):
    lists = {"</script><b>": BAD, "ben": BAD[:2]}
    page = open_page(reading.read_results(write_results(tmp_path / "bad", lists, name=lambda product: product)))
    drawn = page.evaluate("[...document.querySelectorAll('.textpoint text')].map((text) => text.textContent)")
    assert {"<b>bold</b>", "$x$", "%{x}", "&lt;", BAD[0]} <= set(drawn)
    page.fill("#search", BAD[0])
    page.press("#search", "Enter")
    assert page.inner_text("#what") == BAD[0]
    assert page.evaluate("document.querySelectorAll('#graph b, #graph img, aside b, datalist b').length") == 0
    for label in page.evaluate("NODES.label"):
        page.evaluate(HOVER, label)
        page.wait_for_function("label => document.querySelector('.hoverlayer').textContent.includes(label)", arg=label)


def test_the_page_of_no_results_says_what_makes_some(open_page, tmp_path):
    page = open_page(reading.read_results(write_results(tmp_path / "empty", {})))
    assert "make run" in page.inner_text("#about")
    assert "Nothing to draw" in page.text_content("#graph")
