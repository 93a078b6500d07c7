"""What was found of a sample of texts, kept in a folder: a text -> its group, or none, how sure that is, and where.

It is loaded by the API, by the command line and by executors; none of them needs what it was found with.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spark_app.grouping.nearest import Doubles, Labels
from spark_app.interests import cleaning, confidence, encoders, tokens
from spark_app.interests.confidence import Sharpness
from spark_app.interests.encoder import Encoder
from spark_app.interests.plane import Plane
from spark_app.interests.tokens import Tokens

# Next groups that are told, words of a text, and of so many of its first ones.
OTHERS, TELLING, MOST_TOLD = 3, 10, 1_000
ARRAYS = ("centres", "numbers", "enough", "places", "radii", "axes")


class Assigned(NamedTuple):
    """Where a text belongs.

    `group` is None where nothing is known of its words or no group is near enough; `nearest` is the next one then.
    `confidence` is how sure `nearest` is, 0 to 1; `others` the next groups with theirs, the surest first.
    """

    group: int | None
    nearest: int
    confidence: float
    x: float
    y: float
    others: list[tuple[int, float]]


class Placed(NamedTuple):
    """The same of n texts, as arrays (n,): `group` is 0 for none.

    `all` (n, k) is how sure each group is: rows sum to 1, or to less where no group is near enough.
    """

    group: Labels
    nearest: Labels
    confidence: Doubles
    x: Doubles
    y: Doubles
    all: Doubles


@dataclass(frozen=True)
class Model:
    """Groups by their place: centres (k, d), numbers (k,), how near is near enough (k,), and what is said of them.

    `keywords` are those of each number, the heaviest first; `said` tells how the groups came about.
    """

    encoder: Encoder
    centres: Doubles
    numbers: NDArray[np.int64]
    enough: Doubles
    sharpness: Sharpness
    plane: Plane
    keywords: dict[int, list[tuple[str, float]]]
    said: dict[str, Any]

    @property
    def label(self) -> dict[int, str]:
        """The three best keywords of each group."""
        return {number: " ".join(word for word, _ in words[:3]) for number, words in self.keywords.items()}

    def assign(self, texts: Sequence[str]) -> list[Assigned]:
        """Where each text belongs."""
        found = self.placed(texts)
        return [self._assigned(found, at) for at in range(len(texts))]

    def placed(self, texts: Sequence[str]) -> Placed:
        """The same as arrays, for many texts at once."""
        return self.placed_tokens(tokens.read(texts))

    def placed_words(self, texts: Sequence[Sequence[str]]) -> Placed:
        """Of texts whose words were read before (cleaning.read)."""
        return self.placed_tokens(tokens.of(texts))

    def placed_tokens(self, texts: Tokens) -> Placed:
        """The same, of words as numbers."""
        encoded = self.encoder.encoded(texts)
        sure = confidence.sure(encoded, self.centres, self.sharpness)
        near = confidence.nearness(encoded, self.centres)
        nearest, rows = sure.argmax(1), np.arange(texts.texts)
        x, y = self.plane.of(encoded.points, sure).T
        near, enough = near[rows, nearest], self.enough[nearest]
        inside = (encoded.known > 0) & (near >= enough)
        # The further a text is from being near enough, the less sure; of unknown words nothing is.
        part = np.clip(np.where(enough > 0, near / np.where(enough > 0, enough, 1.0), 1.0), 0.0, 1.0)
        sure = sure * np.where(encoded.known > 0, part, 0.0)[:, None]
        numbers = self.numbers[nearest]
        return Placed(np.where(inside, numbers, 0), numbers, sure[rows, nearest], x, y, sure)

    def telling(self, text: str) -> list[tuple[str, float]]:
        """The words that tell of the nearest group of a text, the nearest first: those that alone are near enough."""
        words = cleaning.read(text)[:MOST_TOLD]
        different = sorted(set(words))
        whole, alone = (self.encoder.encoded(tokens.of(said)) for said in ([words], [[word] for word in different]))
        at = int(confidence.similar(whole.points, self.centres)[0].argmax())
        near = confidence.nearness(alone, self.centres)[:, at]
        least = max(float(self.enough[at]), 0.0)
        told = [(word, value) for word, value in zip(different, near.tolist(), strict=True) if value > least]
        return sorted(told, key=lambda pair: (-pair[1], pair[0]))[:TELLING]

    def save(self, folder: Path) -> None:
        """model.json, model.npz and the encoder's files, in a folder that is made."""
        self.encoder.save(folder)
        told = {
            "sharpness": list(self.sharpness),
            "keywords": {str(number): words for number, words in self.keywords.items()},
            "said": self.said,
        }
        (folder / "model.json").write_text(json.dumps(told, ensure_ascii=False), "utf-8")
        np.savez(
            folder / "model.npz", centres=self.centres, numbers=self.numbers, enough=self.enough,
            **self.plane._asdict(),
        )  # fmt: skip

    def _assigned(self, found: Placed, at: int) -> Assigned:
        group, nearest = int(found.group[at]), int(found.nearest[at])
        order = sorted(range(len(self.numbers)), key=lambda place: (-found.all[at, place], self.numbers[place]))
        others = [(int(self.numbers[place]), float(found.all[at, place])) for place in order]
        others = [pair for pair in others if pair[0] != nearest][:OTHERS]
        x, y = float(found.x[at]), float(found.y[at])
        return Assigned(group or None, nearest, float(found.confidence[at]), x, y, others)


def load(folder: Path) -> Model:
    """One that was saved. FileNotFoundError, ValueError or KeyError where it is not whole."""
    told = json.loads((folder / "model.json").read_text("utf-8"))
    keywords = {int(number): [(word, weight) for word, weight in words] for number, words in told["keywords"].items()}
    with np.load(folder / "model.npz", allow_pickle=False) as kept:
        centres, numbers, enough, *drawn = (kept[name] for name in ARRAYS)
    plane, sharpness = Plane(*drawn), Sharpness(*told["sharpness"])
    return Model(encoders.load(folder), centres, numbers, enough, sharpness, plane, keywords, told["said"])
