"""Texts of a sample -> the model that is kept: encoder, groups with their numbers, keywords, and what is said."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from spark_app.grouping import matching_ids
from spark_app.grouping.nearest import Labels
from spark_app.interests import encoders, groups, keywords, tokens, vocabulary
from spark_app.interests.model import Model
from spark_app.interests.tokens import Tokens

if TYPE_CHECKING:
    from spark_app.blocks import Interests

# Groups that are looked for at the most unless it is said otherwise.
MOST = 30


def made(
    asked: "Interests",
    texts: Sequence[str],
    *,
    k: int | None = None,
    most: int = MOST,
    seed: int,
    before: Model | None = None,
    groups_before: Sequence[int | None] | None = None,
    given: int = 0,
) -> Model:
    """Groups of users by what they say, one text each; as of_tokens."""
    said = tokens.read(texts)
    return of_tokens(asked, said, k=k, most=most, seed=seed, before=before, groups_before=groups_before, given=given)


def of_tokens(
    asked: "Interests",
    texts: Tokens,
    *,
    k: int | None = None,
    most: int = MOST,
    seed: int,
    before: Model | None = None,
    groups_before: Sequence[int | None] | None = None,
    given: int = 0,
) -> Model:
    """Groups of users by what they say, one text each, whose words were read before.

    Numbers go on from `before` by the users that both know: `groups_before` (n,) are the numbers that the users of
    these texts had, None for no group; without it the model before is asked where they are. No number up to `given`
    that is gone comes again.
    """
    # Many small steps: threads that wait for one another take longer than one does, above all on a busy machine.
    with threadpool_limits(1):
        encoder = encoders.fitted(asked, texts, seed)
        found = groups.found(encoder, texts, k=k, most=most, seed=seed)
    numbers = _numbers(found.labels, len(found.centres), _before(texts, before, groups_before), before, given)
    told = texts.of_names(vocabulary.counted(encoder, texts, asked.least_users))
    best = keywords.of_tokens(told, found.labels, len(numbers))
    named = {int(number): some for number, some in zip(numbers, best, strict=True)}
    said = {"encoder": encoder.name, **found.said}
    return Model(encoder, found.centres, numbers, found.enough, found.sharpness, found.plane, named, said)


def _before(
    texts: Tokens, before: Model | None, groups_before: Sequence[int | None] | None
) -> Sequence[int | None] | None:
    if before is None or groups_before is not None:
        return groups_before
    return [int(group) or None for group in before.placed_tokens(texts).group]


def _numbers(
    labels: Labels, count: int, groups_before: Sequence[int | None] | None, before: Model | None, given: int
) -> NDArray[np.int64]:
    inside = labels[labels >= 0]
    sizes = dict(enumerate(np.bincount(inside, minlength=count).tolist()))
    shared: Counter[tuple[int, int]] = Counter()
    for label, number in zip(labels.tolist(), groups_before or [None] * len(labels), strict=True):
        if label >= 0 and number:
            shared[label, number] += 1
    known = {number for _, number in shared} | (set(before.numbers.tolist()) if before else set())
    found = matching_ids.numbers(sizes, shared, known, given)
    return np.array([found[group] for group in range(count)], np.int64)
