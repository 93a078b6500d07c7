"""Any table -> one CSV, replaced atomically; a set of files -> `results/`, of one generation.

Spark formats and sorts the rows and writes them as plain text: its own CSV writer escapes quotes with a backslash
and trims blanks, which is not RFC 4180. The driver joins the parts beside the target and moves them into place.
"""

import csv
import io
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any, NamedTuple

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as F
from pyspark.sql import types as T

from spark_app import rules
from spark_app.running import failpoints
from spark_app.storage import bucket, cells, disk, places
from spark_app.storage.cells import LINE_END, QUOTED

METRICS = "metrics.json"
# Bytes of a table that one task sorts.
SMALL = 4_000_000
# As many decimals as there are, and no exponent; 340 is what Java allows.
PLAIN = "0." + "#" * 340
# Rows of a table that are written at once, their bytes at the most (Arrow ends at 2 GiB), and by how many threads.
_SLICE, _BYTES, _THREADS = 1 << 18, 1 << 28, 4


class Csv(NamedTuple):
    """One CSV to publish: its name, its rows, the columns they are sorted by, and which of these fall."""

    name: str
    table: DataFrame
    order: Sequence[str]
    falling: Sequence[str] = ()


def write_csv(
    table: DataFrame, path: Path, *, order: Sequence[str], falling: Sequence[str] = (), parts: bool = False
) -> int:
    """Write one RFC 4180 file (or a folder of such files, each with the header) in place of `path`; gives the rows.

    Rows are sorted by `order`, those of it in `falling` from the highest down, then by all other columns. Null is an
    empty cell, an empty text is "". FLOAT keeps its shortest decimal; DOUBLE is rounded to 9 significant digits or 6
    decimals, whichever is finer. Raises ValueError when a number is NaN or infinite, OSError when it cannot write; the
    old file then stays.
    """
    with _scratch(path.with_name(f".{path.name}.scratch")) as scratch:
        rows, written = _written(_in_order(table, order, falling), scratch / "lines", path)
        prepared = scratch / path.name
        if parts:
            prepared.mkdir()
            for number, texts in enumerate([[text] for text in written] or [[]]):
                _join(texts, table.columns, prepared / f"part-{number:05d}.csv")
            disk.sync(prepared)
        else:
            _join(written, table.columns, prepared)
        _move(prepared, path)
        disk.sync(path.parent)
    return rows


def write_rows(rows: Sequence[Sequence[object]], columns: Sequence[str], path: Path, *, parts: bool = False) -> None:
    """The same without Spark, of a few rows in the order that they have; a float is a DOUBLE, a time has a zone."""
    with _scratch(path.with_name(f".{path.name}.scratch")) as scratch:
        lines = scratch / "lines"
        lines.write_text("".join(map(cells.line, rows)), encoding="utf-8", newline="")
        _put(lines, columns, path, parts=parts)


