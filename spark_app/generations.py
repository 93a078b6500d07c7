"""Generations: a trained model with all that was made from it, in a folder of its own, published whole.

A generation is written aside, its manifest last; it exists when the manifest does. `LATEST` names the published one
and is replaced by one atomic rename. While `HELD` is there, as after a rollback, training publishes nothing. No Spark
is needed to list, show or find them.
"""

import json
import secrets
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from numpy.typing import NDArray

from spark_app.numbers.vectors import lists
from spark_app.running import failpoints
from spark_app.running.errors import SaidError
from spark_app.settings import Settings
from spark_app.storage import disk

if TYPE_CHECKING:  # serving reads generations too, and has no Spark
    from pyspark.sql import DataFrame, SparkSession

LATEST, HELD, MANIFEST, METRICS = "LATEST", "HELD", "manifest.json", "metrics.json"
USERS, PRODUCTS, POPULAR = "users", "products", "popular"
RECOMMENDATIONS, VERTICES, EDGES = "recommendations", "vertices", "edges"
USER_FACTORS, PRODUCT_FACTORS = "user_factors", "product_factors"
FACTOR_KEYS = {USER_FACTORS: "userId", PRODUCT_FACTORS: "productId"}
INTERACTIONS, SIMILAR, CATALOGUE = "interactions", "similar", "catalogue"
# Only where segments were kept when it was made.
SEGMENT_MEMBERS, SEGMENT_POPULAR = "segment_members", "segment_popular"
# In the manifest: whose place one took, without a user who was forgotten; and why one can never be made again.
INSTEAD_OF, NOT_REBUILDABLE = "instead_of", "not_rebuildable"
_FACTORS_AT_ONCE = 100_000


class NoGenerationError(SaidError, LookupError):
    """There is no such generation; the message names it."""


class UnsoundError(SaidError, RuntimeError):
    """A generation that failed its checks, or was damaged since, must not be published; the message says why."""


class NotRebuildableError(SaidError, RuntimeError):
    """What a generation was made from is gone for good; the message says why."""


class Generation(NamedTuple):
    """One generation on disk."""

    id: str
    folder: Path

    @property
    def manifest(self) -> dict[str, Any]:
        """What it was made from: table version, settings and where each came from, seed, counts, parent."""
        return _json(self.folder / MANIFEST)

    @property
    def made_at(self) -> datetime:
        """When it was finished, in UTC."""
        return datetime.fromisoformat(self.manifest["created_at"])

    @property
    def is_sound(self) -> bool:
        """Whether it passed its checks."""
        return not self.manifest.get("fault")

    @property
    def is_first(self) -> bool:
        """Whether it was trained, and not made again from another's manifest."""
        return not self.manifest.get("rebuilt_from")

    @property
    def metrics(self) -> dict[str, Any]:
        """What metrics.json says."""
        return _json(self.folder / METRICS)


def new(settings: Settings, now: datetime | None = None) -> Generation:
    """An empty generation to write into; ids sort by time."""
    made = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    name = f"{made}-{secrets.token_hex(2)}"
    folder = _home(settings) / name
    folder.mkdir(parents=True)
    return Generation(name, folder)


def write_table(generation: Generation, name: str, table: "DataFrame") -> None:
    """One table of the generation, as a folder of Parquet files."""
    table.write.mode("overwrite").parquet(str((generation.folder / name).absolute()))


def write_rows(generation: Generation, name: str, rows: pa.Table) -> None:
    """The same of what is on the driver: for a few rows a query of Spark costs more than they do."""
    pq.write_table(rows, _only_part(generation, name))


def write_factors(generation: Generation, name: str, ids: NDArray[np.int32], vectors: NDArray[np.float32]) -> None:
    """Vectors as float32 .npy to be mapped, and their ids beside them: row i belongs to ids[i]; the same as a table."""
    ids, vectors = np.ascontiguousarray(ids, np.int32), np.ascontiguousarray(vectors, np.float32)
    np.save(generation.folder / f"{name}.npy", vectors)
    np.save(generation.folder / f"{name}_ids.npy", ids)
    schema = pa.schema({FACTOR_KEYS[name]: pa.int32(), "vector": pa.list_(pa.float32())})
    with pq.ParquetWriter(_only_part(generation, name), schema) as writer:
        for start in range(0, len(ids), _FACTORS_AT_ONCE):
            some = slice(start, start + _FACTORS_AT_ONCE)
            writer.write(pa.table([pa.array(ids[some]), lists(vectors[some])], schema=schema))


