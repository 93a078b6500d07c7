"""Interests as a picture shows them: interests.csv and interests.json of a folder of results."""

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pictures import sealed
from pictures.dots import NONE, Part, some


class Interests(NamedTuple):
    """The groups of users who post alike, and where these users lie."""

    users: int
    posts: int
    chosen_by: str
    structure: str
    groups: list[Part]
    keywords: dict[int, list[str]]  # of each group those that are not in its label, the most telling first
    none: int  # users in no group
    points: pd.DataFrame  # number (NONE: in no group), x, y: some of them where there are many


def read_interests(folder: Path) -> Interests | None:
    """None where one of the two files is not there; ResultsError when one cannot be read."""
    return sealed.read(folder, sealed.INTERESTS, interests)


def interests(said: dict[str, Any], table: pd.DataFrame) -> Interests:
    groups = {int(number): group for number, group in said["groups"].items()}
    number = pd.to_numeric(table["group"]).fillna(NONE).astype(int)
    return Interests(
        int(said["users"]),
        int(said["posts"]),
        str(said["chosen_by"]),
        str(said["structure"]["words"]),
        [Part(number, str(one["label"] or ""), int(one["size"])) for number, one in sorted(groups.items())],
        {number: unsaid(one) for number, one in groups.items()},
        int(said["none"]["size"]),
        some(pd.DataFrame({"number": number, "x": table["x"], "y": table["y"]})),
    )


def unsaid(group: dict[str, Any]) -> list[str]:
    words, label = [str(word) for word, _ in group["keywords"]], str(group["label"] or "").split(", ")
    return [word for word in words if word not in label]
