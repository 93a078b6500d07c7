"""Tables in the order of their users, made into a file to be mapped: the rows of one user are found by halving.

Arrow tables come in, batch by batch, and the rows of a user come out as dictionaries. Nothing is read into memory to be
used: a batch is touched where a search passes through it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from spark_app.numbers.arrays import Places
from spark_app.storage import disk

USER = "user"
_AT_ONCE = 1 << 16
_SEED = 7


class ByUser:
    """A mapped file of rows; safe in many threads. OSError or ValueError where it cannot be read."""

    def __init__(self, path: Path) -> None:
        file = pa.ipc.open_file(pa.memory_map(str(path)))
        found = (file.get_batch(number) for number in range(file.num_record_batches))
        self._batches = [batch for batch in found if batch.num_rows]
        self._last = [_bytes(batch.column(USER), batch.num_rows - 1) for batch in self._batches]

    def __len__(self) -> int:
        return sum(batch.num_rows for batch in self._batches)

    def places(self, column: str, value: str) -> Places:
        """Where the rows are that hold this value."""
        found, passed = [np.array([], np.int64)], 0
        for batch in self._batches:
            is_it = pc.equal(batch.column(column), value).to_numpy(zero_copy_only=False)
            found.append(passed + np.flatnonzero(is_it))
            passed += batch.num_rows
        return np.concatenate(found)

    def at(self, places: Places) -> list[dict[str, Any]]:
        """The rows at these places, which rise."""
        found, passed = list[dict[str, Any]](), 0
        for batch in self._batches:
            start, end = np.searchsorted(places, [passed, passed + batch.num_rows])
            found += batch.take(pa.array(places[start:end] - passed)).to_pylist()
            passed += batch.num_rows
        return found

    def some(self, places: Places, most: int) -> list[dict[str, Any]]:
        """The rows at these places, or so many of them by chance, the same ones each time."""
        if most < len(places):
            places = np.sort(np.random.default_rng(_SEED).choice(places, most, replace=False))
        return self.at(places)

    def of(self, user: str) -> list[dict[str, Any]]:
        """The rows of a user, in their order; none for one who is not there."""
        wanted, found = user.encode(errors="surrogatepass"), list[dict[str, Any]]()
        for batch in self._batches[bisect_left(self._last, wanted) :]:
            names, places = batch.column(USER), range(batch.num_rows)
            start, end = (
                side(places, wanted, key=lambda place: _bytes(names, place)) for side in (bisect_left, bisect_right)
            )
            found += batch.slice(start, end - start).to_pylist()
            if end < batch.num_rows:
                break
        return found


def write(source: ds.Dataset, path: Path) -> None:
    """A table in the order of `user` as such a file; one in another order is sorted first, in memory."""
    if not _is_sorted(source):
        source = ds.dataset(source.to_table().sort_by(USER))
    with pa.ipc.new_file(path, source.schema) as file:
        for batch in source.to_batches(batch_size=_AT_ONCE):
            file.write_batch(batch)
    disk.sync(path)


def _is_sorted(source: ds.Dataset) -> bool:
    """By the bytes of the ids, as Spark sorts them."""
    return all(pc.all(pc.less_equal(names[:-1], names[1:])).as_py() is not False for names in _runs(source))


def _runs(source: ds.Dataset) -> Iterator[pa.Array]:
    """The users of each batch, behind the last one of the batch before."""
    last = pa.array([], pa.string())
    for batch in source.to_batches(columns=[USER], batch_size=_AT_ONCE):
        names = pa.concat_arrays([last, batch.column(USER)])
        yield names
        last = names[-1:]


def _bytes(names: pa.Array, place: int) -> bytes:
    return bytes(names[place].as_buffer().to_pybytes())
