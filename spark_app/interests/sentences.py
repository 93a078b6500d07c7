"""Texts -> points by a model of sentence-transformers, an extra: its name, or the folder that it is in.

Nothing is fitted, so words that no user has said count too. The model itself is not kept, but where it is.
"""

import json
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from spark_app.grouping.nearest import Doubles
from spark_app.interests import cleaning
from spark_app.interests.encoders import SAYS, Encoded

EXTRA = "requirements-interests.txt"
BATCH = 64


class MissingError(RuntimeError):
    """sentence-transformers or the model is not there; one line says what to do."""


class Sentences:
    """A model by its name; loaded where it is used for the first time, also in another process."""

    name = "sentences"

    def __init__(self, model: str, dimensions: int) -> None:
        """`model` is its name or its folder."""
        self.model, self.dimensions = model, dimensions

    def encode(self, texts: Sequence[str]) -> Doubles:
        """(n, d), rows of length 1, or 0 for a text without words."""
        return self.encoded([cleaning.read(text) for text in texts]).points

    def encoded(self, texts: Sequence[Sequence[str]]) -> Encoded:
        """Any word is known, and all tell the same."""
        known = np.array([len(set(words)) for words in texts], np.int64)
        points = np.zeros((len(texts), self.dimensions))
        said = np.flatnonzero(known)
        if len(said):
            points[said] = _points(self.model, [" ".join(texts[at]) for at in said.tolist()])
        return Encoded(points, np.ones(len(texts)), known)

    def shuffled(self, texts: Sequence[Sequence[str]], seeds: Sequence[int]) -> Iterator[Doubles]:
        """By the same model: sentences without sense."""
        words = [word for text in texts for word in text]
        ends = np.cumsum([0, *map(len, texts)])
        for seed in seeds:
            mixed = [words[at] for at in np.random.default_rng(seed).permutation(len(words)).tolist()]
            yield self.encoded([mixed[first:last] for first, last in pairwise(ends)]).points

    def again(self, texts: Sequence[Sequence[str]], seed: int) -> "Sentences":  # noqa: ARG002
        """This one: nothing was fitted."""
        return self

    def save(self, folder: Path) -> None:
        """encoder.json says which model."""
        folder.mkdir(parents=True, exist_ok=True)
        told = {"name": self.name, "model": self.model, "dimensions": self.dimensions}
        (folder / SAYS).write_text(json.dumps(told, ensure_ascii=False), "utf-8")


def loaded(model: str) -> Sentences:
    """One that is ready. MissingError when the package or the model is not there."""
    return Sentences(model, int(_points(model, ["a"]).shape[1]))


def load(folder: Path) -> Sentences:
    """One that was saved; its model is loaded when it is used."""
    told = json.loads((folder / SAYS).read_text("utf-8"))
    return Sentences(told["model"], told["dimensions"])


def _points(model: str, texts: Sequence[str]) -> Doubles:
    found = _transformer(model).encode(
        list(texts), batch_size=BATCH, convert_to_numpy=True, normalize_embeddings=True, show_progress_bar=False
    )
    return np.asarray(found, np.float64)


@cache
def _transformer(model: str) -> Any:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise MissingError(f"the encoder sentences needs sentence-transformers: pip install -r {EXTRA}") from error
    try:
        return SentenceTransformer(model, device="cpu")
    except (OSError, ValueError) as error:
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise MissingError(f"no model of sentence-transformers at {model!r}: {line}") from error
