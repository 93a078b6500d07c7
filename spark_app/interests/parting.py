"""Texts -> parts of them, and the rest of each: what the one is about, the other should be about too."""

import numpy as np

from spark_app.interests import tokens
from spark_app.interests.tokens import Tokens

# The most words of a short part, and one text in so many is mixed with another one.
SHORT, OF_TWO = 8, 6


def parted(said: Tokens, seed: int) -> tuple[Tokens, Tokens]:
    """Of each text half of its words, and a few; of some that half with one of another text; and the rest for each.

    Those of two texts teach that who speaks of two topics is in neither for sure.
    """
    random = np.random.default_rng(seed)
    mixed = said.mixed(random)
    sizes = mixed.sizes
    half = sizes // 2
    few = random.integers(1, np.clip(half, 1, SHORT) + 1)
    place = np.arange(len(mixed.text)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    in_half, in_few = (place < count[mixed.text] for count in (half, few))
    halves, others = mixed.where(in_half), mixed.where(~in_half)
    which = np.arange(0, said.texts, OF_TWO)
    parts = [halves, mixed.where(in_few), _of_two(halves, which)]
    return tokens.together(parts), tokens.together([others, mixed.where(~in_few), others.some(which)])


def _of_two(halves: Tokens, which: tokens.Places) -> Tokens:
    """Those at some places, each with the one before it."""
    both = halves.some(np.column_stack([which, which - 1]).ravel() % max(halves.texts, 1))
    return both._replace(text=both.text // 2, texts=len(which))