def write_table(table: pa.Table, path: Path, *, parts: bool = False) -> int:
    """The same of many rows in the order that they have, as cells.lines takes them; gives the rows."""
    with _scratch(path.with_name(f".{path.name}.scratch")) as scratch, ThreadPoolExecutor(_THREADS) as threads:
        whole = cells.ready(table)
        part = min(_SLICE, max(1, _BYTES // cells.longest(whole)))
        with (scratch / "lines").open("wb") as file:
            for begin in range(0, len(whole), _THREADS * part):
                behind = min(begin + _THREADS * part, len(whole))
                some = [whole.slice(first, part) for first in range(begin, behind, part)]
                file.writelines(threads.map(cells.lines, some))
        _put(scratch / "lines", table.column_names, path, parts=parts)
    return len(table)


def publish(
    csvs: Sequence[Csv],
    results: Path,
    *,
    metrics: Mapping[str, Any],
    texts: Mapping[str, str] | None = None,
    parts: bool = False,
) -> dict[str, int]:
    """Replace the files of the generation `metrics["generation"]` in `results`; gives name -> rows of each CSV.

    They are sealed by metrics.json, which gets what this took as `seconds.export`. Other files stay. Raises as
    write_csv does; before the first move the old set stays whole.
    """
    for left_behind in results.glob(".staging-*"):
        shutil.rmtree(left_behind)
    staging = results / f".staging-{metrics['generation']}"
    return _replace(csvs, texts or {}, METRICS, partial(_timed, metrics), staging, parts=parts)


def publish_beside(
    csvs: Sequence[Csv], results: Path, *, seal: str, said: Mapping[str, Any], parts: bool = False
) -> dict[str, int]:
    """The same of files that belong to no generation: `seal` is their JSON file, and `said` what it says."""
    return _replace(csvs, {}, seal, lambda _: _json(said, seal), results / f".staged-{seal}", parts=parts)


def said(results: Path, seal: str) -> dict[str, Any]:
    """What the JSON file of such a set says; nothing where it is not there, or cannot be read."""
    try:
        found = json.loads((results / seal).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _replace(
    csvs: Sequence[Csv],
    texts: Mapping[str, str],
    seal: str,
    said: Callable[[float], str],
    staging: Path,
    *,
    parts: bool,
) -> dict[str, int]:
    """Replace a set of files beside `staging`; `said` gives the content of its seal, by the seconds that it took.

    All files are prepared first. Then the seal goes, the files are moved in (`texts`: name -> content), and the seal
    comes last: who sees it sees files of its set.
    """
    began, results = time.monotonic(), staging.parent
    results.mkdir(parents=True, exist_ok=True)
    with _scratch(staging):
        rows = {
            name: write_csv(table, staging / name, order=order, falling=falling, parts=parts)
            for name, table, order, falling in csvs
        }
        for name, text in texts.items():
            _write_text(text, staging / name)
        _write_text(said(time.monotonic() - began), staging / seal)
        _move_all(staging, [*rows, *texts], results, seal)
    return rows


# From rows to lines of text, by Spark.


def _written(table: DataFrame, folder: Path, path: Path) -> tuple[int, list[Path]]:
    """Format and write what is sorted in one query; gives the number of rows and the text files in their order."""
    seen = Observation()
    lines = _lines(table)
    unfit = [F.count_if(name).alias(name) for name in lines.columns if name != "value"]
    size = F.sum(F.octet_length("value") + len(LINE_END)).alias("size")
    observed = lines.observe(seen, F.count("value").alias("rows"), size, *unfit).select("value")
    _write_lines(observed, folder)
    counts = seen.get
    _refuse_unfit(counts, table.columns, path)
    files = [file for file in sorted(folder.glob("part-*")) if file.stat().st_size]
    _refuse_elsewhere(sum(file.stat().st_size for file in files), counts["size"] or 0, folder)
    return counts["rows"], files


def _write_lines(lines: DataFrame, folder: Path) -> None:
    """Text files in a folder of this machine; where executors do not see it, by way of the bucket that they do."""
    conf = lines.sparkSession.conf
    writer = lines.write.option("lineSep", LINE_END)
    if not (far := conf.get(places.FAR, "")):
        writer.text(f"file://{folder.absolute()}")
        return
    place = places.parse(far, conf.get("spark.hadoop.fs.s3a.endpoint", "") or "") / token_hex(8)
    try:
        writer.text(str(place))
        bucket.fetch_all(place, folder, [name for name in bucket.listed(place) if name.startswith("part-")])
    finally:
        bucket.remove_all(place, bucket.listed(place))


def _lines(table: DataFrame) -> DataFrame:
    """`value`: the line of each row, in order; beside it, for each FLOAT or DOUBLE, whether it is NaN or infinite."""
    fields = list(enumerate(table.schema.fields))
    floats = [(i, _cell(f)) for i, f in fields if isinstance(f.dataType, T.FloatType | T.DoubleType)]
    unfit = [(F.isnan(cell) | (F.abs(cell) == float("inf"))).alias(f"unfit{i}") for i, cell in floats]
    texts = table.select(*[_text(field).alias(f"text{i}") for i, field in fields], *unfit)
    cells = [F.coalesce(_quoted(f"text{i}"), F.lit("")) for i, _ in fields]
    return texts.select(F.concat_ws(",", *cells).alias("value"), *[name for name in texts.columns if "unfit" in name])


def _in_order(table: DataFrame, order: Sequence[str], falling: Sequence[str]) -> DataFrame:
    """Ties are broken by the other columns; rows that are still alike give the same line."""
    others = [f for f in table.schema.fields if f.name not in order and not isinstance(f.dataType, T.MapType)]
    rows = table.coalesce(1) if _is_small(table) else table
    first = [_cell(table.schema[name]).desc() if name in falling else _cell(table.schema[name]) for name in order]
    return rows.orderBy(*first, *[_cell(field) for field in others])


def _is_small(table: DataFrame) -> bool:
    """Whether one task is to sort it, by what Spark knows of its bytes: for several it reads the table twice."""
    return table._jdf.queryExecution().optimizedPlan().stats().sizeInBytes() <= SMALL


def _text(field: T.StructField) -> Column:
    """The value as text, not yet quoted."""
    cell = _cell(field)
    match field.dataType:
        case T.StringType():
            return F.when(cell.rlike(rules.GUARDED), F.concat(F.lit("'"), cell)).otherwise(cell)
        case T.FloatType():
            # By way of text, or 0.1 would become 0.10000000149.
            return _plain(cell.cast("string").cast("double"))
        case T.DoubleType():
            nine_digits = F.format_string("%.8e", cell).cast("double")
            return _plain(F.when(F.abs(cell) < 1000, nine_digits).otherwise(F.round(cell, 6)))
        case T.TimestampType():
            # XXX is Z: the session's time zone is UTC.
            return F.concat(F.replace(cell.cast("string"), F.lit(" "), F.lit("T")), F.date_format(cell, "XXX"))
        case T.ArrayType() | T.MapType() | T.StructType():
            return F.to_json(cell)
        case _:
            return cell.cast("string")


def _plain(number: Column) -> Column:
    """Decimal digits without an exponent; adding zero makes of -0.0 a 0."""
    return F.call_function("format_number", number + F.lit(0.0), F.lit(PLAIN))


def _quoted(name: str) -> Column:
    cell = F.col(name)
    inside_quotes = F.concat(F.lit('"'), F.replace(cell, F.lit('"'), F.lit('""')), F.lit('"'))
    return F.when(cell.rlike(QUOTED), inside_quotes).otherwise(cell)


def _cell(field: T.StructField) -> Column:
    name = field.name.replace("`", "``")
    return F.col(f"`{name}`")


def _refuse_unfit(counts: Mapping[str, int], columns: Sequence[str], path: Path) -> None:
    for i, column in enumerate(columns):
        if count := counts.get(f"unfit{i}"):
            raise ValueError(f"{path.name}: column {column} is NaN or infinite in {count} rows; expected numbers")


def _refuse_elsewhere(found: int, written: int, folder: Path) -> None:
    if found != written:
        expected = "a folder that the driver and all executors share"
        raise OSError(f"{folder}: Spark wrote {written} bytes and {found} are here; expected {expected}")


# From text files to results, by the driver.


def _put(lines: Path, columns: Sequence[str], path: Path, *, parts: bool) -> None:
    """One file of lines that stands in a scratch folder, with a header, in place of `path`."""
    prepared = lines.with_name(path.name)
    if parts:
        prepared.mkdir()
    _join([lines], columns, prepared / "part-00000.csv" if parts else prepared)
    if parts:
        disk.sync(prepared)
    _move(prepared, path)
    disk.sync(path.parent)


def _join(texts: Sequence[Path], columns: Sequence[str], target: Path) -> None:
    header = io.StringIO()
    csv.writer(header, lineterminator=LINE_END).writerow(columns)
    with target.open("xb") as file:
        file.write(header.getvalue().encode())
        for text in texts:
            with text.open("rb") as part:
                shutil.copyfileobj(part, file, 1 << 20)
    disk.sync(target)


def _write_text(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8", newline="")
    disk.sync(path)


def _timed(metrics: Mapping[str, Any], export_seconds: float) -> str:
    seconds = {**metrics.get("seconds", {}), "export": round(export_seconds, 3)}
    return _json({**metrics, "seconds": seconds}, METRICS)


def _json(said: Mapping[str, Any], name: str) -> str:
    try:
        return json.dumps(said, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    except ValueError as error:
        raise ValueError(f"{name}: {error}; expected finite numbers or null") from error


def _move_all(staging: Path, names: Sequence[str], results: Path, seal: str = METRICS) -> None:
    (results / seal).unlink(missing_ok=True)
    disk.sync(results)
    for place, name in enumerate(names):
        if place == 1:
            failpoints.reach("mid_csv")
        _move(staging / name, results / name)
    disk.sync(results)
    _move(staging / seal, results / seal)
    disk.sync(results)


def _move(prepared: Path, target: Path) -> None:
    """Put one in the place of the other; a folder cannot be replaced in one step, so an old one is moved aside."""
    if target.is_dir() or (prepared.is_dir() and target.exists()):
        target.replace(prepared.with_name(f".old-{prepared.name}"))
    prepared.replace(target)


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """An empty folder for as long as it is needed; what a crash has left in it is removed."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
