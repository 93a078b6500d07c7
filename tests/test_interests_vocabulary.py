"""Which words are kept: those that several users say, so that no model holds a word of one user alone."""

import pytest
from searched import found

from spark_app.blocks import Interests
from spark_app.interests import tokens, vocabulary
from spark_app.interests.making import made

TOPICS = ("puppy kitten walk collar", "seeds rose compost bloom")


def test_a_word_is_shared_by_as_many_texts_as_have_it_however_often():
    texts = tokens.of([["rose", "rose", "lamp"], ["rose"], ["lamp", "sofa", "sofa"]])
    assert vocabulary.shared(texts, 2) == ["lamp", "rose"]
    assert vocabulary.shared(texts, 3) == []


def test_words_that_are_told_are_those_of_the_encoder_or_where_it_keeps_none_those_that_are_shared():
    class Knows:
        words = ("sofa",)

    assert vocabulary.counted(Knows(), tokens.of([["rose"], ["rose"]]), 2) == ("sofa",)
    assert vocabulary.counted(object(), tokens.of([["rose"], ["rose", "lamp"]]), 2) == ["rose"]


@pytest.mark.parametrize("users", [6, 80])
def test_a_model_holds_no_word_of_one_user_alone(tmp_path, users):
    texts = [TOPICS[place % 2] for place in range(users)]
    texts[3] += " quoxelbrandt ann@shop.example quoxelbrandt"
    model = made(Interests(), texts, k=2, seed=7)
    model.save(tmp_path / "model")
    assert found(tmp_path, "rose") and not found(tmp_path, "quoxelbrandt") and not found(tmp_path, "shop.example")
    assert model.assign(["quoxelbrandt"])[0].group is None and len(model.keywords) == 2


def test_of_fewer_users_than_are_asked_for_nothing_is_kept(tmp_path):
    model = made(Interests(least_users=3), [TOPICS[0], TOPICS[0]], seed=7)
    model.save(tmp_path / "model")
    assert not found(tmp_path, "puppy")
    assert model.said["structure"]["words"] == "no words that several users say: there is nothing to group"
