"""A text finds its planted group, with how sure that is, and what is known of the group."""

import planted
import pytest
from conftest import settings_for

from spark_app.interests import assigning
from spark_app.interests.assigning import Asked, NothingSaidError
from spark_app.storage import interest_files


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    home = tmp_path_factory.mktemp("planted")
    made = settings_for(home, interests={"products": home / "products"})
    planted.keep(made)
    return made


@pytest.fixture
def assigned(settings):
    """Asks of the kept groups."""
    folder = interest_files.needed(settings)
    model = interest_files.loaded(folder)
    return lambda *asked: assigning.assigned(settings, folder.summary, model, Asked(*asked))


@pytest.mark.parametrize("topic", planted.TOPICS)
def test_a_text_lands_in_its_planted_group_and_is_sure_of_it(assigned, topic):
    found = assigned(" ".join(planted.TOPICS[topic].split()[:6]) + " today again")
    assert found["group"] == found["nearest"] == planted.number(topic) and found["confidence"] > 0.99
    assert found["label"].split(", ")[0] in planted.TOPICS[topic] and found["keywords"][0][0] in planted.TOPICS[topic]
    assert found["words"] == f"group {found['group']} ({found['label']}), over 99 % sure"
    assert found["groups"][0]["group"] == found["group"] and len(found["groups"]) == 4


def test_the_words_that_tell_are_those_of_the_topic(assigned):
    told = assigned("today I really think of a new grinder and espresso")["told"]
    assert {one["word"] for one in told[:2]} == {"espresso", "grinder"}


def test_of_words_that_nobody_used_nothing_is_known(assigned):
    found = assigned("zzyzx qwertyuiop")
    assert found["group"] is None and found["confidence"] == 0 and found["groups"] == found["products"] == []
    assert found["x"] is None and found["y"] is None
    assert found["words"] == "none of the groups: nothing is known of these words" and found["strategy"] is None


def test_words_that_all_use_are_near_no_group(assigned):
    found = assigned("today really good people, finally a great weekend")
    assert found["group"] is None and found["words"].startswith("none of the groups: ")


def test_what_was_read_in_a_picture_counts_as_text(assigned):
    found = assigned("look at this", planted.GARDEN)
    assert found["group"] == planted.number("garden") and found["read"] == planted.GARDEN
    empty = assigned("", "")
    assert empty["group"] is None and empty["notes"] == ["there are no words in the picture"]


def test_without_a_text_and_without_a_picture_there_is_nothing_to_assign(assigned):
    with pytest.raises(NothingSaidError, match="expected a text, a picture, or both"):
        assigned("  ")


def test_of_a_long_text_the_end_counts_and_it_is_said(assigned):
    found = assigned(f"{planted.TOPICS['chess']} " * 5 + f"{planted.TOPICS['coffee']} " * 300)
    assert found["group"] == planted.number("coffee") and "the last 20,000 were read" in found["notes"][0]


def test_products_of_the_catalogue_come_first_and_are_read_anew(settings, assigned):
    group = planted.number("coffee")
    assert [one["product"] for one in assigned(planted.COFFEE)["products"]] == [f"P{group}"]
    folder = planted.catalogue(settings.interests.products, "espresso,C1,Machine,https://shop.example,")
    assert [one["product"] for one in assigned(planted.COFFEE)["products"]] == ["C1", f"P{group}"]
    (folder / "shop.csv").write_text("nonsense\n")
    found = assigned(planted.COFFEE)
    assert [one["product"] for one in found["products"]] == [f"P{group}"] and "shop.csv, line 1" in found["notes"][0]
