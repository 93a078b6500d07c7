"""What was read in posted pictures: it stays as long as a post names the picture, and no longer.

It is kept without a user, so the events tell whose it is. What no post names goes, also where the post went by age:
nobody can say any more whose that was. Each file is replaced whole; one that cannot be read goes. Where executors on
other machines read pictures, they keep it in the bucket: that is gone through as what is here is.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spark_app import rules
from spark_app.settings import Settings
from spark_app.storage import bucket, disk, interest_files, tables
from spark_app.storage.places import Place
from spark_app.storage.tables import EVENTS

# seen/part-0.parquet, and how many rows of it go; none where it cannot be read, and goes whole.
Told = Callable[[str, int | None], object]
# What Spark and this module have while they write, and leave when they are killed.
_WRITTEN = ("_temporary", ".*.without")


def remove_unnamed(settings: Settings, told: Told, *, but: str | None = None) -> Iterator[Path]:
    """Rewrite the files; `told` before each goes, and then it is given. The names of all pictures are held in memory.

    Posts of the user `but` count as none.
    """
    home, others = interest_files.seen(settings), pc.field("user") != but if but is not None else None
    _remove_unfinished(home)
    yield from _rewritten(settings, home, told, others)
    if place := settings.place(home):
        bucket.remove_all(place, [name for name in bucket.listed(place) if name.startswith(_WRITTEN[0])])
        with _brought(place) as copy:
            for path in _rewritten(settings, copy, told, others):
                bucket.send(path, place / path.name) if path.exists() else bucket.remove(place / path.name)


def count_unnamed(settings: Settings, since: datetime | None = None) -> int:
    """How many rows would go, if there were no posts from before `since`."""
    home, left = interest_files.seen(settings), pc.field("occurred_at") >= since if since is not None else None
    number = _going(settings, home, left)
    if place := settings.place(home):
        with _brought(place) as copy:
            number += _going(settings, copy, left)
    return number


def _going(settings: Settings, home: Path, posts: pc.Expression | None) -> int:
    images = [image for path in _files(home) for image in _images(path)]
    named = set(_named(settings, set(images), posts).to_pylist())
    return sum(image not in named for image in images)


@contextmanager
def _brought(place: Place) -> Iterator[Path]:
    """The files of a bucket, in a folder that goes again."""
    with tempfile.TemporaryDirectory(prefix="millstream-") as folder:
        home = Path(folder) / place.name
        bucket.fetch_all(
            place, home, [name for name in bucket.listed(place) if name.endswith(".parquet") and "/" not in name]
        )
        yield home


def _rewritten(settings: Settings, home: Path, told: Told, posts: pc.Expression | None) -> Iterator[Path]:
    """Each file that is another now, or is gone."""
    paths = _files(home)
    named = _named(settings, {image for path in paths for image in _images(path)}, posts)
    for path in paths:
        rows = _rows(path)
        if rows is None:
            told(f"{home.name}/{path.name}", None)
            _delete(path)
            yield path
            continue
        left = rows.filter(pc.is_in(rows["image"], named))
        if len(left) < len(rows):
            told(f"{home.name}/{path.name}", len(rows) - len(left))
            _put(path, left)
            yield path


def _files(home: Path) -> list[Path]:
    return sorted(home.glob("*.parquet"))


def _remove_unfinished(home: Path) -> None:
    for path in [path for pattern in _WRITTEN for path in home.glob(pattern)]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _named(settings: Settings, images: set[str], posts: pc.Expression | None) -> pa.Array:
    """Those of the pictures that a post names, or one of some posts, without blanks around."""
    found: set[str] = set()
    if images and tables.exists(settings, EVENTS):
        is_post = pc.field("event_type") == rules.POST
        wanted = is_post if posts is None else is_post & posts
        columns = ["user", "event_type", "occurred_at", "image"]
        for some in tables.where(tables.opened(settings, EVENTS), columns, wanted):
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
    disk.take_place(aside, path)


def _delete(path: Path) -> None:
    path.unlink()
    path.with_name(f".{path.name}.crc").unlink(missing_ok=True)
    disk.sync(path.parent)
