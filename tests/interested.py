"""Kept interests for tests, made by hand without Spark: users in groups of their own words, and some in none."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from spark_app.interests.model import Model
from spark_app.settings import Settings
from spark_app.storage import interest_files, shelves
from spark_app.storage.shelves import Folder

SECONDS = itertools.count()
WORDS = ["puppy kitten walk collar", "seeds rose compost bloom", "recipe oven baking spices", "vinyl bass concert live"]


def rows(users: int = 60, groups: int = 3, *, none: int = 3, seed: int = 3) -> list[dict[str, Any]]:
    """interests.csv: user u0, u1, ... by turns in the groups, the last ones in none."""
    random = np.random.default_rng(seed)
    found = []
    for place in range(users):
        nearest = place % groups + 1
        x, y = 4 * np.array([np.cos(2.4 * nearest), np.sin(2.4 * nearest)]) + random.normal(size=2)
        group = nearest if place < users - none else None
        found.append({
            "user": f"u{place:05d}", "group": group, "nearest": nearest, "confidence": 0.9 if group else 0.3,
            "x": float(x), "y": float(y), "posts": 2 + place % 3,
        })  # fmt: skip
    return found


def summary(users: list[dict[str, Any]], **said: Any) -> dict[str, Any]:
    """As interests have it, of these users; `said` replaces parts of it."""
    numbers = sorted({row["group"] for row in users if row["group"]})
    none = sum(row["group"] is None for row in users)
    found = {
        "events_version": 12, "users": len(users), "posts": sum(row["posts"] for row in users),
        "pictures": {"read": 2, "failed": 1, "none": 0}, "encoder": "tfidf", "k": len(numbers),
        "chosen_by": "silhouette 0.41 is highest", "tried": [], "silhouette": 0.41, "stability": 0.93,
        "structure": {"found": True, "words": f"silhouette 0.41: the users fall into {len(numbers)} groups"},
        "groups": {str(number): _group(number, users) for number in numbers},
        "none": {"size": none, "share": none / max(len(users), 1)},
        "seconds": {"posts": 1.0}, "silhouette_users": len(users), "given": max(numbers, default=0),
    }  # fmt: skip
    return found | said


def _group(number: int, users: list[dict[str, Any]]) -> dict[str, Any]:
    words, size = WORDS[(number - 1) % len(WORDS)].split(), sum(row["group"] == number for row in users)
    products = [{"product": f"p{number}", "name": f"A {words[0]}", "link": "", "image": "", "source": "bought"}]
    return {
        "group": number, "label": ", ".join(words[:3]), "size": size, "share": size / len(users),
        "keywords": [[word, 0.5 / place] for place, word in enumerate(words, start=1)], "products": products,
        "strategy": {"needs": "pets", "channels": "posts", "tone": "warm", "words": f"Speak of {words[0]}."},
        "times": {"posts": {"weekday": "Friday", "hour": "20 h"}, "buys": {}},
    }  # fmt: skip


def keep(
    settings: Settings, users: list[dict[str, Any]] | None = None, model: Model | None = None, **said: Any
) -> Folder:
    """Published interests of these users, without a model if none is given; each a second after the one before."""
    users = rows() if users is None else users
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=next(SECONDS))
    folder = interest_files.new(settings, moment)
    shelves.write_rows(folder, interest_files.USERS, table(users))
    shelves.write_rows(folder, interest_files.TOPS, pa.table({"group": pa.array([1], pa.int32()), "product": ["p1"]}))
    if model is not None:
        model.save(interest_files.model(folder))
    interest_files.publish(folder, summary(users, **said))
    return folder


def table(users: list[dict[str, Any]]) -> pa.Table:
    """users.parquet."""
    kinds = {"user": pa.string(), "group": pa.int32(), "nearest": pa.int32(), "posts": pa.int64()}
    names = ("user", "group", "nearest", "confidence", "x", "y", "posts")
    ordered = sorted(users, key=lambda row: row["user"])
    return pa.table({
        name: pa.array([row[name] for row in ordered], kinds.get(name, pa.float64())) for name in names
    })  # fmt: skip
