"""Lines in, files of an inbox out: each is written aside and moved in, so that it is there whole or not at all.

A file's name says what is in it. One that is there already is left alone: the inbox's reader may have taken it.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO


def part_names(name: str, *, parts: int) -> list[str]:
    """Such as "sales-0001-of-0010.jsonl"."""
    return [f"{name}-{part:04d}-of-{parts:04d}.jsonl" for part in range(1, parts + 1)]


def missing(names: Iterable[str], *, inbox: Path) -> list[str]:
    """The names that the inbox does not hold."""
    return [name for name in names if not (inbox / name).exists()]


def deliver(lines: Iterable[str], *, count: int, names: Sequence[str], inbox: Path) -> list[Path]:
    """Spread so many lines evenly over files of the inbox, made if need be; gives those that were not there before.

    An OSError says what could not be written; files moved in before it stay, and the same call fills in the others.
    """
    inbox.mkdir(parents=True, exist_ok=True)
    wanted = missing(names, inbox=inbox)
    if not wanted:
        return []
    coming = (line.encode() for line in lines)
    for name, size in zip(names, sizes(count, parts=len(names)), strict=True):
        part = islice(coming, size)
        if name in wanted:
            write(part, inbox / name)
        else:
            skip(part)
    return [inbox / name for name in wanted]


def sizes(count: int, *, parts: int) -> list[int]:
    """How many of `count` lines go into each part; no two differ by more than one."""
    each, over = divmod(count, parts)
    return [each + (part < over) for part in range(parts)]


def write(lines: Iterable[bytes], path: Path) -> None:
    """One file of lines, whole or not there."""
    with aside(path) as file:
        file.writelines(line + b"\n" for line in lines)


def skip(lines: Iterable[bytes]) -> None:
    """Pass over lines that are there already."""
    for _ in lines:
        pass


@contextmanager
def aside(path: Path) -> Iterator[BinaryIO]:
    """A hidden file beside `path` that becomes it when all went well, and goes away when not."""
    hidden = path.with_name(f".{path.name}.part")
    try:
        with hidden.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        hidden.replace(path)
    finally:
        hidden.unlink(missing_ok=True)
