"""Event tables for tests of what is rising, written without Spark; and a shop with risers that were planted."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from kafka_producer.simulate import Simulation, good_events

AWAY = ("remove_from_cart", "dislike")
UNTIL = datetime(2026, 10, 31, tzinfo=UTC)
_DATA = pa.struct([(name, pa.string()) for name in ("name", "category", "brand")])
SCHEMA = pa.schema([
    ("user", pa.string()), ("product", pa.string()), ("event_type", pa.string()), ("quantity", pa.float64()),
    ("occurred_at", pa.timestamp("us", "UTC")), ("product_data", _DATA),
])  # fmt: skip


class Sold(NamedTuple):
    """An event; `days` are counted back from UNTIL, `said` are name, category and brand."""

    user: str
    product: str | None
    days: float
    kind: str = "purchase"
    quantity: float = 1.0
    said: tuple[str | None, str | None, str | None] | None = None


def table(folder: Path, *parts: Sequence[Sold]) -> DeltaTable:
    """An event table with a file for each part."""
    for part in parts:
        write_deltalake(folder, pa.Table.from_pylist([_event(one) for one in part], SCHEMA), mode="append")
    return DeltaTable(folder)


def without(folder: Path, user: str) -> None:
    """Remove a user's events as retention does: files are written again, and the old ones go."""
    found = DeltaTable(folder)
    found.delete(f"user = '{user}'")
    found.vacuum(0, dry_run=False, enforce_retention_duration=False)


def _event(one: Sold) -> dict[str, Any]:
    said = one.said and dict(zip(("name", "category", "brand"), one.said, strict=True))
    at = UNTIL - timedelta(days=one.days)
    return {
        "user": one.user, "product": one.product, "event_type": one.kind, "quantity": one.quantity,
        "occurred_at": at, "product_data": said,
    }  # fmt: skip


def simulated(events: int = 12_000, seed: int = 7) -> list[Sold]:
    """The simulated shop of the last 60 days."""
    shop = Simulation(events=events, users=800, products=120, seed=seed, days=60, until=UNTIL)
    return [
        Sold(
            str(one["user"]), str(one["product"]),
            (UNTIL - datetime.fromisoformat(str(one["timestamp"]))).total_seconds() / 86_400, str(one["event_type"]),
            float(one.get("quantity", 1)), _said(one.get("product_data")),
        )
        for one in good_events(shop)
    ]  # fmt: skip


def _said(data: Any) -> tuple[str, str, str] | None:
    return data and (data["name"], data["category"], data["brand"])


def planted(seed: int = 7) -> tuple[list[Sold], list[str]]:
    """That shop with three risers in the last week, the last of them new, and their order; and with what only seems so.

    `hoard` is one user's thousand events, `two` has two events after one, `back` came back.
    """
    chance, risers = random.Random(seed), {"P0007": 160, "P0011": 120, "new": 90}
    extra = [
        Sold(f"V{number:04d}", product, chance.uniform(0.1, 6.9), chance.choice(["purchase", "view", "cart"]))
        for product, users in risers.items()
        for number in range(users)
    ]  # fmt: skip
    extra += [Sold("rich", "hoard", chance.uniform(0.1, 6.9)) for _ in range(1000)]
    extra += [Sold("ann", "two", 9.0), Sold("bob", "two", 2.0), Sold("cem", "two", 1.0)]
    extra += [Sold(f"V{number:04d}", "back", 3.0, quantity=-1.0) for number in range(80)]
    extra += [Sold(f"V{number:04d}", "away", 3.0, kind) for number in range(80) for kind in AWAY]
    return simulated(seed=seed) + extra, list(risers)
