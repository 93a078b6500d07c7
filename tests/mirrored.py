"""A folder put into a bucket as it is, and a whole bucket brought into a folder: so tests look at all that is there."""

from pathlib import Path

from spark_app.storage import bucket
from spark_app.storage.places import Place


def put(folder: Path, place: Place) -> None:
    """All files of a folder below a key."""
    names = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    bucket.send_all(folder, place, names)


def brought(place: Place, folder: Path) -> Path:
    """All that is below a key, in a new folder; gives it."""
    folder.mkdir(parents=True)
    bucket.fetch_all(place, folder, bucket.listed(place))
    return folder
