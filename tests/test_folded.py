"""Texts made alike for searching."""

import pyarrow as pa
import pytest

from spark_app.mapped import folded


@pytest.mark.parametrize(
    ("one", "other"),
    [("CAFÉ", "cafe"), ("Straße", "STRASSE"), ("Ångström", "angstrom"), ("ΣΊΣΥΦΟΣ", "σισυφος"), ("ﬁne", "fine")],
)  # fmt: skip
def test_neither_case_nor_accents_matter(one, other):
    assert folded.text(one) == folded.text(other)


def test_nothing_is_empty_and_blanks_around_go():
    assert folded.text("  \t ") == "" and folded.text(" A b ") == "a b"
    assert folded.texts(pa.chunked_array([[None, "X"]], pa.string())).to_pylist() == ["", "x"]


def test_words_have_a_blank_before_them_and_no_signs():
    texts = folded.texts(pa.chunked_array([["T-Light (RED)", None, "日本 語"]], pa.string()))
    assert [one.split() for one in folded.words(texts).to_pylist()] == [["t", "light", "red"], [], ["日本", "語"]]
    assert folded.words(texts)[0].as_py().startswith(" t light red")
