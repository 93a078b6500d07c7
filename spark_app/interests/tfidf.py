"""Words -> TF-IDF -> the components of it that texts without topics do not have (SVD): the default encoder.

What is kept is a list of words and a matrix.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import repeat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from spark_app.grouping.nearest import Doubles
from spark_app.interests import tokens, vocabulary
from spark_app.interests.components import decomposed
from spark_app.interests.encoder import SAYS, Encoded, unit
from spark_app.interests.tokens import Places, Tokens

# What is fitted on other texts knows words of two of them or more, and of fewer than so many those of one, too.
ENOUGH = 50
# Components: so many at the most and at least, and so many are looked at first. The first is what all have in common.
MOST, LEAST, FIRST = 100, 10, 32
# A component tells of topics if it is so much above the highest of the same words shuffled among the texts.
ABOVE, SHUFFLED_COMPONENTS = 1.05, 5
UNKNOWN = 2


class TfIdf:
    """Known words, how rare each is, and what it tells (words, d)."""

    name = "tfidf"

    def __init__(self, words: list[str], rarity: Doubles, components: Doubles, unknown: float) -> None:
        """`rarity` (words,) is the weight of each word; `unknown` that of one that is not known."""
        self.words, self.rarity, self.components, self.unknown = words, rarity, components, unknown
        self.dimensions = components.shape[1]
        self._places = {word: at for at, word in enumerate(words)}

    def encode(self, texts: Sequence[str]) -> Doubles:
        """(n, d), rows of length 1, or 0 where no word is known."""
        return self.encoded(tokens.read(texts)).points

    def encoded(self, said: Tokens) -> Encoded:
        """What is not known counts as a word that points nowhere, up to UNKNOWN such words for each known one.

        Who writes a whole sentence uses words that posts which are lists of words have not.
        """
        counts = counted(said, self._known(said), len(self.words))
        matrix = weighted(counts, self.rarity)
        raw = np.asarray(matrix @ self.components)
        lengths = np.linalg.norm(raw, axis=1)
        known = np.diff(matrix.indptr).astype(np.int64)
        unknown = said.sizes - np.asarray(counts.sum(1)).ravel()
        weights = np.asarray(matrix.sum(1)).ravel() + self.unknown * np.minimum(unknown, UNKNOWN * known)
        return Encoded(unit(raw, lengths), lengths / np.where(weights > 0, weights, 1.0), known)

    def dealt(self, said: Tokens, seeds: Sequence[int]) -> Iterator[Doubles]:
        """As many components of the words dealt anew, for each seed."""
        known = self._known(said)
        for seed in seeds:
            counts = counted(said.dealt(np.random.default_rng(seed)), known, len(self.words))
            matrix = table(weighted(counts, rarity(counts)), said.sizes)
            raw = np.asarray(matrix @ decomposed(matrix, self.dimensions, seed)[1])
            yield unit(raw)

    def again(self, said: Tokens, seed: int) -> "TfIdf":
        """The same number of components, of other texts; of words those that are known here."""
        own = vocabulary.shared(said, 2 if said.texts >= ENOUGH else 1)
        return _of(said, [word for word in own if word in self._places], seed, self.dimensions)

    def save(self, folder: Path) -> None:
        """encoder.json has the words, encoder.npz the numbers."""
        folder.mkdir(parents=True, exist_ok=True)
        said = {"name": self.name, "unknown": self.unknown, "words": self.words}
        (folder / SAYS).write_text(json.dumps(said, ensure_ascii=False), "utf-8")
        np.savez(folder / "encoder.npz", rarity=self.rarity, components=self.components.astype(np.float32))

    def _known(self, said: Tokens) -> Places:
        return _among(said, self._places)


def load(folder: Path) -> TfIdf:
    """One that was saved."""
    said = json.loads((folder / SAYS).read_text("utf-8"))
    with np.load(folder / "encoder.npz", allow_pickle=False) as kept:
        return TfIdf(said["words"], kept["rarity"], kept["components"].astype(np.float64), said["unknown"])


def fitted(said: Tokens, seed: int, least: int) -> TfIdf:
    """Of the words of `least` texts or more: components above those of dealt words, 10 to 100.

    That is parallel analysis (Horn 1965).
    """
    return _of(said, vocabulary.shared(said, least), seed)


def _of(said: Tokens, words: list[str], seed: int, dimensions: int | None = None) -> TfIdf:
    known = _among(said, {word: at for at, word in enumerate(words)})
    counts = counted(said, known, len(words))
    weights = rarity(counts)
    matrix = table(weighted(counts, weights), said.sizes)
    components = _components(matrix, said, known, seed, dimensions)
    # float32 is what is kept: one that was loaded gives the same points.
    components = components.astype(np.float32).astype(np.float64)
    return TfIdf(words, weights, components, usual(counts, weights))


def _among(said: Tokens, places: dict[str, int]) -> Places:
    """The place of each name among known words, or -1."""
    return np.fromiter(map(places.get, said.names, repeat(-1)), np.int64, len(said.names))


def counted(said: Tokens, known: Places, words: int) -> sparse.csr_matrix:
    """How often each text says each known word, (texts, words); `known` is the place of each name, -1 of none."""
    word = known[said.word]
    is_known = word >= 0
    starts = np.concatenate([[0], np.cumsum(np.bincount(said.text[is_known], minlength=said.texts))])
    matrix = sparse.csr_matrix((np.ones(int(starts[-1])), word[is_known], starts), (said.texts, words))
    matrix.sum_duplicates()
    return matrix


def rarity(counts: sparse.csr_matrix) -> Doubles:
    """sqrt(log((1 + n) / (1 + df)) / (1 + df / mean df)): 0 for a word that all texts have.

    What is divided by keeps a common word from being a component of its own, the mean in it keeps a rare one from that
    (as Qin and Rohe 2013 do for degrees of graphs). So what shuffled words reach is the same for all words, and
    components above it are what words have in common.
    """
    count, words = counts.shape
    texts = np.bincount(counts.indices, minlength=words)
    mean = max(float(texts.sum()) / max(words, 1), 1.0)
    return np.sqrt(np.log((1 + count) / (1 + texts)) / (1 + texts / mean))


def usual(counts: sparse.csr_matrix, weights: Doubles) -> float:
    """The mean weight of a known word, as often as it is said; what one that is not known weighs."""
    total = float(counts.data.sum())
    return float(counts.data @ weights[counts.indices]) / total if total else 1.0


def weighted(counts: sparse.csr_matrix, weights: Doubles) -> sparse.csr_matrix:
    """Sublinear TF-IDF: (1 + log(count)) * weight."""
    data = (1 + np.log(counts.data)) * weights[counts.indices]
    return sparse.csr_matrix((data, counts.indices, counts.indptr), counts.shape)


def table(matrix: sparse.csr_matrix, sizes: Places) -> sparse.csr_matrix:
    """What is decomposed: rows over the root of how many words a text has.

    Rows of length 1 would give weight to the common words of texts that have no rare ones.
    """
    scale = np.repeat(1 / np.sqrt(np.maximum(sizes, 1)), np.diff(matrix.indptr))
    return sparse.csr_matrix((matrix.data * scale, matrix.indices, matrix.indptr), matrix.shape)


def _components(
    matrix: sparse.csr_matrix, said: Tokens, known: Places, seed: int, dimensions: int | None
) -> NDArray[np.float64]:
    """(words, d), as many as were asked for, or as tell of topics."""
    most = max(1, min(dimensions or MOST, *(size - 1 for size in matrix.shape)))
    if dimensions is not None:
        return decomposed(matrix, most, seed)[1]
    noise = _noise(said, known, matrix.shape[1], seed)
    count = min(FIRST, most)
    strengths, components = decomposed(matrix, count, seed)
    if count < most and strengths[-1] > ABOVE * noise:
        strengths, components = decomposed(matrix, most, seed)
    # With the first, which all share.
    telling = 1 + int((strengths[1:] > ABOVE * noise).sum())
    return components[:, : max(LEAST, telling)]


def _noise(said: Tokens, known: Places, words: int, seed: int) -> float:
    """The second component of the same words dealt anew: their first is what all texts share."""
    counts = counted(said.dealt(np.random.default_rng(seed)), known, words)
    matrix = table(weighted(counts, rarity(counts)), said.sizes)
    strengths, _ = decomposed(matrix, min(SHUFFLED_COMPONENTS, *matrix.shape), seed)
    return float(strengths[1:].max(initial=0.0))

