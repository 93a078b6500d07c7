"""A folder put into a bucket as it is, a bucket brought into a folder, and what a process is told to work there."""

from pathlib import Path

from spark_app.settings import Settings
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


def told(settings: Settings) -> dict[str, str]:
    """The environment by which another process works on the same bucket, as the same machine."""
    return {
        "MILLSTREAM_DATA_DIR": settings.told(settings.data_dir),
        "MILLSTREAM_RESULTS_DIR": settings.told(settings.results_dir),
        "MILLSTREAM_S3__ENDPOINT": settings.s3.endpoint,
        "MILLSTREAM_S3__COPIES": str(settings.s3.copies),
    }
