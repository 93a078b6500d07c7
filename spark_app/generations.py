"""Generations: a trained model with all that was made from it, in a folder of its own, published whole.

A generation is written aside, its manifest last; it exists when the manifest does. `LATEST` names the published one
and is replaced by one atomic rename, or one put in a bucket, where the same files stand in the same order. While `HELD`
is there, as after a rollback, training publishes nothing. No Spark is needed to list, show or find them.
"""

import json
import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from numpy.typing import NDArray

from spark_app.numbers.vectors import lists, matrix
from spark_app.running import failpoints
from spark_app.running.errors import SaidError
from spark_app.settings import Settings
from spark_app.storage import bucket, copies, disk, marks, places
from spark_app.storage.places import Place

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
# Rows that are read or written at once.
_AT_ONCE = 1 << 17


class NoGenerationError(SaidError, LookupError):
    """There is no such generation; the message names it."""


class UnsoundError(SaidError, RuntimeError):
    """A generation that failed its checks, or was damaged since, must not be published; the message says why."""


class NotRebuildableError(SaidError, RuntimeError):
    """What a generation was made from is gone for good; the message says why."""


class Generation(NamedTuple):
    """One generation; of one in a bucket `home` is its copy, which begins with what is small."""

    id: str
    home: Path
    place: Place | None = None

    @property
    def folder(self) -> Path:
        """All its files on this machine; from a bucket they are brought when they are first asked for."""
        if self.place:
            copies.bring(self.place, self.home)
        return self.home

    @property
    def manifest(self) -> dict[str, Any]:
        """What it was made from: table version, settings and where each came from, seed, counts, parent."""
        return _json(self.home / MANIFEST)

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
        return _json(self.home / METRICS)


def new(settings: Settings, now: datetime | None = None) -> Generation:
    """An empty generation to write into; ids sort by time."""
    made = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    return _begun(settings, made)


def instead_of(settings: Settings, old: Generation) -> Generation:
    """An empty one that is to take the place of another, with its time."""
    return _begun(settings, old.id.rpartition("-")[0])


def write_table(generation: Generation, name: str, table: "DataFrame") -> None:
    """One table of the generation, as a folder of Parquet files."""
    place = places.far(table.sparkSession.sparkContext.master, generation.place)
    target = f"{place}/{name}" if place else str((generation.folder / name).absolute())
    table.write.mode("overwrite").parquet(target)
    if place:
        copies.bring_some(place / name, generation.folder / name, bucket.listed(place / name))


def write_rows(generation: Generation, name: str, rows: pa.Table) -> None:
    """The same of what is on the driver: for a few rows a query of Spark costs more than they do."""
    path = _only_part(generation, name)
    pq.write_table(rows, path)
    if generation.place:
        # Executors elsewhere may read it before the generation is whole.
        bucket.send(path, generation.place / name / path.name)


