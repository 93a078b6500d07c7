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
        receipt.remove(f"logs/{words.redacted(path.name)}", _written_over(path, words))


def _written_over(path: Path, words: Words) -> int:
    number = 0
    with path.open("r+b") as file:
        begins = 0
        for line in file.read().splitlines(keepends=True):
            for start, end in words.places(line):
                file.seek(begins + start)
                file.write(_OVER * (end - start))
                number += 1
            begins += len(line)
    return number
