"""Cursors: where to go on in something long, and in which generation; text for others, not to be read by them."""

import base64
import binascii
import json
from typing import NamedTuple

from spark_app.serving.problems import Problem

# Ids of the engine are numbers of 31 bits: nothing that is listed is longer.
FARTHEST = (1 << 31) - 1


class Cursor(NamedTuple):
    """A generation, and how many were shown of it."""

    generation: str
    offset: int


def written(generation: str, offset: int) -> str:
    """As text."""
    return base64.urlsafe_b64encode(json.dumps([generation, offset]).encode()).decode().rstrip("=")


def read(text: str) -> Cursor:
    """Raises Problem 400 for what `written` did not give."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        generation, offset = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, TypeError, RecursionError):
        raise _refused() from None
    if not isinstance(generation, str) or type(offset) is not int or not 0 <= offset <= FARTHEST:
        raise _refused()
    return Cursor(generation, offset)


def _refused() -> Problem:
    return Problem(400, "Bad cursor", "the cursor is none that this API gave: begin anew without it")
