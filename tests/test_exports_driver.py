"""Tables that are on the driver, written without Spark to the same bytes."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from test_exports import TEXTS, names_in

from spark_app import exports
from spark_app.exports import write_csv, write_rows, write_table
from spark_app.storage import disk


def test_a_few_rows_without_spark_are_written_to_the_same_bytes(spark, tmp_path):
    ddl = "a INT, b STRING, c STRING, d DOUBLE, e TIMESTAMP"
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    some = [
        (1, '=1+1, "x"', " a\n", 33.3, at), (2, "@", "", -0.0, at), (3, "'-", None, None, None),
        (4, "b", "c", 1e7 / 3, at),
    ]  # fmt: skip
    write_csv(spark.createDataFrame(some, ddl), tmp_path / "spark.csv", order=["a"])
    write_rows(some, list("abcde"), tmp_path / "rows.csv")
    assert (tmp_path / "rows.csv").read_bytes() == (tmp_path / "spark.csv").read_bytes()


@hypothesis_settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.one_of(st.none(), TEXTS), min_size=20, max_size=200))
@example(texts=[None, "", "=1", "'=1", " a", "a\x0b", "\x85a", "\u2028", "a\n", "a\r\nb", 'say "hi"', "a,b", "\0"])
def test_many_rows_without_spark_are_written_to_the_same_bytes_too(spark, tmp_path, texts):
    at = [datetime(2026, 1, 2, 3, 4, 5, part, tzinfo=UTC) for part in (0, 250_000, 100, 123_456)] + [None]
    rows = [(number, text, at[number % 5]) for number, text in enumerate(texts)]
    table = pa.table({
        "a": pa.array([row[0] for row in rows], pa.int32()),
        "b": pa.array(texts, pa.string()).dictionary_encode(),
        "c": pa.array([row[2] for row in rows], pa.timestamp("us", "UTC")),
    })  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exports, "_SLICE", 7)
        assert write_table(table, tmp_path / "table.csv") == len(rows)
    write_rows(rows, list("abc"), tmp_path / "rows.csv")
    write_csv(spark.createDataFrame(rows, "a INT, b STRING, c TIMESTAMP"), tmp_path / "spark.csv", order=["a"])
    assert (tmp_path / "table.csv").read_bytes() == (tmp_path / "rows.csv").read_bytes()
    assert (tmp_path / "rows.csv").read_bytes() == (tmp_path / "spark.csv").read_bytes()


def test_a_table_without_rows_has_its_header_and_may_be_in_parts(tmp_path):
    nothing = pa.table({"a": pa.array([], pa.int32()), "b": pa.array([], pa.string()).dictionary_encode()})
    assert write_table(nothing, tmp_path / "a.csv", parts=True) == 0
    assert (tmp_path / "a.csv" / "part-00000.csv").read_bytes() == b"a,b\r\n"
    assert names_in(tmp_path) == ["a.csv"]


def test_long_texts_are_written_few_at_a_time(tmp_path, monkeypatch):
    words = pa.DictionaryArray.from_arrays(pa.array([0, 1, None] * 40), ["long " * 20, 'say "hi"'])
    table, lines, sizes = pa.table({"a": words, "b": words, "c": range(120)}), exports.cells.lines, []
    write_table(table, tmp_path / "at_once.csv")
    monkeypatch.setattr(exports, "_BYTES", 1000)
    monkeypatch.setattr(exports.cells, "lines", lambda some: sizes.append(len(lines(some))) or lines(some))
    write_table(table, tmp_path / "a.csv")
    assert max(sizes) <= 1000 and len(sizes) == 30
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "at_once.csv").read_bytes()


def test_a_folder_of_parts_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    synced, sync = [], disk.sync
    monkeypatch.setattr(disk, "sync", lambda path: synced.append(path.name) or sync(path))
    write_rows([("a", 1)], ["name", "number"], tmp_path / "a.csv", parts=True)
    assert synced == ["part-00000.csv", "a.csv", tmp_path.name]
