"""Posts of planted groups, grouped and kept as interests are, without Spark; and pictures with words in them."""

import io
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import interested
import numpy as np
import pyarrow as pa
from PIL import Image, ImageDraw, ImageFont

from spark_app.blocks import Interests
from spark_app.interests import making, strategies
from spark_app.interests.model import Model
from spark_app.settings import Settings
from spark_app.storage import interest_files, shelves
from spark_app.storage.shelves import Folder

TOPICS = {
    "coffee": "espresso roast grinder crema latte beans barista brew filter portafilter arabica mug",
    "garden": "tomato compost seedling pruning roses mulch greenhouse trowel watering sprout hedge soil",
    "cycling": "bicycle gravel saddle derailleur helmet pedal climb peloton puncture tyre chain handlebar",
    "chess": "gambit endgame bishop knight checkmate opening castling pawn rook tournament blitz board",
}
COMMON = "today really always good people friends weekend finally think never great something morning again"
COFFEE = "Good grinder for espresso today? My crema, never great again: latte, roast and beans."
GARDEN = "TOMATO SEEDLING COMPOST\nPRUNING ROSES MULCH"
_MODELS: dict[int, Model] = {}


def texts(users: int, *, seed: int = 5) -> list[str]:
    """Of each user one, by turns of each topic: two thirds of the words are the topic's own."""
    dice, own = random.Random(seed), [words.split() for words in TOPICS.values()]
    return [" ".join(dice.choices(own[of % len(own)], k=16) + dice.choices(COMMON.split(), k=8)) for of in range(users)]


def keep(settings: Settings, users: int = 120, **said: Any) -> Folder:
    """Interests of these, published, each a second after the ones before; `said` replaces parts of the summary."""
    model, posts = made(users), texts(users)
    made_at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=next(interested.SECONDS))
    folder = interest_files.new(settings, made_at)
    model.save(interest_files.model(folder))
    placed = model.placed(posts)
    columns = {"nearest": placed.nearest, "confidence": placed.confidence, "x": placed.x, "y": placed.y}
    numbers = [int(group) or None for group in placed.group]
    table = pa.table(
        {"user": [f"u{of:05d}" for of in range(users)], "group": pa.array(numbers, pa.int32())}
        | columns | {"posts": np.full(users, 3)}
    )  # fmt: skip
    shelves.write_rows(folder, interest_files.USERS, table)
    rows = table.to_pylist()
    summary = interested.summary(rows) | {name: model.said[name] for name in ("k", "chosen_by", "tried", "structure")}
    groups = {str(number): _told(number, model, numbers) for number in sorted({one for one in numbers if one})}
    interest_files.publish(folder, summary | {"groups": groups} | said)
    return folder


def made(users: int = 120) -> Model:
    """The model of so many users, made once."""
    if users not in _MODELS:
        _MODELS[users] = making.made(Interests(), texts(users), k=len(TOPICS), seed=7)
    return _MODELS[users]


def number(topic: str, model: Model | None = None) -> int:
    """The group of a topic, by the model."""
    (placed,) = (model or made()).assign([TOPICS[topic]])
    return placed.nearest


def _told(number: int, model: Model, numbers: list[int | None]) -> dict[str, Any]:
    words, size = model.keywords[number], sum(one == number for one in numbers)
    product = {"product": f"P{number}", "name": f"Book of {words[0][0]}", "link": None, "image": None}
    facts = {
        "group": number, "label": ", ".join(word for word, _ in words[:3]), "size": size, "share": size / len(numbers),
        "keywords": [[word, weight] for word, weight in words], "products": [product | {"source": "bought"}],
        "times": {"posts": {"weekday": "Friday", "hour": "20 h"}, "buys": {}},
    }  # fmt: skip
    return facts | {"strategy": strategies.of(facts)._asdict()}


def picture(words: str = GARDEN, size: tuple[int, int] = (900, 260)) -> bytes:
    """A PNG with words in it."""
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).multiline_text((30, 40), words, fill="black", font=ImageFont.load_default(54), spacing=24)
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


def catalogue(folder: Path, *rows: str) -> Path:
    """A catalogue of these rows."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shop.csv").write_text("\n".join(["group,product,name,link,image", *rows, ""]))
    return folder