def write_factors(generation: Generation, name: str, ids: NDArray[np.int32], vectors: NDArray[np.float32]) -> None:
    """Vectors as float32 .npy to be mapped, and their ids beside them: row i belongs to ids[i]; the same as a table."""
    ids, vectors = np.ascontiguousarray(ids, np.int32), np.ascontiguousarray(vectors, np.float32)
    np.save(generation.folder / f"{name}.npy", vectors)
    np.save(generation.folder / f"{name}_ids.npy", ids)
    schema = pa.schema({FACTOR_KEYS[name]: pa.int32(), "vector": pa.list_(pa.float32())})
    with pq.ParquetWriter(_only_part(generation, name), schema) as writer:
        for start in range(0, len(ids), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            writer.write(pa.table([pa.array(ids[some]), lists(vectors[some])], schema=schema))


def write_factors_table(generation: Generation, name: str, side: "DataFrame") -> None:
    """The same of (id, vector) that are held elsewhere, in the order of the ids: some rows at a time come here."""
    key = FACTOR_KEYS[name]
    write_table(generation, name, side.select(key, "vector").orderBy(key))
    rows, at = opened(generation, name).count_rows(), 0
    ids = np.lib.format.open_memmap(generation.folder / f"{name}_ids.npy", "w+", np.int32, (rows,))
    vectors = np.empty((0, 0), np.float32)
    for batch in batches(generation, name, [key, "vector"]):
        some, place = matrix(batch.column("vector")), slice(at, at := at + len(batch))
        if not vectors.size:
            shape = (rows, some.shape[1])
            vectors = np.lib.format.open_memmap(generation.folder / f"{name}.npy", "w+", np.float32, shape)
        ids[place], vectors[place] = batch.column(key).to_numpy(), some


def send(generation: Generation) -> None:
    """Put what was written so far into the bucket, where there is one: `finish` then has little to put."""
    if generation.place:
        copies.send(generation.home, generation.place)


def finish(generation: Generation, metrics: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
    """Write metrics.json, then the manifest: from here on the generation exists."""
    write_json(generation.home / METRICS, metrics)
    send(generation)
    rewrite_manifest(generation, {"generation": generation.id} | dict(manifest))


def rewrite_manifest(generation: Generation, manifest: Mapping[str, Any]) -> None:
    """Let the manifest of a whole one say this."""
    write_json(generation.home / MANIFEST, manifest)
    if generation.place:
        bucket.send(generation.home / MANIFEST, generation.place / MANIFEST)


def announce(settings: Settings, generation: Generation) -> None:
    """Say that it is to be published once it is whole, so that a kill in between only delays it."""
    marks.put(*_mark(settings, _announced(generation.id)), generation.id)


def publish(settings: Settings, generation: Generation) -> None:
    """Make it the published one, by one atomic rename, or put."""
    announce(settings, generation)
    failpoints.reach("between_files_and_pointer")
    if generation.place:
        marks.put(*_mark(settings, LATEST), generation.id)
        marks.remove(*_mark(settings, _announced(generation.id)))
    else:
        (_home(settings) / _announced(generation.id)).replace(_home(settings) / LATEST)


def resume(settings: Settings) -> None:
    """Publish what was announced and is whole, as after a kill."""
    announced = _announcements(settings)
    for generation in listed(settings) if announced else ():
        if _announced(generation.id) in announced:
            publish(settings, generation)
    _withdraw(settings)


def published(settings: Settings) -> Generation | None:
    """The generation that LATEST names; None before the first."""
    name = marks.said(*_mark(settings, LATEST))
    return find(settings, name) if name is not None else None


def published_in(results: Path, place: Place | None = None) -> str | None:
    """The generation that metrics.json in `results` names; None when it is missing or cannot be read.

    With a place it is looked for there, and not in the copy.
    """
    try:
        metrics = json.loads(marks.said(results / METRICS, place and place / METRICS) or "null")
    except (OSError, ValueError):
        return None
    generation = metrics.get("generation") if isinstance(metrics, dict) else None
    return generation if isinstance(generation, str) else None


def promote(settings: Settings, generation: Generation) -> None:
    """Publish a generation by hand, and let training publish again. UnsoundError when it is not sound."""
    _refuse_unsound(generation)
    _withdraw(settings)
    publish(settings, generation)
    marks.remove(*_mark(settings, HELD))


def rollback(settings: Settings, generation: Generation) -> None:
    """Publish an older generation and hold it until the next `promote`. UnsoundError when it is not sound."""
    _refuse_unsound(generation)
    _withdraw(settings)
    marks.put(*_mark(settings, HELD), generation.id)
    publish(settings, generation)


def held(settings: Settings) -> str:
    """The id that a rollback holds in its place; empty when training publishes by itself."""
    return marks.said(*_mark(settings, HELD)) or ""


def take_place(settings: Settings, old: Generation, new: Generation) -> None:
    """Let all that names a generation name another, which is what it was but for a user; then the old one goes."""
    shown = published(settings)
    if held(settings) == old.id:
        marks.put(*_mark(settings, HELD), new.id)
    if shown is not None and shown.id == old.id:
        publish(settings, new)
    failpoints.reach("forget_before_old_goes")
    remove(old)


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
        remove(generation)
    return [generation.id for generation in old]


def remove(generation: Generation) -> None:
    """Remove one that nothing names any more."""
    copies.remove(generation.place, MANIFEST, generation.home)


def listed(settings: Settings) -> list[Generation]:
    """All whole generations, the oldest first."""
    home = _home(settings)
    return [_named(settings, name) for name in copies.listed(home, settings.place(home), MANIFEST, (METRICS,))]


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
    return copies.remove_torn(home, settings.place(home), MANIFEST)


def forget_removed(settings: Settings) -> None:
    """Remove copies of generations that are in the bucket no more; one that is being made here is newer than all."""
    home = _home(settings)
    if place := settings.place(home):
        known = [name for name, whole in copies.sealed(place, MANIFEST).items() if whole]
        newer = [path.name for path in home.iterdir() if path.name > max(known, default="")]
        copies.tidy(home, {*known, *newer})


def read(spark: "SparkSession", generation: Generation, name: str) -> "DataFrame":
    """A table of a generation."""
    place = places.far(spark.sparkContext.master, generation.place)
    return spark.read.parquet(f"{place}/{name}" if place else str((generation.folder / name).absolute()))


def scan(generation: Generation, name: str, **options: Any) -> pa.Table:
    """The same without Spark; `columns` and `filter` as pyarrow takes them."""
    return opened(generation, name).to_table(**options)


def batches(generation: Generation, name: str, columns: list[str], **options: Any) -> Iterator[pa.RecordBatch]:
    """The same in parts that fit into little memory, in the order of the files; `filter` as pyarrow takes it.

    None of them is empty.
    """
    little = {"batch_size": _AT_ONCE, "batch_readahead": 1, "fragment_readahead": 1}
    return (some for some in opened(generation, name).to_batches(columns=columns, **little, **options) if len(some))


def highest(generation: Generation, name: str, column: str, least: int) -> int:
    """The highest number of a column, `least` where there is none."""
    return max((pc.max(some.column(column)).as_py() for some in batches(generation, name, [column])), default=least)


def opened(generation: Generation, name: str) -> ds.Dataset:
    """The same to be counted."""
    return ds.dataset(generation.folder / name, format="parquet")


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


def _begun(settings: Settings, made: str) -> Generation:
    generation = _named(settings, f"{made}-{secrets.token_hex(2)}")
    copies.begin(generation.home) if generation.place else generation.home.mkdir(parents=True)
    return generation


def _named(settings: Settings, name: str) -> Generation:
    home = _home(settings) / name
    return Generation(name, home, settings.place(home))


def _announced(name: str) -> str:
    return f".{LATEST}-{name}"


def _announcements(settings: Settings) -> list[str]:
    home = _home(settings)
    return marks.listed(home, settings.place(home), _announced(""))


def _withdraw(settings: Settings) -> None:
    for name in _announcements(settings):
        marks.remove(*_mark(settings, name))


def _mark(settings: Settings, name: str) -> tuple[Path, Place | None]:
    """One of the small files beside generations."""
    path = _home(settings) / name
    return path, settings.place(path)


def _home(settings: Settings) -> Path:
    return settings.data_dir / "generations"


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Whole or not at all, on the disk before it has its name; ValueError for a number that JSON has not."""
    disk.replace_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
