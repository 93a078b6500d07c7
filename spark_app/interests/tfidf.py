"""Words -> TF-IDF -> the components of it that texts without topics do not have (SVD): the default encoder.

What is kept is a list of words and a matrix. scikit-learn finds the matrix and is not loaded to use it.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from spark_app.grouping.nearest import Doubles
from spark_app.interests import cleaning, vocabulary
from spark_app.interests.encoders import SAYS, Encoded

# What is fitted on other texts knows words of two of them or more, and of fewer than so many those of one, too.
ENOUGH = 50
# Components: so many at the most and at least. The first is what all texts have in common.
MOST, LEAST = 100, 10
# A component tells of topics if it is so much above the highest of the same words shuffled among the texts.
ABOVE, SHUFFLES = 1.05, 2
UNKNOWN = 2

Words = Sequence[Sequence[str]]


class Tokens(NamedTuple):
    """All words of some texts: which text each is in and which word it is, -1 where it is not known."""

    text: NDArray[np.int64]
    word: NDArray[np.int64]
    texts: int


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
        return self.encoded([cleaning.read(text) for text in texts]).points

    def encoded(self, texts: Words) -> Encoded:
        """What is not known counts as a word that points nowhere, up to UNKNOWN such words for each known one.

        Who writes a whole sentence uses words that posts which are lists of words have not.
        """
        matrix, unknown = weighted(tokens(texts, self._places), self.rarity)
        raw = np.asarray(matrix @ self.components)
        lengths = np.linalg.norm(raw, axis=1)
        known = np.diff(matrix.indptr).astype(np.int64)
        weights = np.asarray(matrix.sum(1)).ravel() + self.unknown * np.minimum(unknown, UNKNOWN * known)
        points = raw / np.where(lengths > 0, lengths, 1.0)[:, None]
        return Encoded(points, lengths / np.where(weights > 0, weights, 1.0), known)

    def shuffled(self, texts: Words, seeds: Sequence[int]) -> Iterator[Doubles]:
        """As many components of the shuffled words, for each seed."""
        found = tokens(texts, self._places)
        for seed in seeds:
            mixed = _mixed(found, np.random.default_rng(seed))
            matrix = table(mixed, rarity(mixed, len(self.words)))
            raw = np.asarray(matrix @ decomposed(matrix, self.dimensions, seed)[1])
            lengths = np.linalg.norm(raw, axis=1)
            yield raw / np.where(lengths > 0, lengths, 1.0)[:, None]

    def again(self, texts: Words, seed: int) -> "TfIdf":
        """The same number of components, of other texts; of words those that are known here."""
        own = vocabulary.shared(texts, 2 if len(texts) >= ENOUGH else 1)
        return _of([word for word in own if word in self._places], texts, seed, self.dimensions)

    def save(self, folder: Path) -> None:
        """encoder.json has the words, encoder.npz the numbers."""
        folder.mkdir(parents=True, exist_ok=True)
        said = {"name": self.name, "unknown": self.unknown, "words": self.words}
        (folder / SAYS).write_text(json.dumps(said, ensure_ascii=False), "utf-8")
        np.savez(folder / "encoder.npz", rarity=self.rarity, components=self.components.astype(np.float32))


def load(folder: Path) -> TfIdf:
    """One that was saved."""
    said = json.loads((folder / SAYS).read_text("utf-8"))
    with np.load(folder / "encoder.npz", allow_pickle=False) as kept:
        return TfIdf(said["words"], kept["rarity"], kept["components"].astype(np.float64), said["unknown"])


def fitted(texts: Words, seed: int, least: int) -> TfIdf:
    """Of the words of `least` texts or more: components above those of shuffled words, 10 to 100.

    That is parallel analysis (Horn 1965).
    """
    return _of(vocabulary.shared(texts, least), texts, seed)


def _of(words: list[str], texts: Words, seed: int, dimensions: int | None = None) -> TfIdf:
    found = tokens(texts, {word: at for at, word in enumerate(words)})
    weights = rarity(found, len(words))
    matrix = table(found, weights)
    most = max(1, min(MOST if dimensions is None else dimensions, *(size - 1 for size in matrix.shape)))
    strengths, components = decomposed(matrix, most, seed)
    if dimensions is None:
        components = components[:, : max(LEAST, _telling(strengths, found, len(words), seed))]
    # float32 is what is kept: one that was loaded gives the same points.
    components = components.astype(np.float32).astype(np.float64)
    return TfIdf(words, weights, components, usual(found, weights))


def tokens(texts: Words, places: dict[str, int]) -> Tokens:
    """Words as their places among those that are known."""
    sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    word = np.fromiter(map(places.get, chain.from_iterable(texts), repeat(-1)), np.int64, int(sizes.sum()))
    return Tokens(np.repeat(np.arange(len(texts)), sizes), word, len(texts))


def rarity(found: Tokens, words: int) -> Doubles:
    """sqrt(log((1 + n) / (1 + df)) / (1 + df / mean df)): 0 for a word that all texts have.

    What is divided by keeps a common word from being a component of its own, the mean in it keeps a rare one from that
    (as Qin and Rohe 2013 do for degrees of graphs). So what shuffled words reach is the same for all words, and
    components above it are what words have in common.
    """
    known = found.word >= 0
    pairs = np.unique(found.text[known] * words + found.word[known])
    counts = np.bincount(pairs % max(words, 1), minlength=words)
    usual = max(float(counts.sum()) / max(words, 1), 1.0)
    return np.sqrt(np.log((1 + found.texts) / (1 + counts)) / (1 + counts / usual))


def usual(found: Tokens, weights: Doubles) -> float:
    """The mean weight of a known word, as often as it is said; what one that is not known weighs."""
    said = found.word[found.word >= 0]
    return float(weights[said].mean()) if len(said) else 1.0


def weighted(found: Tokens, weights: Doubles) -> tuple[sparse.csr_matrix, NDArray[np.int64]]:
    """Sublinear TF-IDF (1 + log(count)) * weight, (texts, words); and how many words of each text are unknown."""
    known = found.word >= 0
    shape = (found.texts, len(weights))
    ones = np.ones(int(known.sum()))
    matrix = sparse.coo_matrix((ones, (found.text[known], found.word[known])), shape).tocsr()
    matrix.sum_duplicates()
    matrix.data = (1 + np.log(matrix.data)) * weights[matrix.indices]
    return matrix, np.bincount(found.text[~known], minlength=found.texts)


def table(found: Tokens, weights: Doubles) -> sparse.csr_matrix:
    """What is decomposed: rows over the root of how many words a text has.

    Rows of length 1 would give weight to the common words of texts that have no rare ones.
    """
    sizes = np.bincount(found.text, minlength=found.texts)
    return sparse.diags(1 / np.sqrt(np.maximum(sizes, 1))) @ weighted(found, weights)[0]


def decomposed(matrix: sparse.csr_matrix, count: int, seed: int) -> tuple[Doubles, Doubles]:
    """Singular values and right vectors (words, count), the largest first (Halko, Martinsson and Tropp 2011)."""
    from sklearn.utils.extmath import randomized_svd

    if 0 in matrix.shape or not matrix.nnz:
        return np.zeros(count), np.zeros((matrix.shape[1], count))
    _, strengths, rows = randomized_svd(matrix, count, n_iter=4, random_state=seed % 2**32)
    return strengths, rows.T


def _telling(strengths: Doubles, found: Tokens, words: int, seed: int) -> int:
    """How many components, with the first, are above the second of shuffled words: the first is what all share."""
    random = np.random.default_rng(seed)
    noise = 0.0
    for _ in range(SHUFFLES):
        mixed = _mixed(found, random)
        matrix = table(mixed, rarity(mixed, words))
        noise = max(noise, float(decomposed(matrix, min(5, *matrix.shape), seed)[0][1:].max(initial=0.0)))
    return 1 + int((strengths[1:] > ABOVE * noise).sum())


def _mixed(found: Tokens, random: np.random.Generator) -> Tokens:
    return found._replace(word=random.permutation(found.word))
