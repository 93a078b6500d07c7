"""Texts of a sample -> interest groups: their centres, how sure and how near a text must be, and whether there are any.

What is said of structure is said beside the same texts with their words shuffled, which have no topics.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from spark_app.grouping import comparing, structure
from spark_app.grouping.nearest import Doubles, Labels
from spark_app.interests import confidence, plane, spotting
from spark_app.interests.encoders import Encoder
from spark_app.interests.plane import Plane

# Texts that are shuffled, and how often.
SHUFFLED, REFERENCES = 2_000, 4
# Texts from which is learnt how sure a group is, the most words of a short part of one, and one in how many is mixed.
ASKED, SHORT, OF_TWO = 2_000, 8, 6
# Spherical K-means after K-means: rounds at the most.
ROUNDS = 20

Words = Sequence[Sequence[str]]


class Found(NamedTuple):
    """Groups by their place, the largest first; `labels` (n,) is -1 for texts of which nothing is known."""

    centres: Doubles
    labels: Labels
    enough: Doubles
    sharpness: confidence.Sharpness
    plane: Plane
    said: dict[str, Any]


def found(encoder: Encoder, texts: Words, *, k: int | None, most: int, seed: int) -> Found:
    """Groups of texts given as their words. `most` groups are looked for unless k is given."""
    encoded = encoder.encoded(texts)
    known = np.flatnonzero(encoded.known > 0)
    points = encoded.points[known]
    if not len(points):
        return nothing(encoder, len(texts))
    # Which come first must not tell anything.
    order = np.random.default_rng(seed).permutation(len(points))
    choice = spotting.choose(points[order], k=k, most=most, seed=seed)
    centres, labels = centred(points[order], choice.k, seed)
    labels = labels[np.argsort(order)]
    inside = encoded.some(known)
    every = np.full(len(texts), -1, np.int64)
    every[known] = labels
    return Found(
        centres,
        every,
        confidence.enough(inside, centres, labels),
        learnt(encoder, [texts[at] for at in known.tolist()], len(centres), seed),
        plane.drawn(points, centres, seed),
        said(encoder, texts, points[order], labels[order], choice, seed),
    )


def nothing(encoder: Encoder, texts: int) -> Found:
    """One group for texts of which nothing is known, which no text is in."""
    centres = np.zeros((1, encoder.dimensions))
    flat = Plane(np.zeros((1, 2)), np.zeros((encoder.dimensions, 2)), 1.0)
    words = f"no {'words that several users say' if texts else 'texts'}: there is nothing to group"
    told = {"k": 1, "chosen_by": "no words to tell by", "tried": [], "silhouette": None, "stability": None}
    shown = told | {"structure": {"found": False, "words": words}}
    return Found(centres, np.full(texts, -1, np.int64), np.zeros(1), confidence.UNKNOWN, flat, shown)


def centred(points: Doubles, k: int, seed: int) -> tuple[Doubles, Labels]:
    """Centres of length 1 and the place of each point's most similar one, the largest group first."""
    if k == 1:
        return _unit(points.mean(0, keepdims=True)), np.zeros(len(points), np.int64)
    centres = _unit(spotting.grouped(points, k, seed, spotting.Tree(points))[0])
    labels = (points @ centres.T).argmax(1)
    for _ in range(ROUNDS):
        centres = _unit(_means(points, labels, centres))
        before, labels = labels, (points @ centres.T).argmax(1)
        if (before == labels).all():
            break
    sizes = np.bincount(labels, minlength=k)
    order = sorted(range(k), key=lambda at: (-sizes[at], at))
    return centres[order], np.argsort(order)[labels]


def learnt(encoder: Encoder, texts: Words, k: int, seed: int) -> confidence.Sharpness:
    """How sure a group is, from texts that the groups were not found in: parts of them by the rest of each."""
    order = np.random.default_rng(seed).permutation(len(texts))
    half = len(order) // 2
    if k < 2 or half < k:
        return confidence.UNKNOWN
    fitted, asked = ([texts[at] for at in some] for some in (order[:half].tolist(), order[half:][:ASKED].tolist()))
    again = encoder.again(fitted, seed)
    encoded = again.encoded(fitted)
    encoded = encoded.some(encoded.known > 0)
    centres, groups = centred(encoded.points, k, seed)
    enough = confidence.enough(encoded, centres, groups)
    parts, rest = (again.encoded(some) for some in _parted(asked, seed))
    labels = (rest.points @ centres.T).argmax(1)
    # A rest that says nothing of its group would make parts look wrong.
    near = confidence.nearness(rest, centres)[np.arange(len(labels)), labels]
    both = (parts.known > 0) & (rest.known > 0) & (near >= enough[labels])
    return confidence.learnt(parts.some(both), labels[both], centres)


def _parted(texts: Words, seed: int) -> tuple[list[list[str]], list[list[str]]]:
    """Of each text half of its words, and a few; of some that half with one of another text; and the rest for each.

    Those of two texts teach that who speaks of two topics is in neither for sure.
    """
    random = np.random.default_rng(seed)
    mixed = [[words[at] for at in random.permutation(len(words)).tolist()] for words in texts]
    parts, rest = [], []
    for at, words in enumerate(mixed):
        half = len(words) // 2
        few = int(random.integers(1, max(min(half, SHORT), 1) + 1))
        parts += [words[:half], words[:few]]
        rest += [words[half:], words[few:]]
        if at % OF_TWO == 0:
            parts.append(words[:half] + mixed[at - 1][:half])
            rest.append(words[half:])
    return parts, rest


def said(
    encoder: Encoder, texts: Words, points: Doubles, labels: Labels, choice: spotting.Choice, seed: int
) -> dict[str, Any]:
    """What is kept of how the groups came about; `structure` says in words whether there are any."""
    told: dict[str, Any] = {"k": choice.k, "chosen_by": choice.why, "tried": [one.said() for one in choice.tried]}
    if choice.taken is None:
        words = f"{choice.why}: nothing is said of structure"
        return told | {"silhouette": None, "stability": None, "structure": {"found": False, "words": words}}
    looked_at = slice(0, spotting.LOOKED_AT)
    silhouette = comparing.silhouette(comparing.distances(points[looked_at]), labels[looked_at]) or 0.0
    stability = choice.taken.stability or 0.0
    judged = structure.said(silhouette, stability, _reference(encoder, texts, choice.k, seed), choice.k)
    return told | {"silhouette": silhouette, "stability": stability, "structure": judged}


def _reference(encoder: Encoder, texts: Words, k: int, seed: int) -> structure.Reference:
    """Of the shuffled texts."""
    many = structure.SMALL_REFERENCES if len(texts) < structure.SMALL else REFERENCES
    shuffled = encoder.shuffled(texts[:SHUFFLED], range(seed, seed + many))
    return structure.passed([_of_shuffled(points, k, seed) for points in shuffled])


def _of_shuffled(points: Doubles, k: int, seed: int) -> float:
    points = points[np.abs(points).sum(1) > 0][: spotting.LOOKED_AT]
    if len(np.unique(points, axis=0)) <= k:
        return 0.0
    return comparing.silhouette(comparing.distances(points), centred(points, k, seed)[1]) or 0.0


def _means(points: Doubles, labels: Labels, before: Doubles) -> Doubles:
    """Sums by group; one without points stays where it was."""
    sums = np.zeros_like(before)
    np.add.at(sums, labels, points)
    return np.where(np.bincount(labels, minlength=len(before))[:, None] > 0, sums, before)


def _unit(rows: Doubles) -> Doubles:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1.0)
