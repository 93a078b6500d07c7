"""Generations: a trained model with all that was made from it, in a folder of its own, published whole.

A generation is written aside, its manifest last; it exists when the manifest does. `LATEST` names the published one
and is replaced by one atomic rename. No Spark is needed to list, show or find them.
"""

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession

from spark_app import failpoints
from spark_app.settings import Settings

LATEST, MANIFEST, METRICS = "LATEST", "manifest.json", "metrics.json"
USERS, PRODUCTS, POPULAR = "users", "products", "popular"
RECOMMENDATIONS, VERTICES, EDGES = "recommendations", "vertices", "edges"
USER_FACTORS, PRODUCT_FACTORS = "user_factors", "product_factors"


class NoGenerationError(LookupError):
    """There is no such generation; the message names it."""


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


def write_table(generation: Generation, name: str, table: DataFrame) -> None:
    """One table of the generation, as a folder of Parquet files."""
    table.write.mode("overwrite").parquet(str((generation.folder / name).absolute()))


def write_factors(generation: Generation, name: str, ids: NDArray[np.int32], vectors: NDArray[np.float32]) -> None:
    """Vectors as float32 .npy to be mapped, and their ids beside them: row i belongs to ids[i]."""
    np.save(generation.folder / f"{name}.npy", np.ascontiguousarray(vectors, np.float32))
    np.save(generation.folder / f"{name}_ids.npy", np.ascontiguousarray(ids, np.int32))


def finish(generation: Generation, metrics: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
    """Write metrics.json, then the manifest: from here on the generation exists."""
    _write_json(generation.folder / METRICS, metrics)
    _write_json(generation.folder / MANIFEST, {"generation": generation.id} | dict(manifest))


def publish(settings: Settings, generation: Generation) -> None:
    """Make it the published one, by one atomic rename."""
    failpoints.reach("between_files_and_pointer")
    pointer = _home(settings) / LATEST
    aside = pointer.with_name(f".{LATEST}-{generation.id}")
    _write_text(aside, generation.id + "\n")
    aside.replace(pointer)


def published(settings: Settings) -> Generation | None:
    """The generation that LATEST names; None before the first."""
    pointer = _home(settings) / LATEST
    if not pointer.exists():
        return None
    return find(settings, pointer.read_text().strip())


def listed(settings: Settings) -> list[Generation]:
    """All whole generations, the oldest first."""
    home = _home(settings)
    folders = sorted(home.iterdir()) if home.exists() else []
    return [Generation(folder.name, folder) for folder in folders if (folder / MANIFEST).exists()]


def newest(settings: Settings) -> Generation | None:
    """The newest whole one, published or not: what was tried last."""
    return next(reversed(listed(settings)), None)


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


def read(spark: SparkSession, generation: Generation, name: str) -> DataFrame:
    """A table of a generation."""
    return spark.read.parquet(str((generation.folder / name).absolute()))


def scan(generation: Generation, name: str, **options: Any) -> pa.Table:
    """The same without Spark; `columns` and `filter` as pyarrow takes them."""
    return ds.dataset(generation.folder / name, format="parquet").to_table(**options)


def _home(settings: Settings) -> Path:
    return settings.data_dir / "generations"


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    _write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _write_text(path: Path, text: str) -> None:
    """Written aside and renamed, on the disk before it has its name."""
    aside = path.with_name(f"{path.name}.tmp")
    with aside.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
