"""Texts made alike for searching: neither case nor accents matter. Arrow arrays in, arrow arrays out. No Spark.

What was folded is kept with a generation and compared with a query that is folded by the same function.
"""

import pyarrow as pa
import pyarrow.compute as pc

# What lower case leaves different, though it reads the same.
_ALIKE = {"ß": "ss", "ς": "σ", "ı": "i"}


def texts(some: pa.ChunkedArray) -> pa.ChunkedArray:
    """In lower case, without accents and other marks; null is empty."""
    plain = pc.replace_substring_regex(pc.utf8_normalize(pc.fill_null(some, ""), "NFKD"), r"\p{M}+", "")
    lower = pc.utf8_lower(plain)
    for letter, other in _ALIKE.items():
        lower = pc.replace_substring(lower, letter, other)
    return lower


def words(some: pa.ChunkedArray) -> pa.ChunkedArray:
    """The words of folded texts, a blank before each, without signs: where " la" is in it, a word begins with la."""
    return pc.binary_join_element_wise("", pc.replace_substring_regex(some, r"[^\p{L}\p{N}]+", " "), " ")


def text(one: str) -> str:
    """The same of a single text, without blanks around it."""
    return str(texts(pa.chunked_array([[one]], pa.string()))[0].as_py()).strip()
