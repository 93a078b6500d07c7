"""Columns of lists as matrices and back, and values on the scale on which they are compared. numpy, no Spark."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spark_app.grouping.nearest import Doubles
from spark_app.segmentation import Column

Flags = NDArray[np.bool_]
# Differences of this share of a number come of the order in which it was added up.
_ROUNDING = 1e-9


def matrix(lists: pa.ListArray | pa.ChunkedArray, width: int | None = None) -> Doubles:
    """(rows, width) doubles from lists that are all of one length; `width` is needed where there may be no rows."""
    whole = lists.combine_chunks() if isinstance(lists, pa.ChunkedArray) else lists
    values: Doubles = whole.flatten().to_numpy(zero_copy_only=False)
    return values.reshape(len(whole), width if width is not None else len(values) // max(len(whole), 1))


def lists(rows: Doubles) -> pa.ListArray:
    """The lists of `matrix`."""
    return pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1]).cast(pa.list_(pa.float64()))


def by_log(columns: Sequence[Column]) -> Flags:
    """Which columns are compared by logarithm."""
    return np.array([column.scale == "log" for column in columns], bool)


def on_scale(values: Doubles, logs: Flags) -> Doubles:
    """(users, columns) as they are compared: log1p of the size, with its sign, in these columns."""
    scaled = np.array(values, np.float64)
    scaled[:, logs] = np.sign(scaled[:, logs]) * np.log1p(np.abs(scaled[:, logs]))
    return scaled


def varies(low: Doubles, high: Doubles) -> Flags:
    """Which columns with these extremes are not the same for all, the last digits of sums aside."""
    size = np.maximum(np.abs(high), np.abs(low))
    return np.asarray(high - low > _ROUNDING * np.maximum(size, 1e-300))
