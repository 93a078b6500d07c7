"""Words of texts as numbers: taken, dealt, cut in parts, and their strongest components."""

import numpy as np
import pytest
from scipy import sparse

from spark_app.interests import components, parting, tokens

TEXTS = [["roses", "are", "red", "red"], [], ["moons", "are", "blue"], ["red"]]


def spelt(*texts: list[str]) -> list[str]:
    return [" ".join(words) for words in texts]


def test_texts_are_spelt_as_they_were_said():
    said = tokens.of(TEXTS)
    assert said.spelt() == spelt(*TEXTS)
    assert (said.sizes.tolist(), said.different.tolist()) == ([4, 0, 3, 1], [3, 0, 3, 1])


def test_some_texts_are_taken_in_the_order_that_is_asked_for():
    assert tokens.of(TEXTS).some(np.array([3, 1, 0, 3])).spelt() == spelt(TEXTS[3], [], TEXTS[0], TEXTS[3])


def test_texts_stand_one_after_the_other():
    said = tokens.of(TEXTS)
    assert tokens.together([said, said.some(np.array([2]))]).spelt() == spelt(*TEXTS, TEXTS[2])


def test_dealt_words_are_the_same_in_texts_of_the_same_lengths():
    said = tokens.of(TEXTS)
    dealt = said.dealt(np.random.default_rng(3))
    assert dealt.sizes.tolist() == said.sizes.tolist() and sorted(dealt.word) == sorted(said.word)


def test_no_texts_are_no_words():
    said = tokens.of([])
    assert (said.texts, said.spelt(), said.different.tolist()) == (0, [], [])


def test_a_part_and_its_rest_are_the_text_and_some_parts_are_of_two_texts():
    texts = [[f"{at}-{place}" for place in range(10)] for at in range(13)]
    parts, rest = (found.spelt() for found in parting.parted(tokens.of(texts), seed=7))
    assert len(parts) == len(rest) == 13 + 13 + 3
    for at in range(26):
        assert sorted(f"{parts[at]} {rest[at]}".split()) == sorted(texts[at % 13])
    assert [len(part.split()) for part in parts[:13]] == [5] * 13
    assert all(1 <= len(part.split()) <= 5 for part in parts[13:26])
    for at, part in enumerate(parts[26:]):
        assert {word.split("-")[0] for word in part.split()} == {str(6 * at), str((6 * at - 1) % 13)}
        assert len(part.split()) == 10 and rest[26 + at] == rest[6 * at]


@pytest.mark.parametrize("rows", [60, 3 * components.ROWS])
def test_components_are_those_of_a_whole_decomposition(rows):
    random = np.random.default_rng(5)
    dense = (random.random((rows, 8)) < 0.5) @ np.diag([8.0, 6, 5, 4, 0.5, 0.4, 0.3, 0.2]) @ random.normal(size=(8, 40))
    strengths, vectors = components.decomposed(sparse.csr_matrix(dense), 4, seed=7)
    expected = np.linalg.svd(dense, full_matrices=False)
    assert strengths == pytest.approx(expected[1][:4], rel=1e-3)
    assert np.abs((vectors * expected[2][:4].T).sum(0)) == pytest.approx(np.ones(4), abs=1e-3)


def test_a_table_with_nothing_in_it_has_components_of_nothing():
    strengths, vectors = components.decomposed(sparse.csr_matrix((3, 5)), 2, seed=7)
    assert strengths.tolist() == [0, 0] and vectors.shape == (5, 2) and not vectors.any()
