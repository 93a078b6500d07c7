"""Texts -> points by a model of sentence-transformers, an extra: its name, or the folder that it is in.

Nothing is fitted, so words that no user has said count too. The model itself is not kept, but where it is.
"""

import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from spark_app.grouping.nearest import Doubles
from spark_app.interests import tokens
from spark_app.interests.encoder import SAYS, Encoded
from spark_app.interests.tokens import Tokens

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
        return self.encoded(tokens.read(texts)).points

    def encoded(self, said: Tokens) -> Encoded:
        """Any word is known, and all tell the same."""
        known, points = said.different, np.zeros((said.texts, self.dimensions))
        some = np.flatnonzero(known)
        if len(some):
            points[some] = _points(self.model, said.some(some).spelt())
        return Encoded(points, np.ones(said.texts), known)

    def dealt(self, said: Tokens, seeds: Sequence[int]) -> Iterator[Doubles]:
        """By the same model: sentences without sense."""
        for seed in seeds:
            yield self.encoded(said.dealt(np.random.default_rng(seed))).points

    def again(self, said: Tokens, seed: int) -> "Sentences":  # noqa: ARG002
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
