"""Columns of text as codes of 32 bits and the words that they stand for; -1 is none. Arrow and numpy, no Spark."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Codes = npt.NDArray[np.int32]
TEXT = pa.dictionary(pa.int32(), pa.string())


class Words(NamedTuple):
    """Codes with the word of each."""

    codes: Codes
    words: list[str]


def encoded(column: pa.Array) -> pa.DictionaryArray:
    """The column with codes of 32 bits."""
    found = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    return found.cast(TEXT)


def codes(column: pa.DictionaryArray) -> Codes:
    """Its codes."""
    indices = column.indices
    return np.asarray(indices.fill_null(-1) if indices.null_count else indices)


def coded(codes: npt.NDArray[Any], words: pa.Array) -> pa.DictionaryArray:
    """A column of codes and words."""
    codes = codes.astype(np.int32, copy=False)
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), words)


def some(column: pa.DictionaryArray, places: npt.NDArray[Any]) -> pa.DictionaryArray:
    """What stands at these places; the words without those that are not used, where these are half of them or more."""
    there, words = codes(column)[places], column.dictionary
    used = np.zeros(len(words) + 1, bool)
    used[there] = True
    kept = np.flatnonzero(used[:-1])
    if 2 * len(kept) > len(words):
        return coded(there, words)
    anew = np.full(len(used), -1, np.int32)
    anew[kept] = np.arange(len(kept))
    return coded(anew[there], words.take(pa.array(kept)))


def unified(arrays: Sequence[pa.DictionaryArray]) -> tuple[Codes, pa.Array]:
    """(codes, words) of several columns one after the other."""
    column = pa.chunked_array(arrays, TEXT).unify_dictionaries()
    words = column.chunk(0).dictionary if column.num_chunks else pa.array([], pa.string())
    return together([codes(chunk) for chunk in column.chunks]), words


def together(arrays: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """One array of several."""
    return np.concatenate(arrays) if arrays else np.empty(0, np.int32)


def order(words: pa.Array) -> tuple[Codes, Codes]:
    """(code of each place in the order of words, place of each code); -1, the last of both, is none."""
    codes = np.append(pc.array_sort_indices(words).to_numpy().astype(np.int32), np.int32(-1))
    places = np.full(len(codes), -1, np.int32)
    places[codes[:-1]] = np.arange(len(codes) - 1)
    return codes, places
