"""The kept groups of interest, as they are asked for, and in which of them a text is; others once they are kept.

The model that places texts is loaded with the first text, which takes longer than all after it.
"""

from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from spark_app.interests import assigning
from spark_app.interests.assigning import Asked
from spark_app.serving.followed import Followed, not_now
from spark_app.serving.pointer import Pointer
from spark_app.settings import Settings
from spark_app.storage import interest_files
from spark_app.storage.shelves import Folder
from spark_app.storage.tables import DamagedError

if TYPE_CHECKING:
    from spark_app.interests.model import Model

_PLACED = ("user", "group", "nearest", "confidence", "x", "y")
# Of the summary, what is told of a user's group.
_TOLD = ("label", "size", "share", "keywords", "strategy")


class Interests:
    """Groups that were kept together. Nothing changes in it once it is opened."""

    def __init__(self, folder: Folder) -> None:
        self._folder, self.id, self.summary = folder, folder.id, folder.summary
        self._of_user = interest_files.looked_up(folder)
        self._turn = Lock()
        self._model: Model | None = None

    def of(self, user: str) -> dict[str, Any] | None:
        """The group of a user as answers have it; None for one of whom no post was read."""
        rows = self._of_user.of(user)
        if not rows:
            return None
        row = rows[0]
        own = self.summary["groups"].get(str(row["group"]), {})
        told = {name: own.get(name) for name in _TOLD} | {"keywords": own.get("keywords", [])}
        return {"id": self.id, "made_at": self.summary["made_at"]} | told | {
            name: row[name] for name in (*_PLACED[1:], "posts")
        }  # fmt: skip

    def told(self, settings: Settings) -> dict[str, Any]:
        """The summary, with what the catalogue offers now."""
        return assigning.offering(settings, self.summary)

    def points(self, limit: int) -> tuple[int, list[dict[str, Any]]]:
        """(how many users were read, so many of them by chance, the same ones each time)."""
        rows = self._of_user.some(np.arange(len(self._of_user)), limit)
        return len(self._of_user), [{name: row[name] for name in _PLACED} for row in rows]

    def assigned(self, settings: Settings, asked: Asked) -> dict[str, Any]:
        """In which group a text is; assigning.NothingSaidError."""
        return assigning.assigned(settings, self.summary, self._loaded(), asked)

    def _loaded(self) -> "Model":
        """Problem 503 where it cannot be read."""
        with self._turn:
            if self._model is None:
                try:
                    self._model = interest_files.loaded(self._folder)
                except DamagedError as error:
                    raise not_now(str(error)) from error
            return self._model


class Interested:
    """Gives what is kept now, to any thread. Problem 503 where it cannot be read."""

    def __init__(self, settings: Settings) -> None:
        pointer = Pointer(settings, interest_files.HOME)
        self._followed = Followed(pointer, lambda name: Interests(interest_files.named(settings, name)), "interests")

    def now(self) -> Interests | None:
        """The newest groups; None before the first."""
        return self._followed.readable()
