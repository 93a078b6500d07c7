"""Segments as pictures: who is alike, how many segments, how they come together, and which columns say the same."""

import json
import os

import numpy as np
import pandas as pd
import pytest
import segmented
from pictured import PICTURES, WEIRD, colours_of, run, texts, write_csv, write_results, write_segments
from segmented import CORRELATIONS, Planted

from pictures import dots, drawing, watching
from pictures.clusters import clusters
from pictures.correlations import correlations
from pictures.dendrogram import dendrogram, height
from pictures.dots import some
from pictures.elbow import elbow
from pictures.grouped import Tree, read_segments
from pictures.reading import ResultsError

DRAWN = ["clusters.png", "elbow.png", "dendrogram.png"]
ALONE = Planted(["ann"], np.zeros((1, 3)), {"kmeans": [1], "agglomerative": [1]})
TWINS = Planted(["ann", "bob"], np.zeros((2, 3)), {"kmeans": [1, 1], "agglomerative": [1, 1]})


def write(folder, made: dict[str, Planted], parts: int = 0, **said):
    """Features -> planted groups, the last of them the newest; `said` replaces parts of each summary."""
    rows = [
        [row["user"], features, *list(row.values())[1:]]
        for features, planted in made.items()
        for row in segmented.rows(planted).to_pylist()
    ]
    summaries = {features: segmented.summary(planted) | said for features, planted in made.items()}
    return write_segments(folder, summaries, rows, parts)


def test_each_method_has_a_panel_and_each_segment_its_label_and_size(tmp_path):
    planted = segmented.planted(60, 3)
    found = texts(clusters(read_segments(write(tmp_path, {"factors": planted, "behaviour": planted}))))
    assert [text for text in found if text.startswith("by ")] == ["by behaviour: 60 users", "by factors: 60 users"]
    assert found.count("silhouette 0.41: the users fall into 3 groups") == 2
    assert found.count("K-means: 3 segments, silhouette 0.41") == 2
    assert found.count("first component, 61% of the variance") == 4
    size = planted.segments["kmeans"].count(2)
    assert f"2  Comes for Christmas · {size} users, {size / 60:.1%}" in found
    assert not [text for text in found if text.endswith("shown")]


def test_of_many_users_some_are_shown_and_of_each_segment_at_least_a_few():
    points = pd.DataFrame({"number": [1] * 99_000 + [2] * 980 + [3] * 20, "x": 1.0, "y": range(100_000)})
    shown = some(points)["number"].value_counts().to_dict()
    assert shown == {1: 3960, 2: 39, 3: 20}
    assert some(points[:4000]) is not points and len(some(points[:4000])) == 4000


def test_how_many_of_all_are_shown_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(dots, "MOST", 50)
    monkeypatch.setattr(dots, "LEAST", 1)
    planted = Planted([f"u{of}" for of in range(200)], np.arange(600.0).reshape(200, 3), dict.fromkeys(
        ("kmeans", "agglomerative"), [1, 2] * 100
    ))  # fmt: skip
    found = texts(clusters(read_segments(write(tmp_path, {"behaviour": planted}, dendrogram=None))))
    assert found.count("50 of 200 users shown") == 2


def test_the_number_that_was_chosen_is_ringed(tmp_path):
    tried = [{"k": 3, "inertia": 4.0, "silhouette": 0.4, "stability": None}, {"k": 2, "inertia": 9.0, "silhouette": 0}]
    folder = write(tmp_path, {"behaviour": segmented.planted(60, 3)}, tried=tried, chosen_by="it is best")
    figure = elbow(read_segments(folder))
    inertia, silhouette = figure.axes
    assert [line.get_xydata().tolist() for line in inertia.lines[:2]] == [[[2, 9], [3, 4]], [[3, 4]]]
    assert silhouette.lines[1].get_xydata().tolist() == [[3, 0.4]]
    assert {"by behaviour: 3 by K-means", "it is best", "Silhouette"} <= set(texts(figure))


