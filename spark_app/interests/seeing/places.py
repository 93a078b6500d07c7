"""What a post says of its picture -> the bytes: a path inside the folder of pictures, or an address where that is set.

Posts come from strangers. A path never leads out of the folder, and an address never into the private network.
"""

import os
import stat
from pathlib import Path
from urllib.parse import urlsplit

from spark_app.blocks import Interests
from spark_app.interests.seeing import fetching
from spark_app.interests.seeing.pictures import MOST_BYTES, PictureError


def content(settings: Interests, source: str) -> bytes:
    """The bytes that a path or an address leads to; raises PictureError."""
    scheme = urlsplit(source).scheme.lower() if "://" in source else ""
    if scheme in {"http", "https"}:
        return _fetched(settings, source)
    if scheme or source.startswith("data:"):
        raise PictureError("neither a path nor an http or https address")
    return _inside(settings.pictures, source)


def shown(source: str) -> str:
    """A path or an address in a message: short, one line, without what follows a ? in an address."""
    plain = source.partition("?")[0] if "://" in source else source
    if "@" in plain.partition("://")[2].partition("/")[0]:
        plain = f"{plain.partition('://')[0]}://{plain.partition('@')[2]}"
    line = "".join(letter if letter.isprintable() else "?" for letter in plain)
    return line if len(line) <= 120 else f"{line[:117]}..."


def _fetched(settings: Interests, address: str) -> bytes:
    if not settings.fetch:
        raise PictureError("pictures are not fetched; MILLSTREAM_INTERESTS__FETCH=true allows it")
    try:
        return fetching.fetched(address, most=MOST_BYTES)
    except fetching.FetchError as error:
        raise PictureError(str(error)) from None


def _inside(folder: Path | None, source: str) -> bytes:
    """The file at a path below the folder."""
    if folder is None:
        raise PictureError("MILLSTREAM_INTERESTS__PICTURES names no folder that pictures are in")
    if not source or "\0" in source:
        raise PictureError("no path of a picture")
    if ".." in Path(source).parts:
        raise PictureError("a path with .. is not followed")
    try:
        path, home = (folder / source).resolve(strict=True), folder.resolve(strict=True)
        if not path.is_relative_to(home):
            raise PictureError(f"leads out of {folder}, the folder of pictures")
        return _read(path)
    except FileNotFoundError:
        raise PictureError(f"not in {folder}, the folder of pictures") from None
    except (OSError, RuntimeError) as error:
        raise PictureError(f"cannot be read ({getattr(error, 'strerror', None) or error})") from None


def _read(path: Path) -> bytes:
    """One regular file, up to a byte beyond the bound; a pipe or a link put there meanwhile is not waited for."""
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise PictureError("not a file")
    with os.fdopen(number, "rb") as file:
        return file.read(MOST_BYTES + 1)
