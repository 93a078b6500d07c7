"""Follows the event table, without Spark: what it gets is told to `fresh`, within a poll.

Each version is read from its entry in the log, which a poll without news only looks for. Where entries or files of
versions in between are gone, as after `retention`, the ledger says what came since: then events that left quarantine
meanwhile are missed until the next generation, and a batch that was being written just when the generation was
pinned may be held though the generation has it. No event is held twice. What is damaged is told and waited for.
"""

import math
import time
from threading import Event as Signal
from threading import Lock, Thread

import structlog
from deltalake import DeltaTable

from spark_app.serving import added, commits
from spark_app.serving.added import Portion
from spark_app.serving.commits import Commit, Mark
from spark_app.serving.fresh import Fresh
from spark_app.settings import Settings
from spark_app.storage import table_copies, tables
from spark_app.storage.tables import EVENTS, DamagedError

# Seconds between two looks into a bucket: each is a request that costs.
FAR = 2.0
# Later than any version.
_EVER = 1 << 62
# Seconds between two looks at a table that cannot be read.
_PATIENCE = 1.0
_LAST_WAIT = 5.0


class Tail:
    """Follows the event table from a version on; one thread at a time reads, and `fresh` is told.

    `version` is the last that was read, -1 when none was; `fault` says why it cannot be followed now, and is empty
    when all is well, also when there is no table yet.
    """

    def __init__(self, settings: Settings, fresh: Fresh, interval: float = 0.25) -> None:
        self.version = -1
        self.fault = ""
        self._settings, self._fresh = settings, fresh
        self._folder = tables.path(settings, EVENTS)
        self._interval = max(interval, FAR) if settings.place(self._folder) else interval
        self._turn = Lock()
        self._begun = False
        # The version from which all is told.
        self._since = -1
        # Of the table and of the entry that was read last, to notice when others stand in their place.
        self._table_id = ""
        self._mark: Mark | None = None
        self._looked_at, self._received = -math.inf, 0
        self._stopping = Signal()
        self._thread: Thread | None = None

    @property
    def lag(self) -> float:
        """Seconds since it last looked and all was well; infinite before the first look."""
        return time.monotonic() - self._looked_at

    @property
    def age(self) -> float:
        """Seconds since the newest event that was read had been received; infinite before the first."""
        return time.time() - self._received / 1e6 if self._received else math.inf

    def catch_up(self, since_version: int) -> int:
        """Go over to generations of this version and later ones, and read what came after it; gives how many events."""
        with self._turn:
            self._fresh.rebase(since_version)
            if not self._begun or since_version < self._since:
                self.version, self._mark = since_version, None
            self._since = since_version
            return self._look()

    def poll(self) -> int:
        """Read what was added since the last time; gives how many events. It raises nothing, see `fault`."""
        with self._turn:
            return self._look()

    def start(self) -> None:
        """Poll in a thread of its own, at once and from then on."""
        self._stopping.clear()
        self._thread = Thread(target=self._follow, name="tail", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Poll no more; waits some seconds for a poll under way."""
        self._stopping.set()
        if self._thread:
            self._thread.join(_LAST_WAIT)
            self._thread = None

    def _follow(self) -> None:
        self.poll()
        while not self._stopping.wait(max(self._interval, _PATIENCE) if self.fault else self._interval):
            self.poll()

    def _look(self) -> int:
        self._begun = True
        number = 0
        try:
            table_copies.follow(self._settings, EVENTS, self.version)
            if self._mark is None or commits.mark(self._folder, self.version) != self._mark:
                number += self._find_its_place()
            number += self._read_on()
        except Exception as error:  # noqa: BLE001 - following goes on, whatever it was
            self._tell(f"{type(error).__name__}: {error}" if not isinstance(error, DamagedError) else str(error))
            return number
        self._tell("")
        self._looked_at = time.monotonic()
        return number

    def _tell(self, fault: str) -> None:
        """A line for each change."""
        if fault == self.fault:
            return
        self.fault = fault
        log = structlog.get_logger()
        if fault:
            log.warning("event table cannot be followed", reason=fault, version=self.version)
        else:
            log.info("event table is followed again", version=self.version)

    def _find_its_place(self) -> int:
        """Look at the table as a whole: at first, and when the entry that was read last is not there as it was."""
        if not tables.exists(self._settings, EVENTS):
            if self._table_id:
                raise DamagedError(f"{self._folder} is gone: put it back from a copy")
            return 0
        table = DeltaTable(self._folder)
        self._recognise(table)
        if table.version() > self.version and commits.mark(self._folder, self.version + 1) is None:
            return self._recover(table_copies.here(self._settings, EVENTS))
        self._mark = commits.mark(self._folder, self.version)
        return 0

    def _recognise(self, table: DeltaTable) -> None:
        """Of another table everything is new; of one that is put back from an older copy nothing is."""
        before, self._table_id = self._table_id, str(table.metadata().id)
        log = structlog.get_logger()
        if before and before != self._table_id:
            log.warning("event table is another one", version=table.version())
            self._fresh.rebase(_EVER)
            self._since = self.version = -1
            self._fresh.rebase(self._since)
        elif table.version() < self.version:
            log.warning("event table is older than it was", version=table.version(), before=self.version)
            self._since = self.version = table.version()
            self._fresh.rebase(self._since)

    def _read_on(self) -> int:
        number = 0
        while commit := commits.read(self._folder, self.version + 1):
            if all(part.exists() for part in commit.parts):
                number += self._read(commit)
                self.version, self._mark = commit.version, commit.mark
            else:
                number += self._recover(table_copies.here(self._settings, EVENTS))
        return number

    def _read(self, commit: Commit) -> int:
        return sum(self._ingest(commit.version, some) for part in commit.parts for some in added.of_part(part))

    def _ingest(self, version: int, some: Portion) -> int:
        self._fresh.ingested(version, some.events)
        self._received = max(self._received, some.received)
        return len(some.events)

    def _recover(self, table: DeltaTable) -> int:
        """Read by the ledger what came up to this version of the table, and of the log what is still there."""
        newest = table.version()
        # A file that is gone was replaced by then, or its loss is damage.
        tables.ensure_whole(self._settings, EVENTS, newest)
        found = added.by_ledger(self._settings, table, self.version)
        number = sum(self._ingest(version, some) for version, some in found)
        for version in range(self.version + 1, newest + 1):
            if commit := commits.read(self._folder, version):
                number += self._read(commit._replace(parts=tuple(part for part in commit.parts if part.exists())))
        structlog.get_logger().info("events found by the ledger", since=self.version, version=newest, events=number)
        self.version, self._mark = newest, commits.mark(self._folder, newest)
        return number
