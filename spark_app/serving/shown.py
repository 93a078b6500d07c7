"""The generation that is shown, opened, with what ranks its products; and those before it, for who still pages there.

A large catalogue is ranked by an index as soon as that is built and measured, and exactly until then.
"""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any, NamedTuple

import structlog

from spark_app import generations
from spark_app.generations import Generation
from spark_app.numbers.arrays import Floats, Indices
from spark_app.serving import model, rendering
from spark_app.serving.batching import Ask, Batcher
from spark_app.serving.exact import Exact
from spark_app.serving.index import Index, is_needed
from spark_app.serving.model import NotServableError, Served
from spark_app.serving.pointer import Pointer
from spark_app.serving.rendering import Page
from spark_app.settings import Settings

KEPT = 3
# Seconds until what could not be served is tried again.
PATIENCE = 5.0
# Published lists whose JSON is remembered, some 2 kB each.
PAGES = 16_384
# An index that finds less of the best is not used; and so many threads build one, for answers go on meanwhile.
LEAST_RECALL, _THREADS = 0.9, max(1, (os.cpu_count() or 1) // 2)
# Users among whom those are drawn who measure an index.
_ASKED = 100_000


class Shown(NamedTuple):
    """A generation and what ranks its products: `batcher`, None where there is no model; `page` is rendering.page."""

    served: Served
    batcher: Batcher | None
    page: Callable[[int, int, int], Page | None]

    @property
    def ranking(self) -> dict[str, Any]:
        """How products are ranked."""
        if self.batcher is None:
            return {"kind": "fallback"}
        chooser = self.batcher.chooser
        return {"kind": "index"} | chooser.measured._asdict() if isinstance(chooser, Index) else {"kind": "exact"}

    async def best(self, ask: Ask) -> tuple[Indices, Floats]:
        """(places, scores) of the best."""
        if self.batcher is None:
            raise NotServableError(f"generation {self.served.id} has no model")
        return await self.batcher.best(ask)


class Shelf:
    """Follows the published generation; a swap is one assignment, and who began with the old one ends with it."""

    def __init__(self, settings: Settings, swapped: Callable[[int], Any]) -> None:
        self._settings, self._swapped = settings, swapped
        self._pointer, self._turn = Pointer(settings), threading.Lock()
        self._held: dict[str, Shown] = {}
        self.current: Shown | None = None
        self.fault, self._rests_until = "", 0.0
        self.swaps = 0

    def held(self, generation: str) -> Shown | None:
        """A generation that is still open."""
        return self._held.get(generation)

    def follow(self) -> bool:
        """The same as `look`; after a fault it is tried again in some seconds."""
        return time.monotonic() >= self._rests_until and self.look()

    def look(self) -> bool:
        """Serve what is published now; whether that is another one. What cannot be served leaves the old one shown."""
        with self._turn:
            shown = self.current.served.id if self.current else ""
            self._drop_replaced(shown)
            try:
                name = self._pointer.other_than(shown)
                if not name:
                    return False
                self._put(generations.find(self._settings, name))
            except Exception as error:  # noqa: BLE001 - following goes on, and what is shown stays, whatever it was
                self._tell(f"{type(error).__name__}: {error}")
                self._rests_until = time.monotonic() + PATIENCE
                return False
            self._drop_replaced(name)
            self._tell("")
            return True

    def close(self) -> None:
        """Let all of them go."""
        for shown in self._held.values():
            if shown.batcher is not None:
                shown.batcher.close()
        self._held, self.current = {}, None

    def _put(self, generation: Generation) -> None:
        served = model.opened(generation, self._settings)
        mould = served.mould
        batcher = Batcher(Exact(mould.products, served.similar)) if mould is not None else None
        shown = Shown(served, batcher, lru_cache(PAGES)(partial(rendering.page, served)))
        again = self._held.pop(served.id, None)
        self._held[served.id] = shown
        if mould is not None and len(mould.products) >= self._settings.serve.index_from:
            threading.Thread(target=_index, args=(shown,), name="index", daemon=True).start()
        self.swaps += 1
        for old in [again, *(self._held.pop(name) for name in [*self._held][:-KEPT])]:
            if old is not None and old.batcher is not None:
                old.batcher.close()
        # Whoever pages in an older one goes on with the events that came after that.
        self._swapped(min(one.served.version for one in self._held.values()))
        self.current = shown
        with suppress(OSError):
            generations.forget_removed(self._settings)
        structlog.get_logger().info("generation", generation=served.id, users=len(served.users))

    def _drop_replaced(self, shown: str) -> None:
        """Those from which a user was forgotten since are not paged in any more."""
        replaced = {one.served.manifest.get(generations.INSTEAD_OF) for one in self._held.values()}
        for name in [name for name in self._held if name in replaced and name != shown]:
            old = self._held.pop(name)
            if old.batcher is not None:
                old.batcher.close()

    def _tell(self, fault: str) -> None:
        """Once for each change of state."""
        if fault and fault != self.fault:
            structlog.get_logger().error("generation cannot be served", error=fault)
        self.fault = fault


def _index(shown: Shown) -> None:
    """Rank by an index once it is there and measured; until then, and where it cannot be had, exactly."""
    batcher, served = shown.batcher, shown.served
    if batcher is None or not isinstance(batcher.chooser, Exact):
        return
    log, users = structlog.get_logger().bind(generation=served.id), served.maps.user_vectors
    try:
        if users is None or not is_needed(batcher.chooser, users[:_ASKED]):
            log.info("no index", reason="exact lists take as little")
            return
        index = Index.opened(served.generation.folder / "index.usearch", batcher.chooser, threads=_THREADS)
        measured = index.measure(users[:_ASKED])
        if measured.recall < LEAST_RECALL:
            log.warning("no index", reason="it finds too little", **measured._asdict())
            return
        batcher.chooser = index
        log.info("index", **measured._asdict())
    except Exception as error:  # noqa: BLE001 - what is exact goes on serving
        log.error("no index", error=f"{type(error).__name__}: {error}")
