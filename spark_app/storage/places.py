"""Places in a bucket, as s3a://bucket/key, and where on this machine the copy of each lies. No network here.

A data or results folder in a bucket is worked on through its copy: the path of a copy tells its place, and the other
way round, so that whoever has a path needs nothing else.
"""

import re
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

_URI = re.compile(r"s3a?:/+(?P<bucket>[^/]+)/*(?P<key>.*)")
# A setting of Spark: the place by way of which executors hand on what this machine needs; unset where they see it.
FAR = "spark.millstream.far"
# Of Amazon's own, for which no endpoint is set.
_AMAZON = "aws"


class Place(NamedTuple):
    """An object, or all that stand below a key; `endpoint` is empty for Amazon's own."""

    bucket: str
    key: str
    endpoint: str = ""

    def __str__(self) -> str:
        return f"s3a://{self.bucket}/{self.key}".rstrip("/")

    def __truediv__(self, name: object) -> "Place":
        return self._replace(key=f"{self.key}/{name}".strip("/"))

    @property
    def name(self) -> str:
        """The last part of its key."""
        return self.key.rpartition("/")[2]


def is_one(text: object) -> bool:
    """Whether a path or text names a place in a bucket; a Path has made one slash of two."""
    return bool(_URI.fullmatch(str(text)))


def is_elsewhere(text: str) -> bool:
    """Whether a text names no folder and no place in a bucket, but something of another kind, such as hdfs://..."""
    return bool(re.match(r"\w[\w+.-]+:/", text)) and not is_one(text)


def parse(text: object, endpoint: str = "") -> Place:
    """s3a://bucket/key, also as s3:// and as a Path; ValueError for anything else."""
    found = _URI.fullmatch(str(text))
    if not found:
        raise ValueError(f"{text} is not a place in a bucket; expected s3a://bucket/key")
    return Place(found["bucket"], found["key"].strip("/"), endpoint)


def copy_of(place: Place, copies: Path) -> Path:
    """Where its copy lies below the folder of copies."""
    return _home(copies, place.endpoint) / place.bucket / place.key


def behind(path: Path, copies: Path, endpoint: str = "") -> Place | None:
    """The place that a path is the copy of; None for what is of this machine alone."""
    home = _home(copies, endpoint)
    if not path.is_relative_to(home):
        return None
    bucket, *key = path.relative_to(home).parts
    return Place(bucket, "/".join(key), endpoint)


def far(master: str, place: Place | None) -> Place | None:
    """The place, where the executors of this master do not see the copies of this machine."""
    return None if master.startswith("local") else place


def _home(copies: Path, endpoint: str) -> Path:
    """Two services may have buckets of one name."""
    return copies / (sha256(endpoint.encode()).hexdigest()[:8] if endpoint else _AMAZON)
