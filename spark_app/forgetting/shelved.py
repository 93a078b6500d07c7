"""Folders that are kept whole of what was found of users, as `shelves` keeps them: one that names a user is replaced.

As a generation is: written anew beside the old one, whole, named by LATEST where that named the old one, which goes.
"""

import json
from collections.abc import Iterator

from spark_app.forgetting import copies
from spark_app.forgetting.copies import Who
from spark_app.forgetting.receipts import Receipt
from spark_app.forgetting.whom import Renamed, Whom
from spark_app.running import failpoints
from spark_app.segmentation import FEATURES
from spark_app.settings import Settings
from spark_app.storage import interest_files, segment_files, shelves
from spark_app.storage.shelves import Folder, Shelf

INSTEAD_OF = "instead_of"


def remove(settings: Settings, whom: Whom, receipt: Receipt) -> None:
    """Replace the folders that name the user."""
    for shelf in _shelves(settings):
        # What one who was killed has left, here or while it was made: nobody reads it, and it may name the user.
        shelves.remove_unfinished(shelf)
        done = {_said(one).get(INSTEAD_OF): one for one in shelves.listed(shelf)}
        for old in shelves.listed(shelf):
            place = str(old.home.relative_to(settings.data_dir))
            if (new := done.get(old.id)) is None:
                if not _names(old, whom):
                    continue
                new = _written(old, whom, place, receipt)
            failpoints.reach("forget_between_shelves")
            receipt.note(receipt.rewritten, f"{place} as {new.id}")
            shelves.take_place(old, new)


def renamed(settings: Settings) -> dict[str, str]:
    """What folders that were replaced are called now."""
    found = (one for shelf in _shelves(settings) for one in shelves.listed(shelf))
    pairs = ((_said(one).get(INSTEAD_OF), one.id) for one in found)
    return {str(old): new for old, new in pairs if old}


def _shelves(settings: Settings) -> Iterator[Shelf]:
    yield from (segment_files.shelf(settings, features) for features in FEATURES)
    yield interest_files.shelf(settings)


def _names(old: Folder, whom: Whom) -> bool:
    who = Who(whom)
    files = (path for path in sorted(old.path.rglob("*")) if path.suffix in (".parquet", ".arrow") and path.is_file())
    if any(copies.number_in(path, who) for path in files):
        return True
    said = _said(old)
    return bool(Renamed(whom.user).of(said) != said)


def _written(old: Folder, whom: Whom, place: str, receipt: Receipt) -> Folder:
    """The new folder; its summary comes last."""
    new = shelves.instead_of(old)
    went = copies.folder(old.path, new.path, Who(whom), leave=frozenset({shelves.SUMMARY}))
    for file, rows in went.items():
        receipt.remove(f"{place}/{file}", rows)
    said = Renamed(whom.user, {old.id: new.id}).of(_said(old))
    shelves.seal(new, said | {INSTEAD_OF: old.id})
    return new


def _said(folder: Folder) -> dict[str, object]:
    try:
        said = json.loads((folder.home / shelves.SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}
