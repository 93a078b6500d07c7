"""Where the interests of users are kept, the newest three, as shelves.py keeps them; and what was read in pictures."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spark_app.settings import Settings
from spark_app.storage import shelves
from spark_app.storage.by_user import ByUser
from spark_app.storage.shelves import Folder, Shelf
from spark_app.storage.tables import DamagedError

if TYPE_CHECKING:
    from spark_app.interests.model import Model

HOME, SEEN = "interests", "seen"
# schemas.INTEREST in the order of the users; what the users of a group turn to; and the folder of the model.
USERS, TOPS, MODEL = "users.parquet", "tops.parquet", "model"
NONE_KEPT = "no interests are kept yet: `python -m spark_app interests` makes them"
TOP = "group INT, rank INT, product STRING, name STRING, users BIGINT, share DOUBLE, lift DOUBLE"


class NoInterestsError(ValueError):
    """None are kept; the message says what makes them."""


def new(settings: Settings, now: datetime | None = None) -> Folder:
    """An empty folder to write tables and the model into; ids sort by time. What a crash has left is removed."""
    return shelves.new(shelf(settings), now)


def publish(folder: Folder, summary: Mapping[str, Any]) -> None:
    """Write the summary, then let LATEST name the folder; as shelves.publish."""
    shelves.publish(folder, summary, (USERS,))


def latest(settings: Settings) -> Folder | None:
    """What LATEST names; None before the first. DamagedError when that is not there."""
    return shelves.latest(shelf(settings))


def named(settings: Settings, name: str) -> Folder:
    """A kept one by its id. DamagedError when it is not there."""
    return shelves.named(shelf(settings), name)


def intact(settings: Settings, told: Callable[[str], object]) -> Folder | None:
    """The same; None, and `told` has one line, where its summary or a table cannot be read."""
    try:
        folder = latest(settings)
        return folder and shelves.ensure_readable(folder, (USERS, TOPS))
    except DamagedError as error:
        told(f"{error}; until then they are left out")
        return None


def last_intact(settings: Settings, told: Callable[[str], object]) -> Folder | None:
    """What LATEST names or, where that cannot be read and `told` has said so, the newest that can; None without any."""
    return shelves.last_intact(shelf(settings), (USERS,), told)


def needed(settings: Settings) -> Folder:
    """What LATEST names. NoInterestsError before the first, in words, or DamagedError."""
    folder = latest(settings)
    if folder is None:
        raise NoInterestsError(NONE_KEPT)
    return folder


def looked_up(folder: Folder) -> ByUser:
    """USERS user by user, mapped. DamagedError when that cannot be read."""
    return shelves.looked_up(folder, USERS)


def model(folder: Folder) -> Path:
    """The folder of its model."""
    return folder.path / MODEL


def loaded(folder: Folder) -> "Model":
    """Its model, which places texts. DamagedError when it cannot be read."""
    # What it brings along takes half a second, and most who look at what is kept place no text.
    from spark_app.interests import model as models

    try:
        return models.load(model(folder))
    except (OSError, ValueError, KeyError) as error:
        raise shelves.damaged(folder, model(folder), error) from error


def home(settings: Settings) -> Path:
    """Where they are."""
    return settings.data_dir / HOME


def seen(settings: Settings) -> Path:
    """Where what was read in posted pictures is kept: (image, stamp, reader, said), the picture as posts name it."""
    return settings.data_dir / SEEN


def shelf(settings: Settings) -> Shelf:
    """All that are kept."""
    here = home(settings)
    return Shelf(here, "groups", "`python -m spark_app interests`", settings.place(here))
