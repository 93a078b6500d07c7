"""trending.png is drawn where both of its files are, and left out where one is not."""

from datetime import UTC, datetime, timedelta

import pytest
from pictured import colours_of, results_of_shop, texts, write_csv, write_results

from pictures import drawing, reading, sparklines

START = datetime(2026, 3, 1, tzinfo=UTC)


def write_trending(folder, rows, *, step=timedelta(days=1), length=30, kind="product", parts=0):
    """rows: label -> (totals by bucket, growth in per cent)."""
    write_results(folder, {"ann": ["lamp"]})
    ends = [START.isoformat(), (START + step * length).isoformat()]
    lines = [
        [rank, kind, label, label, "", "", sum(totals), 3, growth, 1.0, *ends]
        for rank, (label, (totals, growth)) in enumerate(rows.items(), start=1)
    ]
    buckets = [
        [kind, label, (START + step * place).isoformat(), total, 1]
        for label, (totals, _) in rows.items()
        for place, total in enumerate(totals)
        if total
    ]
    write_csv(folder / "trending.csv", lines, parts)
    write_csv(folder / "trending_buckets.csv", buckets, parts)
    return folder


def drawn(folder):
    return sparklines.trending(reading.read_trending(folder))


def lines_of(figure):
    """The small line of each row: its heights."""
    return [axes.lines[1].get_ydata().tolist() for axes in figure.axes]


def test_each_row_has_a_line_a_name_a_total_and_its_growth(tmp_path):
    rows = {"lamp": ([1, 0, 3], 240.4), "rug": ([0, 0, 9], ""), "=mat": ([2, 2, 1], -12.3)}
    figure = drawn(write_trending(tmp_path, rows, length=3))
    assert lines_of(figure) == [[1, 0, 3], [0, 0, 9], [2, 2, 1]]
    assert {"lamp", "rug", "=mat", "4", "9", "5", "+240 %", "new", "-12 %", "Products"} <= set(texts(figure))
    assert any(text.startswith("1 March 2026 to 4 March 2026 · by the day") for text in texts(figure))


def test_hours_are_hours_and_a_bucket_without_events_is_zero(tmp_path):
    folder = write_trending(tmp_path, {"lamp": ([1, 0, 0, 2, 3], 5)}, step=timedelta(hours=1), length=5)
    figure = drawn(folder)
    assert lines_of(figure) == [[1, 0, 0, 2, 3]]
    assert any(text.startswith("1 March 2026 to 1 March 2026 05:00 · by the hour") for text in texts(figure))


def test_the_first_fifteen_are_drawn(tmp_path):
    rows = {f"item{of}": ([1, 2], 100) for of in range(40)}
    figure = drawn(write_trending(tmp_path, rows))
    assert len(figure.axes) == 15
    assert {"item0", "item14"} <= set(texts(figure)) and "item15" not in texts(figure)


@pytest.mark.parametrize(
    "rows", [{}, {"one": ([1], "")}, {"none of it is left": ([], 0)}, {"$x_1^{2$": ([5, 0, -3], 1)}]
)
def test_hardly_anything_is_drawn_too(tmp_path, rows):
    drawing.draw(write_trending(tmp_path, rows))
    assert colours_of(tmp_path / "trending.png") > 10


def test_a_folder_of_parts_gives_the_same_picture(tmp_path):
    rows = {"lamp": ([1, 0, 3], 240.4), "rug": ([0, 4, 9], "")}
    one, parts = (write_trending(tmp_path / name, rows, parts=of) for name, of in (("one", 0), ("parts", 2)))
    drawing.draw(one)
    drawing.draw(parts)
    assert (one / "trending.png").read_bytes() == (parts / "trending.png").read_bytes()


@pytest.mark.parametrize("missing", [*reading.RISING])
def test_without_one_of_the_files_it_is_left_out(tmp_path, missing):
    (write_trending(tmp_path, {"lamp": ([1, 2], 5)}) / missing).unlink()
    assert "trending.png" not in {path.name for path in drawing.draw(tmp_path)}


def test_a_time_that_is_none_is_named_with_its_file(tmp_path):
    write_trending(tmp_path, {"lamp": ([1, 2], 5)})
    write_csv(tmp_path / "trending_buckets.csv", [["product", "lamp", "yesterday", 1, 1]])
    with pytest.raises(reading.ResultsError, match=r"trending_buckets\.csv cannot be read"):
        drawing.draw(tmp_path)
    assert results_of_shop(tmp_path / "other").trending is None


def test_it_is_drawn_alone_where_no_generation_is_and_nothing_else_is(tmp_path):
    write_trending(tmp_path / "all", {"lamp": ([1, 2], 5)})
    alone = tmp_path / "alone"
    alone.mkdir()
    for name in reading.RISING:
        (tmp_path / "all" / name).rename(alone / name)
    assert [path.name for path in drawing.draw_trending(alone)] == ["trending.png"]
    assert {path.name for path in alone.iterdir()} == {*reading.RISING, "trending.png"}
    with pytest.raises(reading.ResultsError, match=r"trending\.csv is missing"):
        drawing.draw_trending(tmp_path / "all")
