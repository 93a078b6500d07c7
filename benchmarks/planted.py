"""Posts with planted topics, seeded: made-up words, of topics and common to all, as often as Zipf's law has it.

Neighbouring topics share words. Posts can be short, dirty (addresses, mentions, hashtags, slips), or of topics of very
different sizes.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_SYLLABLES = "ka,lo,mi,ren,tu,pas,fi,dor,gel,ba,nu,sha,ver,qui,zo,ha,jin,cle,wo,ty"


class Posts(NamedTuple):
    """How posts are made: `words` of a post from and to; shares of common words, shared words, and dirt."""

    topics: int = 20
    users: int = 5_000
    words: tuple[int, int] = (20, 60)
    common: float = 0.4
    shared: float = 0.1
    dirt: float = 0.0
    # The second topic is so much smaller than the first, the third than the second by Zipf's law with this exponent.
    unequal: float = 0.0
    vocabulary: int = 60
    seed: int = 7


class Planted(NamedTuple):
    """Texts, the topic of each, the words of each topic, those common to all, and those that nobody says."""

    texts: list[str]
    topics: NDArray[np.int64]
    own: list[list[str]]
    common: list[str]
    unsaid: list[str]


def planted(asked: Posts) -> Planted:
    """The same posts for the same seed."""
    random = np.random.default_rng(asked.seed)
    size = asked.vocabulary
    pool = _words(random, asked.topics * size + 600)
    common, unsaid, rest = pool[:200], pool[200:600], pool[600:]
    own = [rest[topic * size : (topic + 1) * size] for topic in range(asked.topics)]
    for topic, words in enumerate(own):
        for at in random.integers(size, size=int(asked.shared * size)).tolist():
            words[at] = own[(topic + 1) % asked.topics][int(random.integers(size))]
    topics = random.choice(asked.topics, asked.users, p=_zipf(asked.topics, asked.unequal)).astype(np.int64)
    texts = [_text(random, asked, own[topic], common) for topic in topics]
    return Planted(texts, topics, own, common, unsaid)


def _text(random: np.random.Generator, asked: Posts, own: list[str], common: list[str]) -> str:
    count = int(random.integers(asked.words[0], asked.words[1] + 1))
    is_common = random.random(count) < asked.common
    ours = random.choice(len(own), count, p=_zipf(len(own), 0.8))
    all_ = random.choice(len(common), count, p=_zipf(len(common), 1.0))
    words = [common[one] if say else own[other] for say, one, other in zip(is_common, all_, ours, strict=True)]
    return " ".join(_dirty(random, word, common) if random.random() < asked.dirt else word for word in words)


def _dirty(random: np.random.Generator, word: str, common: list[str]) -> str:
    slip = word[:-1] + "aeiou"[int(random.integers(5))]
    other = common[int(random.integers(len(common)))]
    kinds = (
        f"{word} https://t.example/{random.integers(10**9)}", f"@user{random.integers(999)} {word}",
        f"#{word.capitalize()}{other.capitalize()}", f"#{word}_{random.integers(99)}", f"{word}&amp;", slip,
        word.upper(),
    )  # fmt: skip
    return kinds[int(random.integers(len(kinds)))]


def _words(random: np.random.Generator, count: int) -> list[str]:
    found: dict[str, None] = {}
    syllables = _SYLLABLES.split(",")
    while len(found) < count:
        length = int(random.integers(2, 5))
        found["".join(syllables[at] for at in random.integers(len(syllables), size=length))] = None
    return list(found)


def _zipf(count: int, exponent: float) -> NDArray[np.float64]:
    weights = 1 / np.arange(1, count + 1) ** exponent
    return np.asarray(weights / weights.sum())
