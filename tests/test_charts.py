"""What the pictures of the page hold: shapes beside colours, and names as text."""

from spark_app.web import charts


def made(number, state, ndcg, popular=0.05):
    return {
        "id": f"20261126T00000{number}Z-{number:04x}", "created_at": f"2026-11-26T00:00:0{number}+00:00",
        "state": state, "metrics": {"ndcg_at_10": ndcg}, "baselines": {"popular": {"ndcg_at_10": popular}},
    }  # fmt: skip


def test_each_state_of_a_generation_has_a_shape_of_its_own_and_the_oldest_stands_first():
    three = [made(3, "refused", 0.1), made(2, "published", 0.3), made(1, "was published", 0.2)]
    figure = charts.over_generations(three)
    shapes = {trace.name: trace.marker.symbol for trace in figure.data if trace.mode == "markers"}
    assert len(set(shapes.values())) == 3 and set(shapes) == {"refused", "published", "was published"}
    assert list(figure.data[1].y) == [0.2, 0.3, 0.1] and list(figure.data[0].y) == [0.05] * 3


def test_a_generation_that_was_not_judged_leaves_a_gap():
    figure = charts.over_generations([made(2, "published", None), made(1, "was published", 0.2)])
    assert list(figure.data[1].y) == [0.2, None]


def test_the_published_generation_stands_above_its_baselines_with_its_interval():
    metrics = {"ndcg_at_10": 0.2, "ndcg_at_10_ci": [0.19, 0.22]}
    figure = charts.beside_baselines(metrics, {"popular": {"ndcg_at_10": 0.1}, "published": {"ndcg_at_10": None}})
    (bar,) = figure.data
    assert list(bar.y) == ["this generation", "popularity"] and list(bar.x) == [0.2, 0.1]
    assert [round(value, 6) for value in (*bar.error_x.array, *bar.error_x.arrayminus)] == [0.02, 0.01]
    assert not charts.beside_baselines({}, {}).data[0].y


def test_bars_of_the_same_name_are_bars_of_their_own():
    (bar,) = charts.bars(["lamp", "lamp"], [2, 1], "users").data
    assert list(bar.y) == [0, 1] and list(bar.x) == [2, 1]


def test_no_name_is_read_as_html():
    figure = charts.bars(["<b>lamp</b> & <script>"], [1], "users")
    assert figure.layout.yaxis.ticktext == ("&lt;b&gt;lamp&lt;/b&gt; &amp; &lt;script&gt;",)
    assert charts.cut("x" * 100) == "x" * 37 + "…"


def test_what_adds_and_what_takes_differ_in_colour_and_in_sign():
    (bar,) = charts.parts([("lamp", 0.5), ("chair", -0.25)], 0.25).data
    assert bar.text == ("+0.5000", "-0.2500") and len(set(bar.marker.color)) == 2
