"""Texts of a sample -> interest groups: their centres, how sure and how near a text must be, and whether there are any.

What is said of structure is said beside the same texts with their words dealt anew, which have no topics.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from spark_app.grouping import structure
from spark_app.grouping.nearest import Doubles, Labels
from spark_app.interests import confidence, parting, plane, sharpening, spotting
from spark_app.interests.encoder import Encoder, unit
from spark_app.interests.plane import Plane
from spark_app.interests.spotting import Sight, settled
from spark_app.interests.tokens import Places, Tokens

# Texts whose words are dealt anew, and how often.
DEALT, REFERENCES, FAR = 1_000, 4, 0.2
# Texts that groups are found in anew to learn how sure a group is, and others from whose parts it is learnt.
AGAIN, ASKED = 3_000, 600


class Found(NamedTuple):
    """Groups by their place, the largest first; `labels` (n,) is -1 for texts of which nothing is known."""

    centres: Doubles
    labels: Labels
    enough: Doubles
    sharpness: confidence.Sharpness
    plane: Plane
    said: dict[str, Any]


def found(encoder: Encoder, texts: Tokens, *, k: int | None, most: int, seed: int) -> Found:
    """Groups of texts given as their words. `most` groups are looked for unless k is given."""
    encoded = encoder.encoded(texts)
    # Which come first must not tell anything.
    order = np.random.default_rng(seed).permutation(np.flatnonzero(encoded.known > 0))
    if not len(order):
        return nothing(encoder, texts.texts)
    inside = encoded.some(order)
    sight = Sight(inside.points)
    choice = spotting.choose(sight, len(order), k=k, most=most, seed=seed)
    centres, labels = centred(inside.points, choice.k, sight)
    every = np.full(texts.texts, -1, np.int64)
    every[order] = labels
    # Neither asks the other, and both leave Python for most of their time.
    with ThreadPoolExecutor(1) as beside:
        sharpness = beside.submit(learnt, encoder, texts, order, labels, seed)
        told = said(encoder, texts, sight, labels, choice, seed)
        drawn = plane.drawn(inside.points, centres, labels)
    return Found(centres, every, confidence.enough(inside, centres, labels), sharpness.result(), drawn, told)


def nothing(encoder: Encoder, texts: int) -> Found:
    """One group for texts of which nothing is known, which no text is in."""
    centres = np.zeros((1, encoder.dimensions))
    words = f"no {'words that several users say' if texts else 'texts'}: there is nothing to group"
    told = {"k": 1, "chosen_by": "no words to tell by", "tried": [], "silhouette": None, "stability": None}
    shown = told | {"structure": {"found": False, "words": words}}
    labels = np.full(texts, -1, np.int64)
    return Found(centres, labels, np.zeros(1), confidence.UNKNOWN, plane.empty(encoder.dimensions), shown)


def centred(points: Doubles, k: int, sight: Sight) -> tuple[Doubles, Labels]:
    """Centres of length 1 and the place of each point's most similar one, the largest group first."""
    if k == 1:
        return unit(points.mean(0, keepdims=True)), np.zeros(len(points), np.int64)
    centres, labels = settled(points, sight.tree.centres(k))
    sizes = np.bincount(labels, minlength=len(centres))
    order = sorted(range(len(centres)), key=lambda at: (-sizes[at], at))
    return centres[order], np.argsort(order)[labels]


def learnt(encoder: Encoder, texts: Tokens, order: Places, labels: Labels, seed: int) -> confidence.Sharpness:
    """How sure a group is, from texts that the groups were not found in: parts of them beside the rest of each.

    `order` are the texts of which something is known, `labels` their groups, from which those of half of them start.
    """
    k, half = int(labels.max()) + 1, len(order) // 2
    if k < 2 or half < k:
        return confidence.UNKNOWN
    fitted, asked = texts.some(order[:half][:AGAIN]), texts.some(order[half:][:ASKED])
    again = encoder.again(fitted, seed)
    encoded = again.encoded(fitted)
    known, groups = encoded.known > 0, labels[: fitted.texts]
    points = encoded.points[known]
    centres, _ = settled(points, unit(spotting.sums(points, groups[known], k)))
    parts, rest = (again.encoded(some) for some in parting.parted(asked, seed))
    both = (parts.known > 0) & (rest.known > 0)
    return sharpening.learnt(parts.some(both), rest.some(both), centres)


def said(
    encoder: Encoder, texts: Tokens, sight: Sight, labels: Labels, choice: spotting.Choice, seed: int
) -> dict[str, Any]:
    """What is kept of how the groups came about; `structure` says in words whether there are any."""
    told: dict[str, Any] = {"k": choice.k, "chosen_by": choice.why, "tried": [one.said() for one in choice.tried]}
    if choice.taken is None:
        words = f"{choice.why}: nothing is said of structure"
        return told | {"silhouette": None, "stability": None, "structure": {"found": False, "words": words}}
    silhouette, stability = sight.silhouette(labels), choice.taken.stability or 0.0
    judged = structure.said(silhouette, stability, _reference(encoder, texts, choice.k, silhouette, seed), choice.k)
    return told | {"silhouette": silhouette, "stability": stability, "structure": judged}


def _reference(encoder: Encoder, texts: Tokens, k: int, silhouette: float, seed: int) -> structure.Reference:
    """Of the words dealt anew; two times are enough where the silhouette is far above theirs."""
    many = structure.SMALL_REFERENCES if texts.texts < structure.SMALL else REFERENCES
    some, found = texts.some(np.arange(min(texts.texts, DEALT))), []
    for points in encoder.dealt(some, range(seed, seed + many)):
        found.append(_of_dealt(points, k))
        if len(found) == 2 and silhouette > max(found) + FAR:
            break
    return structure.passed(found)


def _of_dealt(points: Doubles, k: int) -> float:
    points = points[np.abs(points).sum(1) > 0]
    if len(np.unique(points, axis=0)) <= k:
        return 0.0
    sight = Sight(points)
    return sight.silhouette(centred(points, k, sight)[1])
