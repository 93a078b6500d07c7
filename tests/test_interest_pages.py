"""The page of interests, run as Streamlit runs it, against kept interests of planted posts."""

import planted
import pytest
from conftest import settings_for
from PIL import Image
from test_pages import api, shown, words
from test_segment_pages import NASTY, tables

from spark_app.web import grouped

__all__ = ["api"]
pytestmark = pytest.mark.usefixtures("api")


@pytest.fixture
def settings(tmp_path):
    """Of the folder that the API answers from."""
    return settings_for(tmp_path)


def typed(tested, text):
    tested.text_area(key="interest-text").set_value(text)
    return tested.button[0].click().run()


def test_groups_are_shown_with_how_real_they_are_and_how_many_of_their_users(settings):
    planted.keep(settings)
    tested = shown("interests")
    (told,) = tables(tested)
    assert told["group"].tolist() == [1, 2, 3, 4] and told["users"].sum() == 120
    assert "fall into 4 groups" in tested.success[0].value and "120 of 120 users shown" in words(tested)
    assert not shown("interests", view="number").exception


def test_a_group_is_told_in_full_and_the_address_leads_there(settings):
    planted.keep(settings)
    group = planted.number("chess")
    tested = shown("interests", group=str(group))
    assert not tested.exception and tested.selectbox(key="group").value == group
    said = "\n".join(part.value for part in tested.text)
    assert "Keywords: " in said and "Needs: They talk about" in said and "Tone: " in said
    assert "Book of" in words(tested) and str(group) in tested.query_params["group"]


def test_a_text_that_is_typed_finds_its_group_and_stays_until_the_next(settings):
    planted.keep(settings)
    tested = typed(shown("interests"), planted.COFFEE)
    assert not tested.exception
    assert f"Group {planted.number('coffee')} " in tested.success[1].value
    assert "over 99 % sure" in tested.success[1].value
    assert [part.value for part in tested.subheader].count("Where it lies") == 1
    assert "Group" in tested.run().success[1].value
    none = typed(tested, "zzyzx qwertyuiop")
    assert not none.exception and "nothing is known of these words" in none.info[0].value
    assert "Type a text, or choose a picture" in words(typed(none, " "))


def test_without_interests_it_says_the_command(api, monkeypatch):
    found = {"generation": "g1", "hint": "none", "interests": None}
    monkeypatch.setattr(type(api), "interests", lambda *_, **__: found)
    tested = shown("interests")
    assert "No interests are kept yet" in words(tested) and "python -m spark_app interests" in words(tested)


def test_users_who_do_not_fall_into_groups_are_said_not_to(settings):
    said = {"found": False, "words": "silhouette 0.02: these users do not fall into groups"}
    planted.keep(settings, structure=said, groups={}, k=1, tried=[], stability=None, silhouette=None)
    tested = shown("interests")
    assert not tested.exception and "do not fall into groups" in tested.warning[0].value
    assert not typed(tested, planted.COFFEE).exception


def test_whatever_a_group_is_called_is_text(settings):
    folder = planted.keep(settings)
    groups = folder.summary["groups"]
    for one in groups.values():
        one |= {"label": NASTY, "keywords": [[NASTY, 1.0]], "strategy": dict.fromkeys(one["strategy"], NASTY)}
        one["products"] = [{"product": NASTY, "name": NASTY, "link": NASTY, "image": NASTY, "source": "bought"}]
    planted.keep(settings, groups=groups)
    tested = typed(shown("interests", group="1"), planted.COFFEE)
    assert not tested.exception and not [part for part in tested.markdown if "<script>" in str(part.value)]
    assert "<" not in grouped.placed([], [(1, NASTY)], of="group").data[0].name


def test_a_card_shows_a_picture_of_the_catalogue_and_follows_addresses_of_the_web(settings, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    folder = planted.catalogue(
        tmp_path / "products", "espresso,C1,Machine,https://shop.example/c1,machine.png",
        "espresso,C2,Grinder,javascript:alert(1),https://elsewhere.example/x.png",
    )  # fmt: skip
    Image.new("RGB", (4, 4), "red").save(folder / "machine.png")
    planted.keep(settings)
    tested = typed(shown("interests", group=str(planted.number("coffee"))), planted.COFFEE)
    assert not tested.exception and "C1, from the catalogue" in words(tested)
    # Once of the text, and once of the group that is chosen.
    assert len(tested.get("image")) == 2
    assert [part.proto.url for part in tested.get("link_button")] == 2 * ["https://shop.example/c1"]
    assert "javascript:alert(1)" in [part.value for part in tested.text]


def test_a_users_page_tells_the_group_of_the_posts(settings):
    planted.keep(settings)
    tested = shown("user", user="u00001")
    assert not tested.exception
