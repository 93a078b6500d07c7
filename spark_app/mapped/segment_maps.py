"""What is popular in segments as arrays to be mapped, beside those of `maps`: for users whom the model does not know.

A segment stands for itself by its place, which the manifest explains; products stand at the rows that they have there.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from spark_app import generations
from spark_app.generations import Generation
from spark_app.numbers import vectors
from spark_app.numbers.arrays import Floats, Indices

NOWHERE = -1


class SegmentMaps(NamedTuple):
    """(places, products) scores, and the places of users: users[i] belongs to places[i].

    NaN is the score of what is not popular there; where it is all of a place, nobody there has shown interest.
    """

    scores: Floats
    users: Indices
    places: Indices

    def place_of(self, user_id: int) -> int:
        """The place of a user's segment; NOWHERE for one whose list the model makes, or who is in none."""
        at = int(self.users.searchsorted(self.users.dtype.type(user_id)))
        return int(self.places[at]) if at < len(self.users) and self.users[at] == user_id else NOWHERE


def make(generation: Generation, products: pa.Table, home: Path) -> None:
    """Write the arrays; nothing where the generation knows no segments."""
    if not (generation.folder / generations.SEGMENT_POPULAR).exists():
        return
    popular = generations.scan(generation, generations.SEGMENT_POPULAR)
    members = generations.scan(generation, generations.SEGMENT_MEMBERS).sort_by("userId")
    places = popular["place"].to_numpy()
    scores = np.full((places.max(initial=-1) + 1, len(products)), np.nan, np.float32)
    rows = vectors.places(products["productId"].to_numpy(), popular["productId"].to_numpy())
    scores[places, rows] = popular["score"].to_numpy()
    np.save(home / "segment_scores.npy", scores)
    for name in ("userId", "place"):
        np.save(home / f"segment_{name}.npy", members[name].to_numpy().astype(np.int32))


def opened(home: Path) -> SegmentMaps | None:
    """The arrays, mapped; None where there are none."""
    paths = [home / f"segment_{name}.npy" for name in ("scores", "userId", "place")]
    if not all(path.exists() for path in paths):
        return None
    return SegmentMaps(*(np.load(path, mmap_mode="r").view(np.ndarray) for path in paths))
