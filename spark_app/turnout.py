"""Events as codes in, how many events and how many users each key had out: in each part of a range and each bucket.

No sets and no hashing: events are put in order of bucket and key by counting, and a user is new to a key or a bucket
when not stamped with it yet. Each event is passed once, and costs 20 bytes while it lasts.
"""
# mypy: allow-untyped-defs, no-check-untyped-defs

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spark_app.arrays import kernel
from spark_app.spans import TURNS, Range

Codes = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]
# Whether a moment lies in the later part, and in what is held; above these bits, in which earlier stretch, from 1 on.
LATER, HELD, EARLIER = 1, 2, 4


class Rows(NamedTuple):
    """Events of a range: codes of user and product, bucket (behind the last: an earlier stretch), part."""

    user: Codes
    product: Codes
    bucket: Codes
    parts: npt.NDArray[np.uint8]


class Turnout(NamedTuple):
    """Of each key, events and users in what is held, users of the earlier stretches (the sum of each) and the later.

    Then of each key and bucket that met, events and users.
    """

    total: Counts
    users: Counts
    earlier: Counts
    later: Counts
    bucket_key: Codes
    bucket: Codes
    bucket_total: Counts
    bucket_users: Counts


def placed(times: Counts, range_: Range) -> tuple[Codes, npt.NDArray[np.uint8]]:
    """(bucket, part) of each moment."""
    parts = np.zeros(len(times), np.uint8)
    stretches = [(LATER, range_.later), (HELD, range_.held)]
    stretches += [(turn * EARLIER, stretch) for turn, stretch in enumerate(range_.earlier, 1)]
    for bits, stretch in stretches:
        parts |= ((times >= stretch.start) & (times < stretch.end)).view(np.uint8) * np.uint8(bits)
    within = (times - range_.held.start) // range_.bucket
    number = np.where(parts & HELD, within, range_.buckets + parts // EARLIER)
    return number.astype(np.int32), parts


def in_order(rows: Rows, buckets: int) -> Rows:
    """The rows by bucket, as `count` wants them."""
    order = np.empty(len(rows.bucket), np.int32)
    _sort(rows.bucket, np.zeros(buckets + TURNS + 3, np.int64), np.arange(len(order), dtype=np.int32), order)
    return Rows(rows.user[order], rows.product[order], rows.bucket[order], rows.parts[order])


def count(rows: Rows, key: Codes, keys: int, users: int) -> Turnout:
    """The turnout of `keys` keys; `key` is that of each row, -1 for none. The rows are in order of bucket."""
    order = np.empty(len(key), np.int32)
    starts = np.zeros(keys + 3, np.int64)
    _sort(key, starts, np.arange(len(key), dtype=np.int32), order)
    order = order[starts[0] :]
    sums = np.zeros((4, keys), np.int64)
    met = _buckets(key, rows.bucket, rows.parts, order)
    found = np.zeros((2, met), np.int32), np.zeros((2, met), np.int64)
    stamps = np.full((4, users), -1, np.int64)
    _count(rows.user, key, rows.bucket, rows.parts, order, stamps, sums, *found)
    return Turnout(*sums, *found[0], *found[1])


@kernel
def _sort(values, starts, rows, order):
    """Stable, by counting; values from -1 up. In `starts` each value comes to have its end, -1 the first of them."""
    for row in rows:
        starts[values[row] + 2] += 1
    for place in range(1, len(starts)):
        starts[place] += starts[place - 1]
    for row in rows:
        value = values[row] + 1
        order[starts[value]] = row
        starts[value] += 1


@kernel
def _buckets(key, bucket, parts, order):
    """How many pairs of key and bucket there are."""
    number, last_key, last_bucket = 0, -1, -1
    for row in order:
        if parts[row] & 2 and (key[row] != last_key or bucket[row] != last_bucket):
            last_key, last_bucket = key[row], bucket[row]
            number += 1
    return number


@kernel
def _count(user, key, bucket, parts, order, stamps, sums, places, counts):
    group, last_key, last_bucket = -1, -1, -1
    for row in order:
        one, who, part = key[row], user[row], parts[row]
        # Rows of a key are in order of their stretch.
        turn = one * 8 + (part >> 2)
        if part >> 2 and stamps[0, who] != turn:
            stamps[0, who] = turn
            sums[2, one] += 1
        if part & 1 and stamps[1, who] != one:
            stamps[1, who] = one
            sums[3, one] += 1
        if part & 2:
            sums[0, one] += 1
            if stamps[2, who] != one:
                stamps[2, who] = one
                sums[1, one] += 1
            if one != last_key or bucket[row] != last_bucket:
                last_key, last_bucket = one, bucket[row]
                group += 1
                places[0, group], places[1, group] = one, last_bucket
            counts[0, group] += 1
            if stamps[3, who] != group:
                stamps[3, who] = group
                counts[1, group] += 1
