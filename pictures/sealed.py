"""What is found of users beside a generation: a table of them and a JSON file with what is said of it, written last.

Without the JSON file an export is under way or there is none. Each set has a verb that makes it.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pandas as pd

from pictures.reading import ResultsError, made_by, read_table

Found = TypeVar("Found")


class Kind(NamedTuple):
    """What such a set is called, its JSON file, and its table."""

    name: str
    seal: str
    table: str


SEGMENTS = Kind("segments", "segments.json", "segments.csv")
INTERESTS = Kind("interests", "interests.json", "interests.csv")
KINDS = (SEGMENTS, INTERESTS)


def read(folder: Path, kind: Kind, made: Callable[[Any, pd.DataFrame], Found]) -> Found | None:
    """What is made of both; None where one of them is not there; ResultsError when one cannot be read."""
    seal = folder / kind.seal
    if not (seal.exists() and (folder / kind.table).exists()):
        return None
    try:
        text = seal.read_text(encoding="utf-8")
        table = read_table(folder / kind.table)
        if seal.read_text(encoding="utf-8") != text:
            raise ResultsError(f"{folder} got other {kind.name} while they were read; draw again.")
        return made(json.loads(text), table)
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as fault:
        why = f"{type(fault).__name__}: {fault}"
        raise ResultsError(f"{seal} cannot be read: {why}. {made_by(kind.table)}") from fault
