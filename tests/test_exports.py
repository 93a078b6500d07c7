"""CSV files as a stranger reads them: bytes, Python's csv module, and one apostrophe taken away."""

import csv
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from spark_app import exports, rules
from spark_app.exports import Csv, publish, write_csv
from spark_app.generations import published_in
from spark_app.running import failpoints

TRICKY = st.sampled_from("'=+-@\t\r\n\"\\, ;|\0\x0b\x85\u2028\ufeff\u200f\u0301")
TEXTS = st.text(st.one_of(TRICKY, st.characters(exclude_categories=("Cs",))), max_size=12)


def read(path: Path) -> list[list[str]]:
    """Header and rows, text cells unguarded."""
    with path.open(encoding="utf-8", newline="") as file:
        return [[unguarded(cell) for cell in row] for row in csv.reader(file, strict=True)]


def unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and re.match(rules.GUARDED, cell) else cell


def cells(spark: SparkSession, path: Path, ddl: str, *values: object) -> list[str]:
    """The bytes of each cell of one column, as they stand in the file; no cell may hold a line end."""
    rows = list(enumerate(values))
    write_csv(spark.createDataFrame(rows, f"place INT, value {ddl}"), path / "cells.csv", order=["place"])
    lines = (path / "cells.csv").read_bytes().decode().split("\r\n")[1:-1]
    return [line.partition(",")[2] for line in lines]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def sales(spark: SparkSession, *rows: tuple[str, int]) -> DataFrame:
    return spark.createDataFrame(list(rows), "product STRING, sold INT")


@contextmanager
def small_parts(spark: SparkSession) -> Iterator[None]:
    """As many parts as there are shuffle partitions, however small they are."""
    spark.conf.set("spark.sql.adaptive.coalescePartitions.enabled", "false")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exports, "SMALL", 0)
        yield
    spark.conf.unset("spark.sql.adaptive.coalescePartitions.enabled")


# One CSV.


def test_a_file_has_a_header_and_lines_that_end_in_cr_lf(spark, tmp_path):
    rows = write_csv(sales(spark, ("lamp", 2), ("chair", 1)), tmp_path / "sales.csv", order=["product"])
    assert rows == 2
    assert (tmp_path / "sales.csv").read_bytes() == b"product,sold\r\nchair,1\r\nlamp,2\r\n"


def test_nothing_but_the_file_is_left_behind(spark, tmp_path):
    (tmp_path / ".sales.csv.scratch").mkdir()
    (tmp_path / ".sales.csv.scratch" / "of a crash").touch()
    write_csv(sales(spark, ("lamp", 2)), tmp_path / "sales.csv", order=["product"])
    assert names_in(tmp_path) == ["sales.csv"]


@hypothesis_settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS, min_size=50, max_size=300))
@example(texts=["", " ", "'", "''=", "=cmd()", "+1", "@x", "\t", "\r", "\n", "a\r\nb", '"', '""', "\\", '\\"', ";"])
@example(texts=["\0", "\ufeff", "\u00c5", "A\u030a", "\U0001f469\u200d\U0001f467", "\u202eabc", " =1", "a ", "$HOME"])
def test_any_text_comes_back_as_it_was(spark, tmp_path, texts):
    path = tmp_path / f"{uuid4()}.csv"
    write_csv(spark.createDataFrame(list(enumerate(texts)), "place INT, text STRING"), path, order=["place"])
    header, *rows = read(path)
    assert header == ["place", "text"]
    assert [text for _, text in rows] == texts


def test_what_a_spreadsheet_would_run_is_guarded(spark, tmp_path):
    texts = ["=cmd()", "+1", "-1", "@sum", "'=1", "'s", "a=b"]
    assert cells(spark, tmp_path, "STRING", *texts) == ["'=cmd()", "'+1", "'-1", "'@sum", "''=1", "'s", "a=b"]


def test_negative_numbers_are_not_guarded(spark, tmp_path):
    assert cells(spark, tmp_path, "INT", -5) == ["-5"]
    assert cells(spark, tmp_path, "DOUBLE", -0.5) == ["-0.5"]


def test_a_cell_is_quoted_only_when_it_must_be(spark, tmp_path):
    texts = ["a b", "a,b", 'say "hi"', " a", "a\t", "it's; |x|"]
    quoted = ["a b", '"a,b"', '"say ""hi"""', '" a"', '"a\t"', "it's; |x|"]
    assert cells(spark, tmp_path, "STRING", *texts) == quoted


