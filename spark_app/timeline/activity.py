"""The events of a range of time as codes, read by Arrow: who turned to which product, and what is said of products.

What stays of an event are 13 bytes.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from deltalake import DeltaTable

from spark_app.timeline import coded, event_files, said, turnout
from spark_app.timeline.coded import Codes, Words
from spark_app.timeline.event_files import MET
from spark_app.timeline.said import DETAILS, Part
from spark_app.timeline.spans import Range
from spark_app.timeline.turnout import Rows


class Activity(NamedTuple):
    """Events of a range in order of bucket, how many users there are, and of each product its id and what is said."""

    rows: Rows
    users: int
    products: list[str]
    details: dict[str, Words]


class _Met(NamedTuple):
    """The events of a part of a file that count."""

    user: pa.DictionaryArray
    product: pa.DictionaryArray
    bucket: Codes
    parts: npt.NDArray[np.uint8]


_SAID = ("product", "occurred_at", *said.columns(DETAILS))
# File -> what its parts say.
Memory = dict[str, list[Part]]


def read(
    table: DeltaTable, range_: Range, turning: Collection[str], memory: Memory | None = None, *,
    among: pa.Array | None = None,
) -> Activity:  # fmt: skip
    """Who turned to what in a range, by events of these types, all or some users.

    DamagedError names a file that cannot be read.
    """
    memory = {} if memory is None else memory
    files = event_files.held(table)
    for gone in memory.keys() - files.keys():
        del memory[gone]
    wanted = {file for file, held in files.items() if event_files.meet(held, range_.read)}
    new = files.keys() - memory.keys()
    again = event_files.read(_all(wanted - new, MET), lambda rows: _met(rows, range_, turning, among))
    other = event_files.read(_all(new - wanted, _SAID), lambda rows: said.of(rows, DETAILS))
    first = event_files.read(
        _all(new & wanted, {*MET, *_SAID}), lambda rows: (_met(rows, range_, turning, among), said.of(rows, DETAILS))
    )
    memory |= other | {file: [told for _, told in parts] for file, parts in first.items()}
    met = [part for parts in again.values() for part in parts] + [part for parts in first.values() for part, _ in parts]
    return _joined(met, [part for parts in memory.values() for part in parts], range_.buckets)


def _all(files: Collection[str], columns: Collection[str]) -> dict[str, Sequence[str]]:
    """These columns of each of the files."""
    return dict.fromkeys(sorted(files), sorted(columns))


def _met(rows: pa.RecordBatch, range_: Range, turning: Collection[str], among: pa.Array | None) -> _Met:
    met = event_files.turned(rows, turning, range_.read)
    if among is not None:
        met = event_files.only(met, among)
    return _Met(met.user, met.product, *turnout.placed(met.at, range_))


def _joined(parts: Sequence[_Met], told: Sequence[Part], buckets: int) -> Activity:
    """All parts under the same codes."""
    users, user_words = coded.unified([part.user for part in parts])
    products, words, details = said.joined([part.product for part in parts], told, DETAILS)
    bucket, bits = coded.together([part.bucket for part in parts]), coded.together([part.parts for part in parts])
    rows = turnout.in_order(Rows(users, products, bucket, bits.astype(np.uint8, copy=False)), buckets)
    return Activity(rows, len(user_words), words.to_pylist(), details)
