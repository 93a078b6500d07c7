"""Texts, one of each user -> the words that several users say: of words, a model keeps these and no others.

A name, an address or a number that one user alone writes is so in no kept model and in no label, and nothing of them
has to go when that user is forgotten.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from spark_app.interests.tokens import Tokens

if TYPE_CHECKING:
    from spark_app.interests.encoder import Encoder

# So many words at the most, the most common ones.
MOST = 50_000


def shared(said: Tokens, least: int) -> list[str]:
    """The words of `least` texts or more, by their name."""
    texts, names = said.said_by, said.names
    found = np.flatnonzero(texts >= least).tolist()
    common = sorted(found, key=lambda at: (-texts[at], names[at]))[:MOST] if len(found) > MOST else found
    return sorted(names[at] for at in common)


def counted(encoder: "Encoder", said: Tokens, least: int) -> Collection[str]:
    """The words that keywords may be: those of the encoder or, where it keeps none, those that these texts share."""
    own: Collection[str] | None = getattr(encoder, "words", None)
    return shared(said, least) if own is None else own