def test_null_and_the_empty_text_stay_distinct(spark, tmp_path):
    assert cells(spark, tmp_path, "STRING", None, "") == ["", '""']


def test_null_is_an_empty_cell_in_a_column_of_any_type(spark, tmp_path):
    ddl = "a INT, b FLOAT, c DOUBLE, d BOOLEAN, e TIMESTAMP, f ARRAY<STRING>, g DECIMAL(9, 2), h MAP<STRING, STRING>"
    write_csv(spark.createDataFrame([(None,) * 8], ddl), tmp_path / "nulls.csv", order=["a"])
    assert (tmp_path / "nulls.csv").read_bytes() == b"a,b,c,d,e,f,g,h\r\n,,,,,,,\r\n"


def test_numbers_have_no_exponent_and_lose_nothing_that_matters(spark, tmp_path):
    numbers = [0.0, -0.0, 1e-7, 1.0e-5, 1 / 3, 0.1 + 0.2, 12345.678, 123456789.12, 1e15, -2.5e-10, 999.9999999999]
    expected = "0 0 0.0000001 0.00001 0.333333333 0.3 12345.678 123456789.12 1000000000000000 -0.00000000025 1000"
    assert cells(spark, tmp_path, "DOUBLE", *numbers) == expected.split()


def test_a_float_keeps_its_shortest_decimal(spark, tmp_path):
    numbers = [0.841253, 0.1, 1e-7, 16777216.0, 3.0]
    assert cells(spark, tmp_path, "FLOAT", *numbers) == ["0.841253", "0.1", "0.0000001", "16777216", "3"]


@hypothesis_settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=100, max_size=400))
def test_a_number_is_plain_and_near_to_what_it_was(spark, tmp_path, numbers):
    texts = cells(spark, tmp_path, "DOUBLE", *numbers)
    assert all(re.fullmatch(r"-?\d+(\.\d+)?", text) for text in texts)
    assert [float(text) for text in texts] == pytest.approx(numbers, rel=1e-8, abs=0)


@pytest.mark.parametrize("ddl", ["FLOAT", "DOUBLE"])
def test_nan_and_infinity_are_refused_and_the_old_file_stays(spark, tmp_path, ddl):
    (tmp_path / "cells.csv").write_text("old")
    with pytest.raises(ValueError, match=r"cells\.csv: column value is NaN or infinite in 3 rows"):
        cells(spark, tmp_path, ddl, 1.0, float("nan"), float("inf"), float("-inf"), None)
    assert (tmp_path / "cells.csv").read_text() == "old"
    assert names_in(tmp_path) == ["cells.csv"]


def test_booleans_times_and_decimals_are_written_as_everyone_reads_them(spark, tmp_path):
    noon = datetime(2011, 12, 9, 12, 50, tzinfo=UTC)
    assert cells(spark, tmp_path, "BOOLEAN", True, False) == ["true", "false"]
    later = noon.replace(microsecond=250_000)
    assert cells(spark, tmp_path, "TIMESTAMP", noon, later) == ["2011-12-09T12:50:00Z", "2011-12-09T12:50:00.25Z"]
    assert cells(spark, tmp_path, "DECIMAL(20, 10)", Decimal("0.0000001")) == ["0.0000001000"]


def test_a_list_is_one_cell_of_json(spark, tmp_path):
    becauses = [["85123A", "22423"], [], ["=1", 'a"b', "Å👩"]]
    expected = ['"[""85123A"",""22423""]"', "[]"]
    assert cells(spark, tmp_path, "ARRAY<STRING>", *becauses)[:2] == expected
    assert [json.loads(row[1]) for row in read(tmp_path / "cells.csv")[1:]] == becauses
    assert "Å👩" in (tmp_path / "cells.csv").read_text(encoding="utf-8")


def test_a_map_is_one_cell_of_json(spark, tmp_path):
    cells(spark, tmp_path, "MAP<STRING, STRING>", {"color": "red, blue"})
    assert read(tmp_path / "cells.csv")[1] == ["0", '{"color":"red, blue"}']


def test_column_names_may_hold_anything(spark, tmp_path):
    table = spark.createDataFrame([(1, 2.5, "x")], "`a.b` INT, `say ``hi``, you` DOUBLE, `from` STRING")
    write_csv(table, tmp_path / "names.csv", order=["a.b"])
    assert (tmp_path / "names.csv").read_bytes() == b'a.b,"say `hi`, you",from\r\n1,2.5,x\r\n'