def test_the_tree_is_cut_between_the_merge_that_leaves_so_many_and_the_next():
    tree = Tree(np.array([[0, 1, 1.0], [2, 3, 2.0], [4, 5, 8.0]]), [5, 4, 3, 2], "complete")
    assert [height(tree, k) for k in (1, 2, 3, 4, 5)] == [None, 5.0, 1.5, 0.5, None]


def test_leaves_say_how_many_users_they_are(tmp_path):
    tree = {"merges": [[0, 1, 1.0, 9], [2, 3, 4.0, 1209]], "leaves": [5, 4, 1200], "linkage": "ward"}
    folder = write(tmp_path, {"behaviour": segmented.planted(60, 2)}, dendrogram=tree)
    figure = dendrogram(read_segments(folder))
    (axes,) = figure.axes
    assert sorted(label.get_text() for label in axes.get_xticklabels()) == ["1,200", "4", "5"]
    assert {"2 segments below", "distance (ward linkage)", "by behaviour: 1,209 users in 3 groups"} <= {*texts(figure)}


def test_columns_that_say_the_same_are_framed_and_named(tmp_path):
    folder = write(tmp_path, {"browsing": segmented.planted(31)}, correlations=CORRELATIONS)
    figure = correlations(read_segments(folder))
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == CORRELATIONS["columns"]
    assert [patch.get_xy() for patch in axes.patches] == [(-0.5, 0.5), (0.5, -0.5), (1.5, 2.5), (2.5, 1.5)]
    assert "domain_tags is left out for category_name (0.98)" in texts(figure) and "0.98" in texts(figure)


def test_they_are_drawn_beside_the_others_and_also_alone(tmp_path):
    write(write_results(tmp_path / "both", {"ann": ["lamp"]}), {"behaviour": segmented.planted(31)})
    drawn = [path.name for path in drawing.draw(tmp_path / "both")]
    assert drawn[0] == "recommendation_graph.png" and drawn[-3:] == DRAWN
    write(tmp_path / "alone", {"browsing": segmented.planted(31)}, correlations=CORRELATIONS)
    assert run("--html", "--results", tmp_path / "alone").returncode == 0
    assert {path.name for path in (tmp_path / "alone").glob("*.png")} == {*DRAWN, "correlations.png"}


def test_they_are_drawn_without_those_of_a_generation_where_that_is_asked(tmp_path):
    write(write_results(tmp_path, {"ann": ["lamp"]}), {"behaviour": segmented.planted(31)})
    assert run("--segments", "--results", tmp_path).returncode == 0
    assert sorted(path.name for path in tmp_path.glob("*.png")) == sorted(DRAWN)
    refused = run("--segments", "--trending", "--results", tmp_path)
    assert refused.returncode == 2 and "alone, once" in refused.stderr
    (tmp_path / "segments.csv").unlink()
    refused = run("--segments", "--results", tmp_path)
    assert refused.returncode == 1 and "lacks segments.json or segments.csv" in refused.stderr


def test_segments_that_cannot_be_read_leave_the_pictures_of_a_generation(tmp_path):
    write(write_results(tmp_path, {"ann": ["lamp"]}), {"behaviour": segmented.planted(31)})
    (tmp_path / "segments.json").write_text('{"latest": "beh')
    done = run("--results", tmp_path)
    assert done.returncode == 0 and {path.name for path in tmp_path.glob("*.png")} == {*PICTURES}
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"Segments are left out: {tmp_path / 'segments.json'} cannot be read: ")


def test_what_is_trending_is_drawn_beside_segments_without_a_generation(tmp_path):
    write(tmp_path, {"behaviour": segmented.planted(31)})
    for name in ("trending_buckets.csv", "trending.csv"):
        write_csv(tmp_path / name, [])
    assert [path.name for path in drawing.draw(tmp_path)] == ["trending.png", *DRAWN]


def test_where_no_columns_are_compared_any_more_no_picture_of_them_is_left(tmp_path):
    drawing.draw(write(tmp_path, {"browsing": segmented.planted(31)}, correlations=CORRELATIONS))
    assert (tmp_path / "correlations.png").exists()
    drawing.draw(write(tmp_path, {"browsing": segmented.planted(31)}))
    assert not (tmp_path / "correlations.png").exists() and (tmp_path / "clusters.png").exists()


