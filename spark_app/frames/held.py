"""Tables that are held in memory while something is made, and let go together when it is made.

Each thread has its own, so that a training lets go of nothing that a stream beside it needs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import local

from pyspark.sql import DataFrame

_held = local()


def hold(table: DataFrame) -> DataFrame:
    """The table, kept after its first use: until the end of `released`, where there is one around it."""
    kept = table.persist()
    getattr(_held, "tables", []).append(kept)
    return kept


@contextmanager
def released() -> Iterator[None]:
    """Let go at the end of all that was held inside."""
    outer, _held.tables = getattr(_held, "tables", None), []
    try:
        yield
    finally:
        for table in _held.tables:
            table.unpersist()
        if outer is None:
            del _held.tables
        else:
            _held.tables = outer
