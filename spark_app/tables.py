"""Where the Delta tables are, and what can be known of them without Spark."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from spark_app.settings import Settings

EVENTS, QUARANTINE, BATCHES = "events", "quarantine", "batches"


def path(settings: Settings, name: str) -> Path:
    """The folder of a table, absolute."""
    return (settings.data_dir / name).absolute()


def exists(settings: Settings, name: str) -> bool:
    """Whether anything was written to it."""
    folder = path(settings, name)
    return (folder / "_delta_log").exists() and DeltaTable.is_deltatable(str(folder))


def version(settings: Settings, name: str = EVENTS) -> int:
    """Its newest version; -1 when there is none."""
    return DeltaTable(path(settings, name)).version() if exists(settings, name) else -1


def scan(settings: Settings, name: str, columns: list[str], filter: pc.Expression | None = None) -> pa.Table:
    """Columns of it; empty when nothing was written yet."""
    if not exists(settings, name):
        return pa.table({column: pa.array([], pa.string()) for column in columns})
    return DeltaTable(path(settings, name)).to_pyarrow_dataset().to_table(columns=columns, filter=filter)


def rows(settings: Settings, name: str) -> int:
    """How many rows it has, by the statistics of its parts: they are not read."""
    if not exists(settings, name):
        return 0
    parts = pa.table(DeltaTable(path(settings, name)).get_add_actions())
    return pc.sum(parts["num_records"]).as_py() or 0


def last_batch(settings: Settings, name: str, query: str) -> int:
    """The number of the newest batch of a query that was written to it; -1 when there is none."""
    if not exists(settings, name):
        return -1
    known = DeltaTable(path(settings, name)).transaction_version(query)
    return -1 if known is None else int(known)
