"""What is to survive a power cut."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def replace_text(path: Path, text: str) -> None:
    """Put a text in the place of what a file held, whole or not at all, and on the disk before it has its name."""
    aside = path.with_name(f"{path.name}.tmp")
    with aside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    sync(path.parent)


def take_place(aside: Path, path: Path) -> None:
    """Put a file that was prepared and synced in the place of another, whole or not at all."""
    aside.replace(path)
    # Spark's checksum is that of the old bytes.
    path.with_name(f".{path.name}.crc").unlink(missing_ok=True)
    sync(path.parent)
