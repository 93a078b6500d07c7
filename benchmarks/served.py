"""A published generation of any size, made without training: for measuring what serves it.

Factors are normal numbers, of which products of a long tail have smaller ones; users have met a few products each.
"""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_app import decisive, generations
from spark_app.generations import Generation
from spark_app.mapped import maps
from spark_app.settings import Given, Settings
from spark_app.tuning import choice

MET, LISTED = 20, 10


def settings(home: Path, factors: int) -> Settings:
    """Of plain ALS, on an empty folder."""
    asked = Given(data_dir=home / "data", results_dir=home / "results", algorithm="als", als={"factors": factors})
    return choice.plain(asked)


def generation(
    settings: Settings, users: int, products: int, *, seed: int = 7, listed: bool = True, graph: bool = False,
    factors: tuple[np.ndarray, np.ndarray] | None = None,
) -> Generation:
    """Publish one; `factors` are those of users and of products, where they are there already.

    A `graph` has ten communities and a tail of small ones, and products that are recommended more and less often.
    """
    made, draw = generations.new(settings), np.random.default_rng(seed)
    k = settings.als.factors
    drawn = [draw.normal(size=(count, k), scale=k**-0.5).astype(np.float32) for count in (users, products)]
    sides = factors or (drawn[0], drawn[1])
    _ids(made, users, products)
    met = np.sort(draw.integers(0, products, (users, MET), np.int32), axis=1)
    _write_met(made, met)
    rows = _lists(sides[0], sides[1], users if listed else 0, popular=graph)
    generations.write_rows(made, generations.RECOMMENDATIONS, rows)
    for name, side in zip((generations.USER_FACTORS, generations.PRODUCT_FACTORS), sides, strict=True):
        generations.write_factors(made, name, np.arange(len(side), dtype=np.int32), side)
    if graph:
        _graph(made, rows, users, products)
    maps.make(made)
    _finish(settings, made, users, products)
    generations.publish(settings, made)
    return made


def _ids(made: Generation, users: int, products: int) -> None:
    names = pa.array([f"P{number:07d}" for number in range(products)])
    ids, nothing = pa.array(np.arange(products, dtype=np.int32)), pa.nulls(products, pa.string())
    prices = pa.array(np.arange(products) % 1000 / 10)
    known = [f"U{number:07d}" for number in range(users)]
    numbered = pa.table({"user": known, "userId": pa.array(np.arange(users, dtype=np.int32))})
    generations.write_rows(made, generations.USERS, numbered)
    categories = pa.array([f"c{number % 100}" for number in range(products)])
    described = {
        "product": names, "productId": ids, "name": names, "category": categories,
        "brand": nothing, "price": prices, "in_stock": pa.nulls(products, pa.bool_()),
    }  # fmt: skip
    generations.write_rows(made, generations.PRODUCTS, pa.table(described))
    counted = pa.array(np.arange(products, 0, -1))
    popular = {"product": names, "users": counted, "score": counted.cast(pa.float64())}
    generations.write_rows(made, generations.POPULAR, pa.table(popular))
    no, yes = (pa.array(np.full(products, value)) for value in (False, True))
    catalogue = {"productId": ids, "trained": yes, "hidden": no, "boost": pa.array(np.zeros(products)), "rule": nothing}
    generations.write_rows(made, generations.CATALOGUE, pa.table(catalogue))
    alike = pa.schema({"productId": pa.int32(), "other": pa.int32(), "likeness": pa.float32()})
    generations.write_rows(made, generations.SIMILAR, alike.empty_table())


def _write_met(made: Generation, met: np.ndarray) -> None:
    count = met.size
    ones, zeros = np.ones(count, np.float32), np.zeros(count, np.float32)
    at = pa.array(np.full(count, 1_700_000_000_000_000), pa.timestamp("us", "UTC"))
    yes = pa.array(np.ones(count, bool))
    rows = {
        "userId": np.repeat(np.arange(len(met), dtype=np.int32), MET), "productId": met.ravel(), "strength": ones,
        "fitted": ones, "weight": zeros, "again": zeros, "event_count": np.ones(count, np.int64), "last_event_at": at,
        "trained": yes, "excluded": yes, f"net_{b'purchase'.hex()}": np.ones(count), f"newest_{b'purchase'.hex()}": at,
    }  # fmt: skip
    generations.write_rows(made, generations.INTERACTIONS, pa.table(rows))


def _lists(users: np.ndarray, products: np.ndarray, count: int, *, popular: bool) -> pa.Table:
    """Products in turn: it is measured how fast lists are answered, not how good they are. Or some more often."""
    ranks = np.tile(np.arange(1, LISTED + 1, dtype=np.int32), count)
    ids = np.repeat(np.arange(count, dtype=np.int32), LISTED)
    chosen = (ids * 7 + ranks) % len(products)
    if popular:
        drawn = np.random.default_rng(7).random((count, LISTED)) ** 3 * (len(products) - LISTED)
        chosen = (np.sort(drawn.astype(np.int32)) + np.arange(LISTED)).ravel()
    scores = np.einsum("ij,ij->i", users[ids], products[chosen]).astype(np.float32)
    because = pa.repeat(pa.scalar(["P0000001", "P0000002", "P0000003"], pa.list_(pa.string())), len(ids))
    return pa.table({
        "userId": ids, "productId": chosen.astype(np.int32), "score": scores, "rank": ranks,
        "source": pa.repeat(pa.scalar("als"), len(ids)), "because": because,
    })  # fmt: skip


def _graph(made: Generation, lists: pa.Table, users: int, products: int) -> None:
    """Vertices and edges of the lists; what is measured asks for no true PageRank, nor for true communities."""
    src, dst = (lists[name].to_numpy() for name in ("userId", "productId"))
    groups = np.minimum(np.random.default_rng(7).geometric(0.15, products) - 1, 60).astype(np.int32)
    names = {}
    parts = []
    for kind, ids, count in (("user", src, users), ("product", dst, products)):
        names[kind] = pa.array([f"{kind[0]}:{kind[0].upper()}{number:07d}" for number in range(count)])
        degree = np.bincount(ids, minlength=count).astype(np.int32)
        community = groups if kind == "product" else groups[dst[::LISTED]]
        labels = pc.utf8_slice_codeunits(names[kind], 2)
        side = {
            "id": names[kind], "type": pa.repeat(pa.scalar(kind), count), "label": labels,
            "degree": degree, "pagerank": degree / (2 * len(src)), "community": community,
            "component": np.zeros(count, np.int32),
        }  # fmt: skip
        parts.append(pa.table(side).filter(pc.field("degree") > 0))
    generations.write_rows(made, generations.VERTICES, pa.concat_tables(parts))
    ends = {"src": names["user"].take(pa.array(src)), "dst": names["product"].take(pa.array(dst))}
    generations.write_rows(made, generations.EDGES, pa.table(ends | {name: lists[name] for name in ("score", "rank")}))


def _finish(settings: Settings, made: Generation, users: int, products: int) -> None:
    model = {"source": "als", "factors": settings.als.factors, "explained": True, "fallback": "popular", "mean": 0.0}
    manifest = {
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"), "events_version": -1, "rules": {},
        "settings": decisive.recorded(settings), "model": model | {"boosted": False},
        "counts": {"users": users, "products": products, "interactions": users * MET},
        "newest_event_at": 1_700_000_000_000_000, "events": {"accepted": 0},
    }  # fmt: skip
    generations.finish(made, {"engine": "mllib", "algorithm": "als", "metrics": {}}, manifest)
