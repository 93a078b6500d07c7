"""Who was forgotten, and when: hashes and no ids. No Spark.

The salt and the hashes are in `forgotten/users.json` of the data folder; whoever has that file can try an id, and
cannot list any. What a forgotten user did up to then is not taken in again, and engine ids that were given are not
given again.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from spark_app.settings import Settings
from spark_app.storage import bucket, marks

HOME, LIST = "forgotten", "users.json"


class Forgotten(NamedTuple):
    """`users`: hash -> the time up to which that user's events are not taken in; `least_user_id` is free."""

    salt: str = ""
    users: Mapping[str, datetime] = {}
    least_user_id: int = 0

    def hash(self, user: str) -> str:
        """What stands for a user: SHA-256 of the salt and the id, in hexadecimal."""
        return hashlib.sha256(self.salt.encode() + user.encode(errors="surrogatepass")).hexdigest()

    def until(self, user: str) -> datetime | None:
        """Up to when what a user did is forgotten; None for one who was not forgotten."""
        return self.users.get(self.hash(user)) if self.users else None


def read(settings: Settings) -> Forgotten:
    """All that were forgotten; none before the first."""
    where = path(settings)
    said = marks.said(where, settings.place(where))
    if said is None:
        return Forgotten()
    found = json.loads(said)
    users = {name: datetime.fromisoformat(at) for name, at in found["users"].items()}
    return Forgotten(found["salt"], users, found["least_user_id"])


def salted(settings: Settings) -> Forgotten:
    """The same, with a salt from the first time on."""
    known = read(settings)
    if not known.salt:
        known = known._replace(salt=secrets.token_hex(32))
        _write(settings, known)
    return known


def add(settings: Settings, user: str, until: datetime) -> None:
    """What the user did up to then is not taken in again; those who follow this list are told by its new file."""
    known = salted(settings)
    _write(settings, known._replace(users={**known.users, known.hash(user): until}))


def keep_ids(settings: Settings, least_user_id: int) -> None:
    """Engine ids below are not given again."""
    known = salted(settings)
    if least_user_id > known.least_user_id:
        _write(settings, known._replace(least_user_id=least_user_id))


def path(settings: Settings) -> Path:
    """The file of the list; of one in a bucket that of its copy."""
    return settings.data_dir / HOME / LIST


def stamp(settings: Settings) -> object:
    """Another one whenever the list is; None while nobody was forgotten. OSError."""
    where = path(settings)
    if place := settings.place(where):
        found = bucket.entry(place)
        return found and found.etag
    try:
        status = where.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _write(settings: Settings, known: Forgotten) -> None:
    where = path(settings)
    where.parent.mkdir(parents=True, exist_ok=True)
    users = {name: at.astimezone(UTC).isoformat() for name, at in known.users.items()}
    said = {"salt": known.salt, "users": users, "least_user_id": known.least_user_id}
    marks.put(where, settings.place(where), json.dumps(said, indent=2))
