"""The generation that is shown, opened, with what ranks its products; and those before it, for who pages there still."""

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import structlog

from spark_app import generations, maps
from spark_app.arrays import Floats, Indices
from spark_app.generations import Generation, NoGenerationError
from spark_app.serving.batching import Ask, Batcher
from spark_app.serving.model import NotServableError, Served
from spark_app.serving.pointer import Pointer
from spark_app.settings import Settings

KEPT = 3


class Shown(NamedTuple):
    """A generation and what ranks its products; `batcher` is None where it has no model."""

    served: Served
    batcher: Batcher | None

    @property
    def ranking(self) -> dict[str, Any]:
        """How products are ranked."""
        return {"kind": "exact" if self.batcher is not None else "fallback"}

    async def best(self, ask: Ask) -> tuple[Indices, Floats]:
        """(places, scores) of the best."""
        if self.batcher is None:
            raise NotServableError(f"generation {self.served.id} has no model")
        return await self.batcher.best(ask)


class Shelf:
    """Follows the published generation; a swap is one assignment, and who began with the old one ends with it."""

    def __init__(self, settings: Settings, swapped: Callable[[Served], None]) -> None:
        self._settings, self._swapped = settings, swapped
        self._pointer, self._turn = Pointer(settings), threading.Lock()
        self._held: dict[str, Shown] = {}
        self.current: Shown | None = None
        self.fault = ""
        self.swaps = 0

    def held(self, generation: str) -> Shown | None:
        """A generation that is still open."""
        return self._held.get(generation)

    def look(self) -> bool:
        """Serve what is published now; whether that is another one. What cannot be served leaves the old one shown."""
        with self._turn:
            shown = self.current.served.id if self.current else ""
            try:
                name = self._pointer.other_than(shown)
                if not name:
                    return False
                self._put(generations.find(self._settings, name))
            except (OSError, ValueError, NoGenerationError, NotServableError) as error:
                self._tell(str(error))
                return False
            self._tell("")
            return True

    def close(self) -> None:
        """Let all of them go."""
        for shown in self._held.values():
            if shown.batcher is not None:
                shown.batcher.close()
        self._held, self.current = {}, None

    def _put(self, generation: Generation) -> None:
        if not maps.is_there(generation):
            maps.make(generation)
        served = Served(generation, self._settings)
        mould = served.mould
        shown = Shown(served, Batcher(mould.products, served.similar) if mould is not None else None)
        self._held[served.id] = shown
        self._swapped(served)
        self.current = shown
        self.swaps += 1
        for name in [*self._held][:-KEPT]:
            old = self._held.pop(name)
            if old.batcher is not None:
                old.batcher.close()
        structlog.get_logger().info("generation", generation=served.id, users=len(served.users))

    def _tell(self, fault: str) -> None:
        """Once for each change of state."""
        if fault and fault != self.fault:
            structlog.get_logger().error("generation cannot be served", error=fault)
        self.fault = fault
