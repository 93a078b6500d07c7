"""How what is served stands, for Prometheus: read from the state at each scrape, in base units."""

import math
from collections.abc import Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from spark_app.serving import asking
from spark_app.serving.state import State


class Gauges(Collector):
    """The metrics of one state."""

    def __init__(self, state: State) -> None:
        self.state = state

    def collect(self) -> Iterator[Metric]:
        """What the registry asks for when it is read."""
        state, current = self.state, self.state.shelf.current
        counts = state.fresh.counts()
        yield CounterMetricFamily("millstream_generations_shown", "Since the start.", value=state.shelf.swaps)
        yield _gauge("ready", "Whether a generation is served, 1 or 0.", current is not None)
        yield _gauge("faults", "What cannot be followed: generations, the event table.", _faults(state))
        yield _gauge("fresh_events", "Events beyond the generation.", counts.events)
        yield _gauge("waiting_events", "Posted events that are not in the event table yet.", counts.waiting)
        yield _gauge("dropped_events", "Events beyond the generation let go for want of room.", counts.dropped)
        if math.isfinite(state.tail.lag):
            yield _gauge("event_table_lag_seconds", "Since the event table was last looked at.", state.tail.lag)
        if current is not None:
            how_old = asking.age(state, current.served)
            yield _gauge("newest_event_age_seconds", "Since the newest event that answers take into account.", how_old)
            yield _gauge("factors_bytes", "Of both sides, as they are mapped.", current.served.factors_bytes)


def _gauge(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"millstream_{name}", about, value=float(value))


def _faults(state: State) -> int:
    return bool(state.tail.fault) + bool(state.shelf.fault)
