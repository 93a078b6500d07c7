"""How numbers, times and names read."""

import re

import pytest
from markdown_it import MarkdownIt

from spark_app.web import look


def test_numbers_have_separators_and_units():
    assert (look.count(406829), look.count(None), look.decimal(0.10341), look.decimal(1234.5, 2)) == (
        "406,829", "–", "0.1034", "1,234.50",
    )  # fmt: skip
    assert (look.of_kind(1, "user"), look.of_kind(2000, "user")) == ("1 user", "2,000 users")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "–"), (0, "0 s"), (59.9, "59 s"), (61, "1 min 1 s"), (7500, "2 h 5 min"), (90_061, "1 d 1 h")],
)
def test_a_span_has_its_two_largest_units(seconds, words):
    assert look.span(seconds) == words


def test_times_are_in_utc():
    assert look.when("2026-11-26T02:58:56+01:00") == "2026-11-26 01:58 UTC"
    assert look.when("2026-11-26T01:58:56") == "2026-11-26 01:58 UTC"
    assert look.when(None) == "–"


NAMES = [
    "<script>alert(1)</script>", "*bold* _it_ **b**", "[a](http://evil.example)", "![i](http://evil.example/i.png)",
    "# heading", "- item", "1. item", "> quote", "`code`", "$x^2$", ":material/home: :smile:", ":red[x]", "a | b",
    "back\\slash", "line\nbreak", "&lt;b&gt;", "http://evil.example", "www.evil.example", "a@evil.example",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_no_name_is_read_as_markdown(name):
    """By CommonMark's rules what comes out is one paragraph of the same text."""
    tokens = MarkdownIt().parse(look.plain(name))
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    children = tokens[1].children
    assert {child.type for child in children} <= {"text", "text_special"}
    said = "".join(child.content for child in children)
    assert said.replace("\u2060", "") == name.replace("\n", " ")
    # What GitHub's flavour makes links of.
    assert not re.search(r"https?://|www\.|[-.\w+]@[-\w]", said)


def test_a_product_is_called_by_name_and_id():
    assert look.called({"product": "P1", "name": "Lamp"}) == "Lamp (P1)"
    assert look.called({"product": "P1", "name": None}) == "P1"
