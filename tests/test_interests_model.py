"""Groups of texts: planted ones are found again, what has none says so, and a new text finds its group, or none."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from benchmarks.planted import Planted, Posts, planted
from spark_app.blocks import Interests
from spark_app.grouping import comparing
from spark_app.interests import model
from spark_app.interests.making import made
from spark_app.interests.model import Model

KINDS = {
    "plain": Posts(topics=6, users=500, seed=3),
    "short": Posts(topics=8, users=800, words=(5, 8), vocabulary=40),
    "dirty": Posts(topics=6, users=600, words=(8, 20), dirt=0.5),
    "unequal": Posts(topics=6, users=700, words=(8, 20), unequal=1.0),
    "two": Posts(topics=2, users=200),
    "few": Posts(topics=4, users=60, vocabulary=30),
}


@cache
def posts(kind: str) -> Planted:
    return planted(KINDS[kind])


@cache
def of(kind: str) -> Model:
    return made(Interests(), posts(kind).texts, most=10, seed=7)


def agreement(groups: np.ndarray, topics: np.ndarray) -> float:
    return comparing.adjusted_rand(comparing.contingency(groups, topics))


def shuffled(texts: list[str], seed: int = 5) -> list[str]:
    """Words of all texts, dealt anew."""
    words = np.random.default_rng(seed).permutation([word for text in texts for word in text.split()])
    return [" ".join(part) for part in np.split(words, np.cumsum([len(text.split()) for text in texts])[:-1])]


@pytest.mark.parametrize("kind", KINDS)
def test_planted_groups_are_found_again(kind):
    found = of(kind)
    assert len(found.numbers) == KINDS[kind].topics
    assert agreement(found.placed(posts(kind).texts).group, posts(kind).topics) >= 0.9
    assert found.said["structure"]["found"]


@pytest.mark.parametrize("kind", ["plain", "short", "few"])
def test_shuffled_words_do_not_fall_into_groups(kind):
    said = made(Interests(), shuffled(posts(kind).texts), most=6, seed=7).said["structure"]
    assert not said["found"] and "do not fall into groups" in said["words"]


def test_numbers_begin_at_1_with_the_largest():
    sizes = np.bincount(of("unequal").placed(posts("unequal").texts).group)[1:]
    assert of("unequal").numbers.tolist() == list(range(1, 7))
    assert sizes.tolist() == sorted(sizes, reverse=True)


def test_keywords_are_words_of_the_planted_topic():
    for number, topic in topics_of("plain").items():
        assert {word for word, _ in of("plain").keywords[number]} <= set(posts("plain").own[topic])


def topics_of(kind: str) -> dict[int, int]:
    """The topic that most users of each group have."""
    groups = of(kind).placed(posts(kind).texts).group
    return {int(group): int(np.bincount(posts(kind).topics[groups == group]).argmax()) for group in set(groups) - {0}}


@pytest.mark.parametrize("kind", ["plain", "short", "dirty", "unequal"])
def test_a_new_text_of_a_few_words_is_in_the_group_of_its_topic(kind):
    expected = topics_of(kind)
    texts = {number: " ".join(posts(kind).own[topic][2:8]) for number, topic in expected.items()}
    found = of(kind).assign(list(texts.values()))
    assert [one.group for one in found] == list(texts)
    assert min(one.confidence for one in found) > 0.7


@pytest.mark.parametrize("kind", ["plain", "short", "dirty", "unequal"])
def test_a_whole_sentence_with_a_few_words_of_a_topic_is_in_its_group(kind):
    """Posts that are lists of words know no words such as `and`."""
    around = "i would like to know whether {} or {} is what one needs for {} when guests come on sunday"
    expected = topics_of(kind)
    texts = {number: around.format(*posts(kind).own[topic][:3]) for number, topic in expected.items()}
    assert [one.group for one in of(kind).assign(list(texts.values()))] == list(texts)


@pytest.mark.parametrize("kind", ["plain", "short", "dirty", "unequal"])
def test_a_text_of_none_of_the_topics_is_in_none(kind):
    random, said = np.random.default_rng(1), posts(kind)
    texts = [" ".join([*random.choice(said.unsaid, 6), *random.choice(said.common, 4)]) for _ in range(100)]
    found = of(kind).placed(texts)
    assert np.mean(found.group == 0) >= 0.97
    assert np.mean(found.confidence) < 0.3


def test_a_text_of_unknown_words_has_no_confidence():
    found = of("plain").assign(["qqqq wwww", "", "https://a.example"])
    assert [(one.group, one.confidence) for one in found] == [(None, 0.0)] * 3
    assert all(one.nearest in of("plain").numbers for one in found)


def test_who_speaks_of_two_topics_is_half_sure():
    own = posts("plain").own
    found = of("plain").assign([" ".join([*own[0][5:20], *own[3][5:20]])])[0]
    assert 0.25 < found.confidence < 0.75
    topics = topics_of("plain")
    assert {topics[found.nearest], topics[found.others[0][0]]} == {0, 3}


@pytest.mark.parametrize("kind", ["plain", "short", "dirty"])
def test_confidence_means_what_it_says_of_users_who_came_later(kind):
    """Of texts of a few words at least as many are right as their confidence says, and not far more."""
    random, topics = np.random.default_rng(2), topics_of(kind)
    said, true, texts = posts(kind), [], []
    for topic in random.integers(KINDS[kind].topics, size=1_000).tolist():
        true.append(topic)
        own = random.choice(said.own[topic][:20], int(random.integers(1, 4)))
        strange = said.own[int(random.integers(KINDS[kind].topics))]
        texts.append(" ".join([*own, *random.choice(said.common, 3), *random.choice(strange, 1)]))
    found = of(kind).placed(texts)
    right = np.array([topics[number] for number in found.nearest.tolist()]) == np.array(true)
    inside = found.group > 0
    assert -0.05 < np.mean(right[inside]) - np.mean(found.confidence[inside]) < 0.2


@pytest.mark.parametrize("dirt", [0.0, 0.5])
def test_confidence_of_short_posts_is_neither_too_careful_nor_too_bold(dirt):
    """Of users who were not among those that the groups were found of; the error is that of Guo et al. 2017."""
    said = planted(Posts(topics=8, users=1_600, words=(5, 8), vocabulary=40, dirt=dirt))
    found = made(Interests(), said.texts[:800], k=8, seed=7)
    groups = found.placed(said.texts[:800]).nearest
    topics = {number: np.bincount(said.topics[:800][groups == number]).argmax() for number in found.numbers.tolist()}
    placed = found.placed(said.texts[800:])
    right = np.array([topics[number] for number in placed.nearest.tolist()]) == said.topics[800:]
    inside = placed.group > 0
    assert calibration_error(placed.confidence[inside], right[inside]) < 0.05


def calibration_error(sure: np.ndarray, right: np.ndarray) -> float:
    """How far ten parts by confidence are right more or less often than they say, on average."""
    part = np.minimum((10 * sure).astype(int), 9)
    return float(np.abs(np.bincount(part, weights=right - sure)).sum() / len(sure))


def test_confidences_sum_to_1_and_the_next_groups_are_the_surest():
    found = of("plain").placed(posts("plain").texts[:50])
    assert found.all.sum(1) == pytest.approx(np.ones(50))
    one = of("plain").assign(posts("plain").texts[:1])[0]
    assert [share for _, share in one.others] == sorted((share for _, share in one.others), reverse=True)
    assert one.nearest not in dict(one.others)


def test_members_lie_around_their_group_on_the_map():
    found = of("plain").placed(posts("plain").texts)
    points = np.column_stack([found.x, found.y])
    nearest = ((points[:, None] - of("plain").plane.places) ** 2).sum(2).argmin(1)
    assert np.mean(of("plain").numbers[nearest] == found.nearest) > 0.9


def test_the_words_that_tell_are_those_of_the_topic():
    own, common = posts("plain").own[2], posts("plain").common
    told = [word for word, _ in of("plain").telling(" ".join([own[0], common[0], own[9]]))]
    assert sorted(told) == sorted([own[0], own[9]])


def test_a_kept_model_says_the_same(tmp_path: Path):
    of("plain").save(tmp_path / "model")
    again = model.load(tmp_path / "model")
    assert again.assign(posts("plain").texts[:20]) == of("plain").assign(posts("plain").texts[:20])
    assert (again.keywords, again.said, again.label) == (of("plain").keywords, of("plain").said, of("plain").label)


def test_the_same_texts_give_the_same_groups_again():
    again = made(Interests(), posts("few").texts, most=10, seed=7)
    assert again.assign(posts("few").texts) == of("few").assign(posts("few").texts)


def test_numbers_go_on_with_the_users_who_stayed():
    """The largest group leaves, so that all others are larger than before."""
    stayed = posts("unequal").topics != topics_of("unequal")[1]
    texts = [text for text, stays in zip(posts("unequal").texts, stayed.tolist(), strict=True) if stays]
    again = made(Interests(), texts, k=5, seed=8, before=of("unequal"))
    assert sorted(again.numbers) == [2, 3, 4, 5, 6]
    assert agreement(again.placed(texts).group, of("unequal").placed(texts).group) > 0.9


def test_numbers_of_users_that_are_told_count_before_the_model():
    before = [{0: 12, 1: 11}[topic] for topic in posts("two").topics.tolist()]
    again = made(Interests(), posts("two").texts, k=2, seed=7, groups_before=before)
    groups = again.placed(posts("two").texts).group
    assert np.mean(groups == np.array(before)) > 0.95


@pytest.mark.parametrize(
    "texts",
    [
        [], [""], ["roses"], ["roses", "roses"], ["roses are red", "moons are blue"], ["", "  "], ["same words"] * 60,
        ["same words", *[""] * 9], ["a b c", "1 2 3"], ["東京", "été", "мир", "roses"] * 5, ["x" * 20_000],
    ],
    ids=range(11),
)  # fmt: skip
@pytest.mark.parametrize("k", [None, 3])
def test_however_few_texts_there_are_something_is_said(texts, k, tmp_path):
    found = made(Interests(), texts, k=k, seed=7)
    found.save(tmp_path / "model")
    placed = model.load(tmp_path / "model").placed([*texts, "something else", ""])
    assert found.said["structure"]["words"]
    assert np.isfinite(placed.all).all() and np.isfinite([placed.x, placed.y, placed.confidence]).all()


def test_as_many_groups_as_were_asked_for():
    found = made(Interests(), posts("plain").texts, k=4, seed=7)
    assert (len(found.numbers), found.said["chosen_by"]) == (4, "4 were asked for")
