"""Counts of words per group -> the words that tell a group from the others, by class TF-IDF.

Counts of parts can be added up before.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from spark_app.grouping.nearest import Doubles, Labels
from spark_app.interests.tokens import Tokens

# A keyword is so many times as frequent in its group as in the others, where there are such words.
MORE = 2.0
COUNT = 10
# Of texts, the most common words are looked at.
MOST_WORDS = 50_000


def counted(
    texts: Iterable[Sequence[str]], groups: Iterable[int], known: Collection[str] | None = None
) -> dict[int, Counter[str]]:
    """How often each group says each word; only `known` words, where they are given."""
    found: dict[int, Counter[str]] = {}
    for words, group in zip(texts, groups, strict=True):
        found.setdefault(int(group), Counter()).update(words)
    if known is None:
        return found
    return {group: Counter({word: counts[word] for word in counts if word in known}) for group, counts in found.items()}


def of_tokens(texts: Tokens, labels: Labels, groups: int, count: int = COUNT) -> list[list[tuple[str, float]]]:
    """The keywords of each group of texts, whose labels are the places of their groups, or -1; as of."""
    label = labels[texts.text]
    label, word = label[label >= 0], texts.word[label >= 0]
    common = np.argsort(-np.bincount(word, minlength=len(texts.names)), kind="stable")[:MOST_WORDS]
    column = np.full(len(texts.names), -1)
    column[common] = np.arange(len(common))
    label, word = label[column[word] >= 0], column[word][column[word] >= 0]
    table = np.bincount(label * len(common) + word, minlength=groups * len(common)).reshape(groups, len(common))
    said = table.any(0)
    return _told([texts.names[at] for at in common[said].tolist()], table[:, said].astype(np.float64), count)


def of(counts: Sequence[Mapping[str, int]], count: int = COUNT) -> list[list[tuple[str, float]]]:
    """The keywords of each group with their weights, the heaviest first, ties by word.

    Weight of word w in group c: tf(w, c) * log(1 + A / f(w)), with tf its share of the group's words, f(w) how often
    all groups say it, A the mean number of words of a group (Grootendorst 2022, eq. 2).
    """
    words = sorted({word for group in counts for word in group})
    table = np.array([[group.get(word, 0) for word in words] for group in counts], np.float64)
    return _told(words, table, count)


def _told(words: list[str], table: Doubles, count: int) -> list[list[tuple[str, float]]]:
    """Of how often each group (rows) says each word."""
    if not words:
        return [[] for _ in table]
    every, sizes = table.sum(0), table.sum(1)
    shares = table / np.maximum(sizes, 1)[:, None]
    weights = shares * np.log1p(sizes.mean() / every)
    own = shares > MORE * (every - table) / np.maximum(every.sum() - sizes, 1)[:, None]
    return [_best(words, weight, row, count) for weight, row in zip(weights, own, strict=True)]


def _best(words: list[str], weights: np.ndarray, own: np.ndarray, count: int) -> list[tuple[str, float]]:
    # Words that all groups say are given where a group has none of its own.
    weights = np.where(own, weights, 0.0) if own.any() else weights
    found = np.flatnonzero(weights > 0)
    if len(found) > count:
        found = found[weights[found] >= np.partition(weights[found], -count)[-count]]
    best = sorted(found, key=lambda at: (-weights[at], words[at]))[:count]
    return [(words[at], float(weights[at])) for at in best]
