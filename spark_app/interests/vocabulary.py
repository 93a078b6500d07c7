"""Texts, one of each user -> the words that several users say: of words, a model keeps these and no others.

A name, an address or a number that one user alone writes is so in no kept model and in no label, and nothing of them
has to go when that user is forgotten.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spark_app.interests.encoders import Encoder

# So many words at the most, the most common ones.
MOST = 50_000


def shared(texts: Iterable[Sequence[str]], least: int) -> list[str]:
    """The words of `least` texts or more, by their name."""
    counts = Counter(chain.from_iterable(map(set, texts)))
    common = sorted((word for word, count in counts.items() if count >= least), key=lambda word: (-counts[word], word))
    return sorted(common[:MOST])


def counted(encoder: "Encoder", texts: Iterable[Sequence[str]], least: int) -> Collection[str]:
    """The words that keywords may be: those of the encoder or, where it keeps none, those that these texts share."""
    own: Collection[str] | None = getattr(encoder, "words", None)
    return shared(texts, least) if own is None else own