def test_an_empty_table_still_has_its_header(spark, tmp_path):
    assert write_csv(sales(spark).limit(0), tmp_path / "sales.csv", order=["product"]) == 0
    assert (tmp_path / "sales.csv").read_bytes() == b"product,sold\r\n"
    assert write_csv(sales(spark).limit(0), tmp_path / "parts.csv", order=["product"], parts=True) == 0
    assert (tmp_path / "parts.csv" / "part-00000.csv").read_bytes() == b"product,sold\r\n"


def test_the_order_does_not_depend_on_the_partitions(spark, tmp_path):
    table = spark.range(2000).selectExpr("CAST(id % 7 AS STRING) AS user", "id % 3 AS rank", "-id AS score")
    written = set()
    for number, pieces in enumerate((1, 3, 16)):
        path = tmp_path / f"{number}.csv"
        write_csv(table.repartition(pieces), path, order=["user", "rank"])
        written.add(path.read_bytes())
    rows = [tuple(map(int, row)) for row in read(path)[1:]]
    assert len(written) == 1
    assert rows == sorted(rows)


def test_the_parts_together_are_the_single_file(spark, tmp_path):
    table = spark.range(500).selectExpr("CAST(id AS STRING) AS user", "'a\r\nb' AS text")
    write_csv(table, tmp_path / "one.csv", order=["user"])
    with small_parts(spark):
        assert write_csv(table, tmp_path / "many.csv", order=["user"], parts=True) == 500
    files = sorted((tmp_path / "many.csv").iterdir())
    assert [file.name for file in files] == ["part-00000.csv", "part-00001.csv"]
    assert all(file.read_bytes().startswith(b"user,text\r\n") for file in files)
    assert [row for file in files for row in read(file)[1:]] == read(tmp_path / "one.csv")[1:]


def test_many_parts_of_spark_make_one_file_in_order(spark, tmp_path):
    with small_parts(spark):
        write_csv(spark.range(500), tmp_path / "ids.csv", order=["id"])
    assert read(tmp_path / "ids.csv")[1:] == [[str(number)] for number in range(500)]


def test_one_form_replaces_the_other(spark, tmp_path):
    path = tmp_path / "sales.csv"
    for parts in (False, True, True, False):
        write_csv(sales(spark, ("lamp", 2)), path, order=["product"], parts=parts)
        assert path.is_dir() == parts
        assert names_in(tmp_path) == ["sales.csv"]


def test_a_folder_name_may_hold_blanks_and_percent_signs(spark, tmp_path):
    path = tmp_path / "my results, 100%20 [a]" / "sales.csv"
    write_csv(sales(spark, ("lamp", 2)), path, order=["product"])
    assert path.read_bytes() == b"product,sold\r\nlamp,2\r\n"


def test_a_folder_that_cannot_be_written_is_named(spark, tmp_path):
    (tmp_path / "results").write_text("a file")
    with pytest.raises(OSError, match="results"):
        write_csv(sales(spark, ("lamp", 2)), tmp_path / "results" / "sales.csv", order=["product"])


# A set of files.


def publish_sales(spark: SparkSession, results: Path, generation: str, *, parts: bool = False, **more: object) -> dict:
    """Two CSVs and rmse.txt, each of which names its generation."""
    one = sales(spark, (generation, 1))
    csvs = [Csv("recommendations.csv", one, ["product"]), Csv("edges.csv", one, ["product"])]
    texts = {"rmse.txt": f"RMSE: undefined, because {generation}\n"}
    return publish(csvs, results, metrics={"generation": generation, **more}, texts=texts, parts=parts)


def generations_in(results: Path) -> set[str]:
    """Which generations the files speak of."""
    files = [path for path in results.rglob("*") if path.is_file()]
    return {found for path in files for found in re.findall(r"\bg\d\b", path.read_text(encoding="utf-8"))}


def test_a_set_is_published_with_its_metrics(spark, tmp_path):
    assert publish_sales(spark, tmp_path, "g1") == {"recommendations.csv": 1, "edges.csv": 1}
    assert names_in(tmp_path) == ["edges.csv", "metrics.json", "recommendations.csv", "rmse.txt"]
    assert (tmp_path / "rmse.txt").read_bytes() == b"RMSE: undefined, because g1\n"
    assert published_in(tmp_path) == "g1"


def test_the_metrics_tell_how_long_the_export_took(spark, tmp_path):
    publish_sales(spark, tmp_path, "g1", reason="Å", seconds={"train": 2.0})
    text = (tmp_path / "metrics.json").read_text(encoding="utf-8")
    metrics = json.loads(text)
    assert list(metrics) == ["generation", "reason", "seconds"]
    assert metrics["seconds"]["train"] == 2.0
    assert 0 < metrics["seconds"]["export"] < 60
    assert '"reason": "Å"' in text


