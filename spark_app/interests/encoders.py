"""Which of two encoders it is: a setting says so where one is fitted, a kept one says what it is."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from spark_app.interests.encoder import SAYS, Encoder
from spark_app.interests.tokens import Tokens

if TYPE_CHECKING:
    from spark_app.blocks import Interests


def fitted(asked: "Interests", said: Tokens, seed: int) -> Encoder:
    """Of the words of a sample of texts. For `sentences` a model must be there, nothing is fitted."""
    if asked.encoder == "sentences":
        from spark_app.interests import sentences

        return sentences.loaded(asked.sentences_model)
    from spark_app.interests import tfidf

    return tfidf.fitted(said, seed, asked.least_users)


def load(folder: Path) -> Encoder:
    """One that was saved."""
    if json.loads((folder / SAYS).read_text("utf-8"))["name"] == "sentences":
        from spark_app.interests import sentences

        return sentences.load(folder)
    from spark_app.interests import tfidf

    return tfidf.load(folder)
