"""What all users turned to last, from the event table by Arrow and without Spark, as recency.py defines it.

What stays of an event are 16 bytes, and 29 more while it is put in order. The stage `recent` finds the same with Spark.
"""
# mypy: allow-untyped-defs, no-check-untyped-defs

import os
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from deltalake import DeltaTable

from spark_app.numbers.arrays import kernel, sort_by
from spark_app.timeline import coded, event_files, said
from spark_app.timeline.coded import Codes
from spark_app.timeline.event_files import Met
from spark_app.timeline.recency import LAST, Kind
from spark_app.timeline.said import Part

# Ranks are kept in a byte.
MOST = 255
Times = npt.NDArray[np.int64]


class Looks(NamedTuple):
    """Events that turned a user to a product, by the places of both in the order of ids; `brand` is of each product."""

    user: Codes
    product: Codes
    at: Times
    brand: Codes
    users: pa.Array
    products: pa.Array
    brands: pa.Array


class Last(NamedTuple):
    """A row for each place in the list of a user, in order."""

    user: Codes
    rank: npt.NDArray[np.uint8]
    product: Codes
    at: Times


def read(table: DeltaTable, turning: Collection[str]) -> Looks:
    """Of all events of these types. DamagedError names a file that cannot be read."""
    columns = [*event_files.MET, *said.columns([said.BRAND])]
    parts = event_files.read(
        dict.fromkeys(event_files.held(table), columns),
        lambda rows: (event_files.turned(rows, turning), said.of(rows, [said.BRAND])),
    )
    return _joined(*map(list, zip(*(part for some in parts.values() for part in some), strict=True)))


def _joined(met: Sequence[Met] = (), told: Sequence[Part] = ()) -> Looks:
    """All parts under the same codes, in the order of ids."""
    user, users = coded.unified([part.user for part in met])
    product, products, details = said.joined([part.product for part in met], told, [said.BRAND])
    at = coded.together([part.at for part in met]).astype(np.int64, copy=False)
    brand = details[said.BRAND]
    user, users, _ = _in_order(user, users)
    product, products, of_place = _in_order(product, products)
    return Looks(user, product, at, brand.codes[of_place], users, products, pa.array(brand.words, pa.string()))


def _in_order(codes: Codes, words: pa.Array) -> tuple[Codes, pa.Array, Codes]:
    """(places in the order of words, the words in order, the code of each place)."""
    of_place, places = coded.order(words)
    return places[codes], words.take(pa.array(of_place[:-1])), of_place[:-1]


def last(looks: Looks, kind: Kind, n: int = LAST) -> pa.Table:
    """The last `n` brands, or products, of each user: schemas.RECENT with text as codes, in order of user and rank."""
    found = ranked(looks, kind, n)
    texts = {
        "user": (found.user, looks.users), "brand": (looks.brand[found.product], looks.brands),
        "product": (found.product, looks.products),
    }  # fmt: skip
    columns = {name: coded.coded(*of) for name, of in texts.items()}
    at = pa.array(found.at).cast(pa.timestamp("us", "UTC"))
    rank = pa.array(found.rank.astype(np.int32))
    return pa.table({"user": columns.pop("user"), "rank": rank, **columns, "last_event_at": at})


def ranked(looks: Looks, kind: Kind, n: int) -> Last:
    """The same as codes. ValueError where `n` is above MOST."""
    if n > MOST:
        raise ValueError(f"the last {n} are more than {MOST}")
    key = looks.brand if kind == "brand" else np.arange(len(looks.products), dtype=np.int32)
    ends = np.zeros(len(looks.users) + 3, np.int64)
    order = _by_user_and_product(looks, ends)
    user, product, at = looks.user[order], looks.product[order], looks.at[order]
    rank, place = np.zeros(len(order), np.uint8), np.empty(len(order), np.int32)
    _side_by_side(ends, at, key[product], len(key), n, rank, place)
    listed = np.flatnonzero(rank)
    place = place[listed]
    return Last(user[listed], rank[listed], product[place], at[place])


def _by_user_and_product(looks: Looks, ends: npt.NDArray[np.int64]) -> Codes:
    """Places of events in this order; `ends` gets the end of each user's."""
    rows = np.arange(len(looks.user), dtype=np.int32)
    by_product, order = np.empty_like(rows), np.empty_like(rows)
    sort_by(looks.product, np.zeros(len(looks.products) + 3, np.int64), rows, by_product)
    sort_by(looks.user[by_product], ends, by_product, order)
    return order


def _side_by_side(ends: Any, at: Any, key: Any, keys: int, n: int, rank: Any, place: Any) -> None:
    """All users, by as many threads as there are cores."""
    threads = min(os.cpu_count() or 1, 4)
    bounds = np.searchsorted(ends[:-2], np.linspace(0, len(at), threads + 1)[1:-1]).tolist()
    parts = zip([0, *bounds], [*bounds, len(ends) - 3], strict=True)
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda of: _rank(ends, at, key, np.full(keys, -1, np.int32), n, *of, rank, place), parts):
            pass


@kernel
def _rank(ends, at, key, stamps, n, first, behind, rank, place):
    """Of each user the newest event of each key: its rank, and where it is. Events stand in order of product."""
    for user in range(first, behind):
        begin, end = ends[user], ends[user + 1]
        newest = np.argsort(-at[begin:end], kind="mergesort")
        found = 0
        for row in range(end - begin):
            one = key[begin + newest[row]]
            if one < 0 or stamps[one] == user:
                continue
            stamps[one] = user
            rank[begin + found], place[begin + found] = found + 1, begin + newest[row]
            found += 1
            if found == n:
                break
