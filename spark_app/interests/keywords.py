"""Counts of words per group -> the words that tell a group from the others, by class TF-IDF.

Counts of parts can be added up before.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

# A keyword is so many times as frequent in its group as in the others, where there are such words.
MORE = 2.0
COUNT = 10


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


def of(counts: Sequence[Mapping[str, int]], count: int = COUNT) -> list[list[tuple[str, float]]]:
    """The keywords of each group with their weights, the heaviest first, ties by word.

    Weight of word w in group c: tf(w, c) * log(1 + A / f(w)), with tf its share of the group's words, f(w) how often
    all groups say it, A the mean number of words of a group (Grootendorst 2022, eq. 2).
    """
    words = sorted({word for group in counts for word in group})
    if not words:
        return [[] for _ in counts]
    table = np.array([[group.get(word, 0) for word in words] for group in counts], np.float64)
    every, sizes = table.sum(0), table.sum(1)
    shares = table / np.maximum(sizes, 1)[:, None]
    weights = shares * np.log1p(sizes.mean() / every)
    own = shares > MORE * (every - table) / np.maximum(every.sum() - sizes, 1)[:, None]
    return [_best(words, weight, row, count) for weight, row in zip(weights, own, strict=True)]


def _best(words: list[str], weights: np.ndarray, own: np.ndarray, count: int) -> list[tuple[str, float]]:
    # Words that all groups say are given where a group has none of its own.
    weights = np.where(own, weights, 0.0) if own.any() else weights
    best = sorted(np.flatnonzero(weights > 0), key=lambda at: (-weights[at], words[at]))[:count]
    return [(words[at], float(weights[at])) for at in best]
