"""What pictures say: counts, names cut to a line, a community in words."""

import unicodedata

import numpy as np
import pandas as pd

from pictures.look import MARKS, OTHERS
from pictures.reading import Results


def counted(number: int, noun: str) -> str:
    """2,000 users; 1 user."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def readable(text: str, most: int) -> str:
    """One short line without invisible characters; wide ones, as in Chinese, take the room of two."""
    shown = "".join(char for char in text if unicodedata.category(char) not in {"Cf", "Cs"})
    line = " ".join("".join(" " if unicodedata.category(char) == "Cc" else char for char in shown).split()) or "(blank)"
    room = np.cumsum([1 + (unicodedata.east_asian_width(char) in "WF") for char in line])
    return line if room[-1] <= most else line[: int((room < most).sum())] + "…"


def shown(nodes: pd.DataFrame, results: Results) -> str:
    """190 of 2,000 users and 84 of 500 products shown."""
    drawn, known = nodes["type"], results.vertices["type"]
    return " and ".join(f"{(drawn == kind).sum():,} of {(known == kind).sum():,} {kind}s" for kind in MARKS) + " shown"


def called(group: int) -> str:
    return "other communities" if group == OTHERS else f"community {group}"


def one_of(group: int) -> str:
    return "one of the other communities" if group == OTHERS else called(group)


def mark(group: int) -> str:
    return "…" if group == OTHERS else str(group)


def describe(group: int, results: Results) -> str:
    """A whole community in words, with the category of most of its products where there is one."""
    members = results.vertices[results.vertices["group"] == group]
    products = members.index[members["type"] == "product"].str[2:]
    categories = results.products["category"].reindex(products).replace("", None).value_counts(normalize=True)
    name = called(group)
    if group != OTHERS and categories.max() > 0.5:
        name += f", mostly {readable(categories.idxmax(), 16)}"
    return f"{name}\n{counted(len(members) - len(products), 'user')}, {counted(len(products), 'product')}"
