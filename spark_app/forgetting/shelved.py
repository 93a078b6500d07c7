"""Folders that are kept whole of what was found of users, as `shelves` keeps them: one that names a user is replaced.

As a generation is: written anew beside the old one, whole, named by LATEST where that named the old one, which goes.
"""

import json
import secrets
import shutil
from pathlib import Path

from spark_app.forgetting import copies
from spark_app.forgetting.copies import Who
from spark_app.forgetting.receipts import Receipt
from spark_app.forgetting.whom import Renamed, Whom
from spark_app.running import failpoints
from spark_app.settings import Settings
from spark_app.storage import disk, shelves

# Folders of the data folder in which shelves are, however deep.
HOMES = ("segments", "interests")
# What they are called.
_IDS = "????????T??????Z-????"
INSTEAD_OF = "instead_of"


def remove(settings: Settings, whom: Whom, receipt: Receipt) -> None:
    """Replace the folders that name the user."""
    for name in HOMES:
        _remove_unfinished(settings.data_dir / name)
        for summary in sorted((settings.data_dir / name).rglob(shelves.SUMMARY)):
            old = summary.parent
            place = str(old.relative_to(settings.data_dir))
            if (new := _replacement(old)) is None:
                if not _names(old, whom):
                    continue
                new = _written(old, whom, place, receipt)
            failpoints.reach("forget_between_shelves")
            receipt.note(receipt.rewritten, f"{place} as {new.name}")
            _take_place(old, new)


def renamed(settings: Settings) -> dict[str, str]:
    """What folders that were replaced are called now."""
    found = (path for name in HOMES for path in (settings.data_dir / name).rglob(shelves.SUMMARY))
    pairs = ((_said(path).get(INSTEAD_OF), path.parent.name) for path in found)
    return {str(old): new for old, new in pairs if old}


def _remove_unfinished(home: Path) -> None:
    """What one who was killed has left, here or while it was made: nobody reads it, and it may name the user."""
    for path in [path for path in home.rglob(_IDS) if path.is_dir() and not (path / shelves.SUMMARY).exists()]:
        shutil.rmtree(path)


def _replacement(old: Path) -> Path | None:
    """The whole folder that was written in its place by a run that was killed."""
    others = (path.parent for path in old.parent.glob(f"*/{shelves.SUMMARY}") if path.parent != old)
    return next((path for path in others if _said(path / shelves.SUMMARY).get(INSTEAD_OF) == old.name), None)


def _names(old: Path, whom: Whom) -> bool:
    who = Who(whom)
    tables = (path for path in sorted(old.rglob("*")) if path.suffix in (".parquet", ".arrow") and path.is_file())
    if any(copies.number_in(path, who) for path in tables):
        return True
    said = _said(old / shelves.SUMMARY)
    return bool(Renamed(whom.user).of(said) != said)


def _written(old: Path, whom: Whom, place: str, receipt: Receipt) -> Path:
    """The new folder; its summary comes last."""
    new = old.with_name(f"{old.name.rpartition('-')[0]}-{secrets.token_hex(2)}")
    new.mkdir()
    went = copies.folder(old, new, Who(whom), leave=frozenset({shelves.SUMMARY}))
    for file, rows in went.items():
        receipt.remove(f"{place}/{file}", rows)
    said = Renamed(whom.user, {old.name: new.name}).of(_said(old / shelves.SUMMARY)) | {INSTEAD_OF: old.name}
    disk.replace_text(new / shelves.SUMMARY, json.dumps(said, indent=2, ensure_ascii=False) + "\n")
    return new


def _take_place(old: Path, new: Path) -> None:
    pointer = old.parent / shelves.LATEST
    if pointer.exists() and pointer.read_text(encoding="utf-8").strip() == old.name:
        disk.replace_text(pointer, new.name + "\n")
    (old / shelves.SUMMARY).unlink()
    shutil.rmtree(old, ignore_errors=True)


def _said(path: Path) -> dict[str, object]:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}
