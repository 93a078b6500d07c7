"""Events as codes in, how many events and how many users each key had out: in each part of a range and each bucket.

No sets and no hashing: events are put in order of bucket and key by counting, and a user is new to a key or a bucket
when not stamped with it yet. Each event is passed once, and costs 16 bytes more while it lasts.
"""
# mypy: allow-untyped-defs, no-check-untyped-defs

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spark_app.numbers.arrays import kernel, sort_by
from spark_app.timeline.coded import Codes
from spark_app.timeline.spans import TURNS, Range

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
    sort_by(rows.bucket, np.zeros(buckets + TURNS + 3, np.int64), np.arange(len(order), dtype=np.int32), order)
    return Rows(rows.user[order], rows.product[order], rows.bucket[order], rows.parts[order])


def count(rows: Rows, key: Codes, keys: int, users: int) -> Turnout:
    """The turnout of `keys` keys; `key` is that of each row, -1 for none. The rows are in order of bucket."""
    # In one word, so that putting a row in its place is one write, and the count reads on from row to row.
    packed = rows.user.astype(np.int64) << 32 | rows.bucket.astype(np.int64) << 8 | rows.parts
    by_key, ends = np.empty_like(packed), np.zeros(keys + 3, np.int64)
    sort_by(key, ends, packed, by_key)
    sums, met = np.zeros((4, keys), np.int64), _buckets(by_key, ends)
    found = np.zeros((2, met), np.int32), np.zeros((2, met), np.int64)
    _count(by_key, ends, np.full((4, users), -1, np.int64), sums, *found)
    return Turnout(*sums, *found[0], *found[1])


@kernel
def _buckets(by_key, ends):
    """How many pairs of key and bucket there are."""
    number = 0
    for key in range(len(ends) - 3):
        last = -1
        for row in range(ends[key], ends[key + 1]):
            bucket = by_key[row] >> 8 & 0xFFFFFF
            if by_key[row] & 2 and bucket != last:
                last = bucket
                number += 1
    return number


@kernel
def _is_new(stamps, who, stamp):
    """Whether a user has another stamp yet; from now on it is this one."""
    if stamps[who] == stamp:
        return 0
    stamps[who] = stamp
    return 1


@kernel
def _count(by_key, ends, stamps, sums, places, counts):
    group = -1
    for key in range(len(ends) - 3):
        last = -1
        for row in range(ends[key], ends[key + 1]):
            who, bucket, part = by_key[row] >> 32, by_key[row] >> 8 & 0xFFFFFF, by_key[row] & 0xFF
            # Rows of a key are in order of their stretch.
            if part >> 2:
                sums[2, key] += _is_new(stamps[0], who, key * 8 + (part >> 2))
            if part & 1:
                sums[3, key] += _is_new(stamps[1], who, key)
            if part & 2:
                if bucket != last:
                    last = bucket
                    group += 1
                    places[0, group], places[1, group] = key, bucket
                sums[0, key] += 1
                sums[1, key] += _is_new(stamps[2], who, key)
                counts[0, group] += 1
                counts[1, group] += _is_new(stamps[3], who, group)
