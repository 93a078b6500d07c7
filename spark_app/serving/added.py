"""Files of the event table in, events for serving out; only the columns that serving needs are read.

Where the log does not reach back any more, the ledger says which rows came after a version.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable

from spark_app.serving.fresh import Event
from spark_app.settings import Settings
from spark_app.storage import ledger, tables
from spark_app.storage.tables import DamagedError

_PLACE = ["source", "partition", "position"]
_FLAT = ["event_id", "user", "product", "event_type", "quantity", "rating", "occurred_at", "price", "received_at"]
_NESTED = ["brand", "category", "name", "in_stock"]
_COLUMNS = [*_FLAT, *(f"product_data.{name}" for name in (*_NESTED, "price"))]
# These repeat, and their texts are held once for each portion.
_SHARED = {"user", "product", "event_type", "brand", "category", "name"}
_ROWS_AT_ONCE = 1 << 15
_AT_ANY_DISTANCE = -(1 << 62)


class Portion(NamedTuple):
    """Some events, and when the newest of them was received, in microseconds since 1970, UTC."""

    events: list[Event]
    received: int


def of_part(file: Path) -> Iterator[Portion]:
    """The events of one file. FileNotFoundError when it is gone, DamagedError when it cannot be read."""
    try:
        # Spark may have written times as INT96, which are of nanoseconds otherwise.
        with pq.ParquetFile(file, coerce_int96_timestamp_unit="us") as part:
            yield from map(_portion, part.iter_batches(_ROWS_AT_ONCE, columns=_COLUMNS, use_threads=False))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError) as error:
        raise DamagedError(f"{file} cannot be read: {error}: put it back from a copy") from error


def by_ledger(settings: Settings, table: DeltaTable, since: int) -> Iterator[tuple[int, Portion]]:
    """(version, events) of what the ledger took after a version of the event table, as far as the table has it."""
    taken = ledger.taken_since(settings, since).sort_by("from")
    there = pc.field("partition").isin(taken["partition"].combine_chunks().unique())
    rows = tables.where(table, [*_FLAT, "product_data", *_PLACE], there)
    for batch in (batch for some in rows for batch in some.to_batches()):
        for version, some in _by_version(batch, taken):
            yield version, _portion(some)


def _by_version(batch: pa.RecordBatch, taken: pa.Table) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Rows by the version of the row of the ledger, from <= position < to, that counts them; others are left out."""
    places = pa.table([*batch.select(_PLACE), pa.array(range(batch.num_rows))], [*_PLACE, "row"]).sort_by("position")
    keys = {"on": "position", "right_on": "from", "by": _PLACE[:2]}
    counted = places.join_asof(taken, tolerance=_AT_ANY_DISTANCE, **keys)
    counted = counted.filter(pc.field("position") < pc.field("to"))
    for version in pc.unique(counted["events_version"]).to_pylist():
        yield version, batch.take(counted.filter(pc.field("events_version") == version)["row"].combine_chunks())


def _portion(rows: pa.RecordBatch) -> Portion:
    described = {name: pc.struct_field(rows["product_data"], name) for name in (*_NESTED, "price")}
    price = pc.coalesce(described.pop("price"), rows["price"])
    columns = {name: rows[name] for name in _FLAT} | described | {"price": price}
    columns["occurred_at"] = columns["occurred_at"].cast(pa.int64())
    values = [_values(columns[name], shared=name in _SHARED) for name in Event._fields]
    received = pc.max(rows["received_at"].cast(pa.int64())).as_py()
    return Portion(list(map(Event._make, zip(*values, strict=True))), received or 0)


def _values(column: pa.Array, *, shared: bool) -> list[Any]:
    if not shared:
        return column.to_pylist()
    encoded = column.dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    return [None if place is None else texts[place] for place in encoded.indices.to_pylist()]
