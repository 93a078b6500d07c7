"""Wiring of what never ends: micro-batches as long as events come, and training beside them, until it is told to stop.

Taking in waits for its broker, and carries on where it was; training has a thread and a share of the cores of its own.
Both remember in the tables alone what they did, so that either may be killed at any time.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from threading import Event
from typing import Any

import structlog
from pyspark import InheritableThread
from pyspark.errors import StreamingQueryException
from pyspark.sql import SparkSession
from pyspark.sql.streaming import StreamingQuery

from spark_app import generations, ingestion, pipeline, status, store
from spark_app.generations import Generation
from spark_app.ingestion import Inlet, Intake, IntakeError
from spark_app.intake import topic
from spark_app.running import progress
from spark_app.settings import Settings
from spark_app.storage import tables

INGEST, TRAIN, RENEW = "ingest", "train", "renew"
LOOKS_EVERY = 0.5
# A batch that is under way when it is told to stop may still end well, within these seconds.
BATCH_ENDS_WITHIN = 15.0
TRAINING_ENDS_WITHIN = 8.0
# A stream that breaks off again at once, so many times, has a fault that waiting does not mend.
ATTEMPTS = 3
LASTS = 60.0
DAY = 86_400.0
# Before anything is tidied, the first batch has found again what an earlier process left half done.
SETTLES = 60.0
# When a look at the tables fails, so many seconds pass before the next.
LOOKS_AGAIN_AFTER = 60.0
# What shows the newest events is renewed so often at the most, and for a tenth of the time at the most.
RENEWS_EVERY, RESTS = 60.0, 9.0

Told = Callable[[str], None]
Shown = Callable[[Generation], None]


def take_topic(spark: SparkSession, settings: Settings, seen: ingestion.Seen | None = None) -> Intake:
    """Take in what the topic holds now and was not taken yet; should the broker go away meanwhile, wait for it."""
    intake = Intake()
    inlet = ingestion.topic(spark, settings, intake, seen)
    topic.offsets(settings.kafka)
    _carry_on(spark, settings, [inlet], {"availableNow": True}, Event(), progress.warn, lambda: None)
    return intake


def ingest(
    spark: SparkSession, settings: Settings, inlets: Sequence[Inlet], stop: Event, told: Told, beat: Callable[[], None]
) -> None:
    """Take in micro-batches from every inlet until `stop`; each change of the source's state is told in one line.

    `beat` is called twice a second. IntakeError when a stream cannot go on, in words.
    """
    interval = {"processingTime": f"{round(settings.trigger_interval * 1000)} milliseconds"}
    _carry_on(spark, settings, inlets, interval, stop, told, beat)


def _carry_on(
    spark: SparkSession,
    settings: Settings,
    inlets: Sequence[Inlet],
    trigger: Mapping[str, Any],
    stop: Event,
    told: Told,
    beat: Callable[[], None],
) -> None:
    """Until `stop`, or until queries that end by themselves have ended; what breaks off starts again where it was."""
    source = _Source(settings, told)
    faults: list[float] = []
    spark.sparkContext.setLocalProperty("spark.scheduler.pool", INGEST)
    while source.wait(stop):
        failures: list[Exception] = []
        queries: list[StreamingQuery] = []
        try:
            queries += [ingestion.started(inlet, failures, trigger) for inlet in inlets]
            _watch(queries, source, stop, beat)
            return
        except (StreamingQueryException, topic.BrokerAwayError) as error:
            fault = failures[0] if failures else error
            faults = [then for then in faults if time.monotonic() - then < LASTS] + [time.monotonic()]
            source.explain(fault, hopeless=len(faults) >= ATTEMPTS)
        finally:
            for query in queries:
                _end(query)


def train(
    spark: SparkSession, settings: Settings, stop: Event, shown: Shown, daily: Callable[[], None] | None = None
) -> None:
    """Train whenever enough is new, at most once in `train_interval`, until `stop`; `shown` gets each generation.

    `daily` is called between trainings, now and then once a day. What fails is said in one line and tried again when
    its time has come.
    """
    context = spark.sparkContext
    context.setLocalProperty("spark.scheduler.pool", TRAIN)
    context.setJobGroup(TRAIN, "training", interruptOnCancel=True)
    trainings = _Trainings(settings, lambda: shown(pipeline.refresh(spark, settings)))
    tidied = time.monotonic() - DAY + SETTLES
    while not stop.wait(LOOKS_EVERY):
        if daily and time.monotonic() - tidied >= DAY:
            tidied = time.monotonic()
            _attempt("retention", daily, stop)
        _attempt("training", trainings.look, stop)


def renew(settings: Settings, stop: Event, renewed: Callable[[], None]) -> None:
    """Call `renewed` now and then, at first and when the event table has changed since, until `stop`.

    At most once in RENEWS_EVERY seconds; when it is done it rests RESTS times as long as it took. What fails is said,
    and tried again after that rest.
    """
    renewals = _Renewals(settings, renewed)
    while not stop.wait(LOOKS_EVERY):
        _attempt("renewing what is rising", renewals.look, stop)


def _attempt(what: str, action: Callable[[], None], stop: Event) -> None:
    try:
        action()
    except Exception as error:  # noqa: BLE001 - taking in goes on, whatever it was
        if not stop.is_set():
            structlog.get_logger().error(f"{what} failed", exc_info=error)
            progress.warn(f"{what} failed: {ingestion.first_line(error)}; it is tried again when its time has come")


def beside(
    spark: SparkSession, settings: Settings, stop: Event, shown: Shown, daily: Callable[[], None] | None = None
) -> InheritableThread:
    """Training in a thread of its own."""
    return _thread(train, spark, settings, stop, shown, daily)


def renewing(
    spark: SparkSession, settings: Settings, stop: Event, renewed: Callable[[], None]
) -> InheritableThread:
    """Renewing in a thread of its own, whose work in Spark gives way to taking in as training does."""

    def run() -> None:
        spark.sparkContext.setLocalProperty("spark.scheduler.pool", TRAIN)
        spark.sparkContext.setJobGroup(RENEW, "what is rising", interruptOnCancel=True)
        renew(settings, stop, renewed)

    return _thread(run)


def _thread(target: Callable[..., None], *args: object) -> InheritableThread:
    thread = InheritableThread(target=target, args=args, daemon=True)
    thread.start()
    return thread


def end(spark: SparkSession, *threads: InheritableThread) -> None:
    """Break a training and a renewal off; what a training wrote has no manifest, and the next one removes it."""
    for group in (TRAIN, RENEW):
        spark.sparkContext.cancelJobGroup(group)
    deadline = time.monotonic() + TRAINING_ENDS_WITHIN
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


class _Trainings:
    """When it was last tried to train, and from when on it is looked again whether it is time to."""

    def __init__(self, settings: Settings, trained: Callable[[], None]) -> None:
        self._settings, self._trained = settings, trained
        self._tried = self._free = float("-inf")

    def look(self) -> None:
        """Train if it is time to; raises what goes wrong. When it cannot be told, it is looked again in a while."""
        begun = time.monotonic()
        if begun < self._free:
            return
        self._free = begun + LOOKS_AGAIN_AFTER
        since = min(_age(self._settings), begun - self._tried)
        is_due = since >= self._settings.train_interval and not status.due(self._settings).missing
        self._free = begun
        if is_due:
            self._tried = begun
            self._trained()


class _Renewals:
    """What of the event table was shown last, and from when on it may be renewed."""

    def __init__(self, settings: Settings, renewed: Callable[[], None]) -> None:
        self._settings, self._renewed = settings, renewed
        self._shown, self._free = "", time.monotonic() + RENEWS_EVERY

    def look(self) -> None:
        """Renew if the table has changed and it is time to; raises what goes wrong, and then nothing new is shown."""
        begun = time.monotonic()
        if begun < self._free:
            return
        self._free = begun + RENEWS_EVERY
        newest = tables.newest_entry(self._settings)
        if newest == self._shown:
            self._free = begun
            return
        try:
            self._renewed()
            self._shown = newest
        finally:
            ended = time.monotonic()
            self._free = max(begun + RENEWS_EVERY, ended + RESTS * (ended - begun))


class _Source:
    """Whether the source is there; each change is told once."""

    def __init__(self, settings: Settings, told: Told) -> None:
        self.settings = settings
        self.told = told
        self.fault = ""

    def wait(self, stop: Event) -> bool:
        """Wait until the topic can be read, at most until `stop`; whether it can."""
        while self._is_away(thorough=True):
            if stop.wait(LOOKS_EVERY):
                return False
        return not stop.is_set()

    def look(self) -> None:
        """Tell when the broker has gone or come back; Spark itself notices late."""
        self._is_away(thorough=bool(self.fault))

    def explain(self, fault: Exception, *, hopeless: bool) -> None:
        """Go on after a stream broke off, when that may help; else raise what it was."""
        if self.settings.source == "kafka" and self._is_away(thorough=True):
            return
        if hopeless or isinstance(fault, (IntakeError, store.MostlyRejectedError, tables.DamagedError)):
            raise fault
        self.told(f"the stream broke off and starts again: {ingestion.first_line(fault)}")

    def _is_away(self, *, thorough: bool) -> bool:
        fault = self._found(thorough=thorough)
        if fault != self.fault:
            self.told(f"{fault}; waiting" if fault else f"{self.settings.kafka.bootstrap_servers} answers again")
            self.fault = fault
        return bool(fault)

    def _found(self, *, thorough: bool) -> str:
        if self.settings.source != "kafka":
            return ""
        try:
            if thorough:
                topic.offsets(self.settings.kafka)
            else:
                topic.connect(self.settings.kafka)
        except (topic.BrokerAwayError, topic.TopicMissingError) as error:
            return str(error).partition(" (")[0]
        return ""


def _watch(queries: Sequence[StreamingQuery], source: _Source, stop: Event, beat: Callable[[], None]) -> None:
    """Until `stop`, or until all have ended; raises what broke one off."""
    running = list(queries)
    while running and not stop.wait(LOOKS_EVERY):
        for query in [query for query in running if not query.isActive]:
            query.awaitTermination()
            running.remove(query)
        source.look()
        beat()


def _end(query: StreamingQuery) -> None:
    """Let the batch under way come to its end, within reason, then stop the query."""
    deadline = time.monotonic() + BATCH_ENDS_WITHIN
    while query.isActive and query.status["isTriggerActive"] and time.monotonic() < deadline:
        time.sleep(0.01)
    query.stop()


def _age(settings: Settings) -> float:
    """Seconds since the newest generation was made; without one, for ever."""
    newest = generations.newest(settings)
    if newest is None:
        return float("inf")
    return (datetime.now(UTC) - newest.made_at).total_seconds()