def test_the_same_input_and_a_folder_of_parts_give_the_same_pictures(tmp_path):
    made = {"browsing": segmented.planted(300)}
    folders = [write(tmp_path / str(parts), made, parts, correlations=CORRELATIONS) for parts in (0, 1)]
    drawn = [[path.read_bytes() for path in drawing.draw(folder)] for folder in folders]
    assert len(drawn[0]) == 4 and drawn[0] == drawn[1]


@pytest.mark.parametrize("missing", ["segments.json", "segments.csv"])
def test_without_one_of_the_files_they_are_left_out_and_old_ones_stay(tmp_path, missing):
    drawing.draw(write(tmp_path, {"behaviour": segmented.planted(31)}))
    (tmp_path / missing).unlink()
    assert read_segments(tmp_path) is None
    assert not {*DRAWN} & {path.name for path in drawing.draw(write_results(tmp_path, {"ann": ["lamp"]}))}
    assert all((tmp_path / name).exists() for name in DRAWN)


@pytest.mark.parametrize(
    "made", [{}, {"behaviour": ALONE}, {"behaviour": TWINS, "browsing": ALONE}, {"factors": segmented.planted(200, 30)}]
)
def test_hardly_anything_and_many_segments_are_drawn_too(tmp_path, made, recwarn):
    drawing.draw(write(tmp_path, made))
    assert all(colours_of(tmp_path / name) > 10 for name in DRAWN)
    assert [str(warning.message) for warning in recwarn] == []


def test_labels_and_columns_of_every_kind_are_drawn(tmp_path, recwarn):
    planted = segmented.planted(300, len(WEIRD))
    summary = segmented.summary(planted)
    for some_of in summary["segments"].values():
        for one, label in zip(some_of, WEIRD, strict=False):
            one["label"] = label
    matrix = np.eye(len(WEIRD)).tolist()
    matrix[0][1] = None
    summary["correlations"] = {"measure": "pearson", "columns": WEIRD, "matrix": matrix, "merged": [[*WEIRD[:2], 1.0]]}
    write(tmp_path, {"behaviour": planted}, **summary)
    drawing.draw(tmp_path)
    assert all(colours_of(tmp_path / name) > 10 for name in [*DRAWN, "correlations.png"])
    assert [str(warning.message) for warning in recwarn] == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: "{",
        lambda _: "[]",
        lambda _: json.dumps({"latest": "behaviour", "features": {"behaviour": {}}}),
        lambda summary: json.dumps({"latest": "behaviour", "features": {"behaviour": summary | {"tried": 5}}}),
        lambda summary: json.dumps({"latest": "", "features": {"a": summary | {"dendrogram": {"leaves": [2, 1]}}}}),
    ],
)
def test_what_cannot_be_read_is_named_with_the_command_that_makes_it(tmp_path, damage):
    seal = write(tmp_path, {"behaviour": segmented.planted(31)}) / "segments.json"
    seal.write_text(damage(json.loads(seal.read_text())["features"]["behaviour"]))
    with pytest.raises(ResultsError, match=r"segments\.json cannot be read: .*python -m spark_app segments"):
        drawing.draw(tmp_path)


def test_a_table_that_was_cut_is_named_with_the_command_that_makes_it(tmp_path):
    table = write(tmp_path, {"behaviour": segmented.planted(31)}) / "segments.csv"
    table.write_text(table.read_text().rpartition(",kmeans,")[0])
    with pytest.raises(ResultsError, match=r"segments\.csv cannot be read: .*python -m spark_app segments"):
        drawing.draw(tmp_path)


def test_who_watches_draws_again_when_there_are_other_segments(tmp_path):
    write(write_results(tmp_path, {"ann": ["lamp"]}), {"behaviour": segmented.planted(31)})
    before = watching.stamp(tmp_path)
    os.utime(tmp_path / "segments.json", (1, 1))
    assert watching.stamp(tmp_path) != before
