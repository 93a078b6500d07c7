"""The receipt: what was removed where. It is begun before anything goes, and a run that was killed is gone on with.

What goes is told before it goes. A receipt names no user: a salted hash stands for the id, as in `forgotten`.
"""

import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spark_app.settings import Settings
from spark_app.storage import forgotten, marks
from spark_app.storage.places import Place

HOME = "receipts"


@dataclass
class Receipt:
    """`removed`: place -> rows that went. `rewritten` and `deleted` are files, `left` says what was not touched."""

    path: Path
    user: str
    begun_at: str
    finished_at: str | None = None
    again: bool = False
    removed: dict[str, int] = field(default_factory=dict)
    rewritten: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    place: Place | None = None

    @property
    def held(self) -> bool:
        """Whether anything was held of the user."""
        return bool(self.removed or self.rewritten or self.deleted)

    def as_dict(self) -> dict[str, Any]:
        """As it is kept and shown."""
        return {
            "user": f"sha256:{self.user}", "begun_at": self.begun_at, "finished_at": self.finished_at,
            "held": self.held, "removed": self.removed, "rewritten": self.rewritten, "deleted": self.deleted,
            "left": self.left,
        }  # fmt: skip

    def remove(self, place: str, rows: int) -> None:
        """Count rows that are about to go; kept at once, so that a kill leaves none of them out.

        A run that goes on finds as many again, or those that are left: the larger number is right.
        """
        if rows > self.removed.get(place, 0):
            self.removed[place] = rows
            self.keep()

    def note(self, what: list[str], *names: str) -> None:
        """Add names to `rewritten`, `deleted` or `left`, before it is done; kept at once."""
        new = [name for name in names if name not in what]
        if new:
            what += new
            self.keep()

    def keep(self) -> None:
        """On the disk, or in the bucket."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        marks.put(self.path, self.place, json.dumps(self.as_dict(), indent=2, ensure_ascii=False))

    def finish(self) -> None:
        """Everything is gone."""
        self.finished_at = _now()
        self.keep()


def begun(settings: Settings, user: str) -> Receipt:
    """The receipt of a run for this user that was killed, to be gone on with, or a new one."""
    mine = forgotten.salted(settings).hash(user)
    home = settings.data_dir / forgotten.HOME / HOME
    place = settings.place(home)
    for name in sorted(marks.listed(home, place, "")):
        if f"-{mine[:12]}-" not in name or not name.endswith(".json"):
            continue
        said = json.loads(marks.said(home / name, place and place / name) or "{}")
        if said.get("finished_at", "") is None:
            before = said["removed"], said["rewritten"], said["deleted"]
            return Receipt(home / name, mine, said["begun_at"], None, True, *before, place=place and place / name)
    now = datetime.now(UTC)
    name = f"{now:%Y%m%dT%H%M%SZ}-{mine[:12]}-{secrets.token_hex(2)}.json"
    receipt = Receipt(home / name, mine, _now(), place=place and place / name)
    receipt.keep()
    return receipt


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
