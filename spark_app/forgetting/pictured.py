"""What was read in posted pictures: it stays as long as a post of another names the picture.

It is kept without a user, so the events tell whose it is. What no post names goes, also where the post went by age
before: nobody can say any more whose that was. Each file is replaced whole; one that cannot be read goes.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spark_app import rules
from spark_app.forgetting import copies
from spark_app.forgetting.receipts import Receipt
from spark_app.forgetting.whom import Whom
from spark_app.running import failpoints
from spark_app.settings import Settings
from spark_app.storage import bucket, disk, interest_files, tables
from spark_app.storage.places import Place
from spark_app.storage.tables import EVENTS

# What Spark and this room have while they write, and leave when they are killed.
_WRITTEN = ("_temporary", ".*.without")


def remove(settings: Settings, whom: Whom, receipt: Receipt) -> None:
    """Rewrite the files; the names of all pictures that were read are held in memory.

    Where executors on other machines read, they keep it in the bucket: that is gone through as what is here is.
    """
    home = interest_files.seen(settings)
    _remove_unfinished(home)
    for _ in _rewritten(settings, home, whom, receipt):
        failpoints.reach("forget_between_pictures")
    if place := settings.place(home):
        _rewrite_objects(settings, place, whom, receipt)


def _rewrite_objects(settings: Settings, place: Place, whom: Whom, receipt: Receipt) -> None:
    there = bucket.listed(place)
    bucket.remove_all(place, [name for name in there if name.startswith(_WRITTEN[0])])
    with tempfile.TemporaryDirectory(prefix="millstream-") as brought:
        home = Path(brought) / place.name
        bucket.fetch_all(place, home, [name for name in there if name.endswith(".parquet") and "/" not in name])
        for path in _rewritten(settings, home, whom, receipt):
            bucket.send(path, place / path.name) if path.exists() else bucket.remove(place / path.name)


def _rewritten(settings: Settings, home: Path, whom: Whom, receipt: Receipt) -> Iterator[Path]:
    """Each file that is another now, or is gone; told before."""
    paths = sorted(home.glob("*.parquet"))
    named = _named(settings, whom, {image for path in paths for image in _images(path)})
    for path in paths:
        rows = _rows(path)
        if rows is None:
            receipt.note(receipt.deleted, f"{home.name}/{path.name}")
            _delete(path)
            yield path
            continue
        left = rows.filter(pc.is_in(rows["image"], named))
        if len(left) < len(rows):
            receipt.remove(f"{home.name}/{path.name}", len(rows) - len(left))
            _put(path, left)
            yield path


def _remove_unfinished(home: Path) -> None:
    for path in [path for pattern in _WRITTEN for path in home.glob(pattern)]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _named(settings: Settings, whom: Whom, images: set[str]) -> pa.Array:
    """Those of the pictures that a post of another names, as seen_pictures calls them: without blanks around."""
    found: set[str] = set()
    if images and tables.exists(settings, EVENTS):
        table = tables.opened(settings, EVENTS)
        others = (pc.field("event_type") == rules.POST) & (pc.field("user") != whom.user)
        for some in tables.where(table, ["user", "event_type", "image"], others):
            found |= images.intersection(image.strip(" ") for image in some["image"].to_pylist() if image)
    return pa.array(sorted(found), pa.string())


def _images(path: Path) -> Iterator[str]:
    rows = _rows(path, ["image"])
    return iter(rows["image"].to_pylist() if rows is not None else ())


def _rows(path: Path, columns: list[str] | None = None) -> pa.Table | None:
    """A file is of a turn of some thousand pictures at the most; None where it cannot be read."""
    try:
        with pq.ParquetFile(path) as file:
            return file.read(columns)
    except (OSError, ValueError):
        return None


def _put(path: Path, rows: pa.Table) -> None:
    if not len(rows):
        _delete(path)
        return
    aside = path.with_name(f".{path.name}.without")
    pq.write_table(rows, aside, compression="snappy")
    disk.sync(aside)
    copies.take_place(aside, path)


def _delete(path: Path) -> None:
    path.unlink()
    path.with_name(f".{path.name}.crc").unlink(missing_ok=True)
    disk.sync(path.parent)
