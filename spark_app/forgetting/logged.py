"""Logs: where a line says the id of a user, as a whole word, it is written over in its place, letter by letter.

A file keeps its length and stays the same file, so that a program that is writing to it just goes on.
"""

from pathlib import Path

from spark_app.forgetting.receipts import Receipt
from spark_app.forgetting.whom import Whom, Words
from spark_app.settings import Settings

_OVER = b"x"


def remove(settings: Settings, whom: Whom, receipt: Receipt) -> None:
    """Write over the id in all logs."""
    words = Words(whom.user)
    home = settings.data_dir / "logs"
    for path in sorted(path for path in home.rglob("*") if path.is_file()) if home.exists() else []:
        found = _found(path, words)
        receipt.remove(f"logs/{words.redacted(path.name)}", len(found))
        _write_over(path, found)


def _found(path: Path, words: Words) -> list[tuple[int, int]]:
    """Where it stands in a file, by bytes."""
    found, begins = [], 0
    for line in path.read_bytes().splitlines(keepends=True):
        found += [(begins + start, begins + end) for start, end in words.places(line)]
        begins += len(line)
    return found


def _write_over(path: Path, found: list[tuple[int, int]]) -> None:
    with path.open("r+b") as file:
        for start, end in found:
            file.seek(start)
            file.write(_OVER * (end - start))
