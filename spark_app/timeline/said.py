"""What events say of products, the newest of each field: found in parts of files, and put together.

At one time the last in order stands, as in the stage `interactions`. A file never changes: what it says is remembered.
"""
# mypy: allow-untyped-defs, no-check-untyped-defs

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spark_app.numbers.arrays import kernel
from spark_app.timeline import coded, event_files
from spark_app.timeline.coded import Codes, Words

NAME, BRAND, CATEGORY = DETAILS = ("name", "brand", "category")
_EVER_BEFORE = -(1 << 62)
Times = npt.NDArray[np.int64]


class Said(NamedTuple):
    """What a part of a file says of products in one field."""

    product: pa.DictionaryArray
    at: Times
    value: pa.DictionaryArray


# By field.
Part = dict[str, Said]


def columns(fields: Iterable[str]) -> list[str]:
    """Where these fields are read from; the product and the time are needed too."""
    return [f"product_data.{name}" for name in fields]


def of(rows: pa.RecordBatch, fields: Iterable[str]) -> Part:
    """The newest that these rows say of each product, field by field."""
    product, times = coded.encoded(rows["product"]), event_files.times(rows)
    return {name: _part(rows, name, product, times) for name in fields}


def _part(rows: pa.RecordBatch, name: str, product: pa.DictionaryArray, times: Times) -> Said:
    value = coded.encoded(pc.struct_field(rows["product_data"], name))
    best, at = _newest_of(coded.codes(product), times, value, len(product.dictionary))
    told = np.flatnonzero(best >= 0)
    return Said(coded.coded(told, product.dictionary), at[told], coded.coded(best[told], value.dictionary))


def joined(
    products: Sequence[pa.DictionaryArray], told: Sequence[Part], fields: Iterable[str]
) -> tuple[Codes, pa.Array, dict[str, Words]]:
    """(codes of these columns one after the other, the words of all products, what stands of each by field)."""
    by_field = {name: [part[name] for part in told if part] for name in fields}
    said = [one for ones in by_field.values() for one in ones]
    codes, words = coded.unified([*products, *(one.product for one in said)])
    begin = met = sum(map(len, products))
    details = {}
    for name, ones in by_field.items():
        end = begin + sum(len(one.product) for one in ones)
        details[name] = _described(codes[begin:end], ones, len(words))
        begin = end
    return codes[:met], words, details


def _described(product: Codes, said: Sequence[Said], products: int) -> Words:
    codes, words = coded.unified([one.value for one in said])
    at = coded.together([one.at for one in said])
    newest, _ = _newest_of(product, at, coded.coded(codes, words), products)
    return Words(newest, words.to_pylist())


def _newest_of(product: Codes, at: Times, value: pa.DictionaryArray, products: int) -> tuple[Codes, Times]:
    """(code of the newest value, its time) of each product, -1 where nothing is said."""
    order, ranks = coded.order(value.dictionary)
    newest, times = np.full(products, -1, np.int32), np.full(products, _EVER_BEFORE)
    _newest(product, at, ranks[coded.codes(value)], newest, times)
    return order[newest], times


@kernel
def _newest(product, at, rank, newest, times):
    for row in range(len(product)):
        one = product[row]
        if one < 0 or rank[row] < 0 or at[row] < times[one]:
            continue
        if at[row] > times[one] or rank[row] > newest[one]:
            newest[one], times[one] = rank[row], at[row]
