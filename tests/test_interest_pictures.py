"""Interests as a picture: where users lie by their words, the groups with their keywords, and who is in none."""

import json

import interested
import pytest
from pictured import WEIRD, colours_of, run, texts, write_csv, write_results

from pictures import dots, drawing, watching
from pictures.interests import interests
from pictures.posted import read_interests
from pictures.reading import ResultsError


def write(folder, users, parts=0, **said):
    """interests.csv and interests.json of these users; `said` replaces parts of the summary."""
    folder.mkdir(parents=True, exist_ok=True)
    cells = [["" if cell is None else cell for cell in row.values()] for row in users]
    write_csv(folder / "interests.csv", cells, parts)
    (folder / "interests.json").write_text(json.dumps(interested.summary(users, **said)))
    return folder


def test_each_group_has_its_label_size_and_keywords_and_who_is_in_none_is_told(tmp_path):
    found = texts(interests(read_interests(write(tmp_path, interested.rows(60, 3, none=6)))))
    assert {"60 users, 180 posts, 3 groups", "silhouette 0.41: the users fall into 3 groups"} <= {*found}
    assert "2  seeds, rose, compost · 18 users, 30.0%" in found and "bloom" in found
    assert "in none of them · 6 users, 10.0%" in found
    assert {"1", "2", "3"} <= {*found} and not [text for text in found if text.endswith("shown")]


def test_how_many_of_all_are_shown_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(dots, "MOST", 50)
    monkeypatch.setattr(dots, "LEAST", 1)
    found = texts(interests(read_interests(write(tmp_path, interested.rows(200, 5, none=0)))))
    assert "50 of 200 users shown" in found and not [text for text in found if text.startswith("in none")]


def test_it_is_drawn_beside_the_others_and_alone_the_same_each_time(tmp_path):
    write(write_results(tmp_path / "both", {"ann": ["lamp"]}), interested.rows())
    assert [path.name for path in drawing.draw(tmp_path / "both")][-1] == "interests.png"
    write(tmp_path / "alone", interested.rows(), parts=2)
    assert run("--interests", "--results", tmp_path / "alone").returncode == 0
    assert [path.name for path in drawing.draw(tmp_path / "alone")] == ["interests.png"]
    assert len({(tmp_path / name / "interests.png").read_bytes() for name in ("both", "alone")}) == 1


def test_without_its_files_or_with_half_of_one_it_is_told_what_makes_them(tmp_path):
    refused = run("--interests", "--results", tmp_path)
    assert refused.returncode == 1 and "lacks interests.json or interests.csv: `python -m" in refused.stderr
    (write(tmp_path, interested.rows()) / "interests.json").write_text('{"users": 1')
    with pytest.raises(ResultsError, match=r"interests\.json cannot be read: .*spark_app interests` makes it"):
        drawing.draw(tmp_path)
    said = []
    drawn = drawing.draw(write_results(tmp_path, {"ann": ["lamp"]}), warn=said.append)
    assert "interests.png" not in {path.name for path in drawn}
    assert len(said) == 1 and said[0].startswith("Interests are left out: ")


@pytest.mark.parametrize(("users", "groups", "none"), [(0, 1, 0), (1, 1, 1), (2, 1, 0), (300, 30, 10)])
def test_hardly_anything_and_many_groups_are_drawn_too(tmp_path, users, groups, none, recwarn):
    drawing.draw(write(tmp_path, interested.rows(users, groups, none=none)))
    assert colours_of(tmp_path / "interests.png") > 10
    assert [str(warning.message) for warning in recwarn] == []


def test_words_of_every_kind_are_drawn(tmp_path, recwarn):
    users = interested.rows(300, len(WEIRD))
    said = interested.summary(users)
    for group, word in zip(said["groups"].values(), WEIRD, strict=True):
        group |= {"label": word, "keywords": [[word, 1.0]] * 10}
    drawing.draw(write(tmp_path, users, groups=said["groups"]))
    assert colours_of(tmp_path / "interests.png") > 10
    assert [str(warning.message) for warning in recwarn] == []


def test_who_watches_draws_when_there_are_other_interests(tmp_path):
    assert watching.stamp(tmp_path) is None
    before = watching.stamp(write(tmp_path, interested.rows()))
    assert watching.news(None, before) == "interests"
    write_results(tmp_path, {"ann": ["lamp"]})
    both = watching.stamp(tmp_path, before)
    write(tmp_path, interested.rows(10))
    assert watching.news(both, watching.stamp(tmp_path, both)) == "new interests beside generation 20260101-demo"