def test_another_generation_replaces_all_files_and_leaves_others_alone(spark, tmp_path):
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / "trending.csv").write_text("not of this set")
    (tmp_path / ".staging-g0").mkdir()
    publish_sales(spark, tmp_path, "g1")
    publish_sales(spark, tmp_path, "g2")
    assert generations_in(tmp_path) == {"g2"}
    assert (tmp_path / "README.md").read_text() == "mine"
    assert (tmp_path / "trending.csv").read_text() == "not of this set"
    assert not (tmp_path / ".staging-g0").exists()


def test_folders_of_parts_and_files_take_each_others_place(spark, tmp_path):
    for generation, parts in (("g1", True), ("g2", False), ("g3", True)):
        publish_sales(spark, tmp_path, generation, parts=parts)
        assert (tmp_path / "edges.csv").is_dir() == parts
        assert generations_in(tmp_path) == {generation}
        assert published_in(tmp_path) == generation


def test_a_set_that_breaks_off_between_two_moves_names_no_generation(spark, tmp_path, monkeypatch):
    publish_sales(spark, tmp_path, "g1")
    with monkeypatch.context() as broken:
        broken.setattr(failpoints, "reach", _cut_off)
        with pytest.raises(OSError, match="mid_csv"):
            publish_sales(spark, tmp_path, "g2")
    assert generations_in(tmp_path) == {"g1", "g2"}
    assert published_in(tmp_path) is None
    publish_sales(spark, tmp_path, "g2")
    assert generations_in(tmp_path) == {"g2"}
    assert published_in(tmp_path) == "g2"


def _cut_off(name: str) -> None:
    raise OSError(name)


MOVE_AND_DIE = """
import sys
from pathlib import Path
from spark_app import exports
from spark_app.running import failpoints
from spark_app.settings import Settings
failpoints.arm(Settings(_env_file=None, under_test=True, failpoint="mid_csv"))
results = Path(sys.argv[1])
exports._move_all(results / ".staging-g2", ["recommendations.csv", "edges.csv", "rmse.txt"], results)
"""


def test_a_process_killed_between_two_moves_leaves_a_set_that_the_next_one_replaces(spark, tmp_path):
    publish_sales(spark, tmp_path, "g1")
    publish_sales(spark, tmp_path / ".staging-g2", "g2")
    killed = subprocess.run([sys.executable, "-c", MOVE_AND_DIE, str(tmp_path)], cwd=Path(__file__).parent.parent)
    assert killed.returncode == -signal.SIGKILL
    assert "g2" in (tmp_path / "recommendations.csv").read_text()
    assert "g1" in (tmp_path / "edges.csv").read_text()
    assert published_in(tmp_path) is None
    publish_sales(spark, tmp_path, "g3")
    assert generations_in(tmp_path) == {"g3"}
    assert names_in(tmp_path) == ["edges.csv", "metrics.json", "recommendations.csv", "rmse.txt"]


def test_metrics_that_are_no_json_publish_nothing(spark, tmp_path):
    publish_sales(spark, tmp_path, "g1")
    with pytest.raises(ValueError, match=r"metrics\.json"):
        publish_sales(spark, tmp_path, "g2", metrics={"rmse": float("nan")})
    assert generations_in(tmp_path) == {"g1"}
    assert published_in(tmp_path) == "g1"


def test_a_table_that_cannot_be_written_publishes_nothing(spark, tmp_path):
    publish_sales(spark, tmp_path, "g1")
    wrong = spark.createDataFrame([("g2", float("nan"))], "product STRING, score DOUBLE")
    csvs = [Csv("edges.csv", sales(spark, ("g2", 1)), ["product"]), Csv("recommendations.csv", wrong, ["product"])]
    with pytest.raises(ValueError, match="column score"):
        publish(csvs, tmp_path, metrics={"generation": "g2"})
    assert generations_in(tmp_path) == {"g1"}
    assert names_in(tmp_path) == ["edges.csv", "metrics.json", "recommendations.csv", "rmse.txt"]


@pytest.mark.parametrize("text", [None, "", "{", "[]", "null", '{"generation": 7}', "{}"])
def test_metrics_that_cannot_be_read_name_no_generation(tmp_path, text):
    if text is not None:
        (tmp_path / "metrics.json").write_text(text)
    assert published_in(tmp_path) is None
