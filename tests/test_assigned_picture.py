"""The chart of a text that was assigned, from what `interests assign` says."""

import json

import pytest

from pictures import assigned, drawing
from pictures.reading import ResultsError

NEAR = [{"group": 2, "label": "espresso, roast", "confidence": 0.9}, {"group": 1, "label": None, "confidence": 0.1}]
ANSWER = {"words": "group 2 (espresso, roast), 90 % sure", "groups": NEAR, "told": [{"word": "$crema$", "pull": 0.2}]}
POINTS = [{"group": of % 3 or None, "x": float(of), "y": float(of % 7)} for of in range(60)]


def said(**answer):
    return {"answer": ANSWER | {"x": 1.0, "y": 2.0} | answer, "users": 90, "points": POINTS}


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts] + [axes.get_title() for axes in figure.axes]


def test_the_nearest_groups_the_words_and_the_place_are_drawn():
    figure = assigned.assigned(assigned.of(said()))
    near, told, where = figure.axes
    assert [bar.get_width() for bar in near.patches] == [0.9, 0.1]
    assert [bar.get_width() for bar in told.patches] == [0.2]
    assert "90%" in texts(figure) and "this text" in texts(figure) and "Where it lies" in texts(figure)
    assert "60 of 90 users shown" in where.get_title(loc="right")


def test_a_text_of_which_nothing_is_known_lies_nowhere():
    figure = assigned.assigned(assigned.of(said(x=None, y=None, groups=[], told=[])))
    assert assigned.NOTHING in texts(figure) and "this text" not in texts(figure)


def test_it_is_written_to_the_file_that_is_named(tmp_path):
    drawing.draw_assigned(tmp_path / "chart.png", json.dumps(said()))
    assert [path.name for path in tmp_path.iterdir()] == ["chart.png"]


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"answer": {}, "users": 1, "points": []})])
def test_what_is_no_answer_is_refused_in_words(tmp_path, text):
    with pytest.raises(ResultsError, match="of `interests assign`"):
        drawing.draw_assigned(tmp_path / "chart.png", text)