def finish(generation: Generation, metrics: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
    """Write metrics.json, then the manifest: from here on the generation exists."""
    write_json(generation.folder / METRICS, metrics)
    write_json(generation.folder / MANIFEST, {"generation": generation.id} | dict(manifest))


def announce(settings: Settings, generation: Generation) -> None:
    """Say that it is to be published once it is whole, so that a kill in between only delays it."""
    disk.replace_text(_announced(settings, generation), generation.id + "\n")


def publish(settings: Settings, generation: Generation) -> None:
    """Make it the published one, by one atomic rename."""
    announce(settings, generation)
    failpoints.reach("between_files_and_pointer")
    _announced(settings, generation).replace(_home(settings) / LATEST)


def resume(settings: Settings) -> None:
    """Publish what was announced and is whole, as after a kill."""
    for generation in listed(settings):
        if _announced(settings, generation).exists():
            publish(settings, generation)
    _withdraw(settings)


def published(settings: Settings) -> Generation | None:
    """The generation that LATEST names; None before the first."""
    pointer = _home(settings) / LATEST
    if not pointer.exists():
        return None
    return find(settings, pointer.read_text().strip())


def published_in(results: Path) -> str | None:
    """The generation that metrics.json in `results` names; None when it is missing or cannot be read."""
    try:
        metrics = _json(results / METRICS)
    except (OSError, ValueError):
        return None
    generation = metrics.get("generation") if isinstance(metrics, dict) else None
    return generation if isinstance(generation, str) else None


def promote(settings: Settings, generation: Generation) -> None:
    """Publish a generation by hand, and let training publish again. UnsoundError when it is not sound."""
    _refuse_unsound(generation)
    _withdraw(settings)
    publish(settings, generation)
    (_home(settings) / HELD).unlink(missing_ok=True)


def rollback(settings: Settings, generation: Generation) -> None:
    """Publish an older generation and hold it until the next `promote`. UnsoundError when it is not sound."""
    _refuse_unsound(generation)
    _withdraw(settings)
    disk.replace_text(_home(settings) / HELD, generation.id + "\n")
    publish(settings, generation)


def held(settings: Settings) -> str:
    """The id that a rollback holds in its place; empty when training publishes by itself."""
    mark = _home(settings) / HELD
    return mark.read_text().strip() if mark.exists() else ""


def before(settings: Settings, generation: Generation) -> Generation:
    """The newest sound one that is older; NoGenerationError when there is none."""
    older = [one for one in listed(settings) if one.id < generation.id and one.is_sound and one.is_first]
    if not older:
        raise NoGenerationError(f"there is no sound generation before {generation.id}")
    return older[-1]


def remove_old(settings: Settings) -> list[str]:
    """Delete whole generations but the last `keep_generations` and the published one; gives the names."""
    shown = published(settings)
    kept = {one.id for one in [*listed(settings)[-settings.keep_generations :], *([shown] if shown else [])]}
    old = [one for one in listed(settings) if one.id not in kept]
    for generation in old:
        # Without its manifest it is gone; a kill from here on leaves what `remove_unfinished` takes away.
        (generation.folder / MANIFEST).unlink()
        shutil.rmtree(generation.folder)
    return [generation.id for generation in old]


def listed(settings: Settings) -> list[Generation]:
    """All whole generations, the oldest first."""
    home = _home(settings)
    folders = sorted(home.iterdir()) if home.exists() else []
    return [Generation(folder.name, folder) for folder in folders if (folder / MANIFEST).exists()]


def newest(settings: Settings) -> Generation | None:
    """The newest whole one, published or not: what was tried last. One that was rebuilt is of older events."""
    return next((one for one in reversed(listed(settings)) if one.is_first), None)


def find(settings: Settings, name: str) -> Generation:
    """A generation by its id; raises NoGenerationError."""
    for generation in listed(settings):
        if generation.id == name:
            return generation
    known = ", ".join(generation.id for generation in listed(settings)) or "none yet"
    raise NoGenerationError(f"no generation {name!r}; there are: {known}")


def remove_unfinished(settings: Settings) -> list[str]:
    """Delete what a killed training left behind; gives the names."""
    home = _home(settings)
    folders = [path for path in home.iterdir() if path.is_dir()] if home.exists() else []
    left = [path for path in folders if not (path / MANIFEST).exists()]
    for path in left:
        shutil.rmtree(path)
    return [path.name for path in left]


def read(spark: "SparkSession", generation: Generation, name: str) -> "DataFrame":
    """A table of a generation."""
    return spark.read.parquet(str((generation.folder / name).absolute()))


def scan(generation: Generation, name: str, **options: Any) -> pa.Table:
    """The same without Spark; `columns` and `filter` as pyarrow takes them."""
    return opened(generation, name).to_table(**options)


def opened(generation: Generation, name: str) -> ds.Dataset:
    """The same to be counted, or read batch by batch."""
    return ds.dataset(generation.folder / name, format="parquet")


def differences(one: Generation, other: Generation) -> list[str]:
    """How the tables and factors of two differ, a line each; empty when they are equal, bit for bit."""
    found = []
    for name in (USERS, PRODUCTS, POPULAR, RECOMMENDATIONS, VERTICES, EDGES):
        tables = [scan(generation, name) for generation in (one, other)]
        ours, theirs = (table.sort_by([(column, "ascending") for column in _flat(table)]) for table in tables)
        # Column by column: whether one may be null is no difference.
        if ours.column_names != theirs.column_names or not all(map(pa.ChunkedArray.equals, ours, theirs)):
            found.append(f"{name} differ ({ours.num_rows:,} and {theirs.num_rows:,} rows)")
    for name in (USER_FACTORS, PRODUCT_FACTORS):
        files = [generation.folder / f"{name}.npy" for generation in (one, other)]
        if any(file.exists() for file in files):
            left, right = (np.load(file, mmap_mode="r") if file.exists() else np.empty(0) for file in files)
            if left.shape != right.shape:
                found.append(f"{name} have the shapes {left.shape} and {right.shape}")
            elif not np.array_equal(left, right):
                found.append(f"{name} differ by at most {np.abs(left - right).max():.1e}")
    return found


def _flat(table: pa.Table) -> list[str]:
    """Columns by which rows can be sorted."""
    return [field.name for field in table.schema if not pa.types.is_nested(field.type)]


def fault_on_disk(generation: Generation) -> str:
    """Which of its tables lacks rows that the manifest counts, or cannot be read; empty when all are whole."""
    for name, rows in generation.manifest.get("rows", {}).items():
        try:
            found = opened(generation, name).count_rows()
        except (OSError, ValueError) as error:
            return f"{name} cannot be read: {error}"
        if found != rows:
            return f"{name} has {found:,} rows, and {rows:,} were written"
    return ""


def ensure_rebuildable(generation: Generation) -> None:
    """NotRebuildableError where what it was made from was removed on purpose."""
    if reason := generation.manifest.get(NOT_REBUILDABLE):
        raise NotRebuildableError(f"generation {generation.id} cannot be made again: {reason}, events included")


def _only_part(generation: Generation, name: str) -> Path:
    """The one file of a table that the driver writes."""
    folder = generation.folder / name
    folder.mkdir(exist_ok=True)
    return folder / "part-00000.parquet"


def _refuse_unsound(generation: Generation) -> None:
    fault = generation.manifest.get("fault") or fault_on_disk(generation)
    if fault:
        raise UnsoundError(f"generation {generation.id} is not published: {fault}")


def _announced(settings: Settings, generation: Generation) -> Path:
    return _home(settings) / f".{LATEST}-{generation.id}"


def _withdraw(settings: Settings) -> None:
    for announced in _home(settings).glob(f".{LATEST}-*"):
        announced.unlink()


def _home(settings: Settings) -> Path:
    return settings.data_dir / "generations"


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Whole or not at all, on the disk before it has its name; ValueError for a number that JSON has not."""
    disk.replace_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
