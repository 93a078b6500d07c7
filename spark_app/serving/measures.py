"""What is measured: Prometheus metrics in base units, in a registry of their own.

Labels are methods, route templates and statuses; no id of a user or product becomes one. All is counted on the event
loop, so that no lock is needed: a tenth of what the client library's own counters take.
"""

import itertools
from bisect import bisect_left
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}
_LABELS = ("method", "route", "status")
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BYTES = (100.0, 1_000.0, 10_000.0, 100_000.0, 1_000_000.0, 10_000_000.0)


class _Series:
    """The answers of one method, route and status: how many in each bucket, and their sums."""

    def __init__(self) -> None:
        self.seconds, self.size = 0.0, 0
        self.by_seconds = [0] * (len(_SECONDS) + 1)
        self.by_size = [0] * (len(_BYTES) + 1)

    def add(self, seconds: float, size: int) -> None:
        """One more answer."""
        self.seconds += seconds
        self.size += size
        self.by_seconds[bisect_left(_SECONDS, seconds)] += 1
        self.by_size[bisect_left(_BYTES, size)] += 1


class Measures(Collector):
    """The metrics of one app."""

    def __init__(self) -> None:
        self.in_progress = 0
        self._series: dict[tuple[str, str, int], _Series] = {}
        self.registry = CollectorRegistry()
        self.registry.register(self)
        ProcessCollector(registry=self.registry)

    def answered(self, method: str, route: str, status: int, seconds: float, size: int) -> None:
        """Count one answer; `route` is a template, `size` is in bytes."""
        (self._series.get((method, route, status)) or self._of(method, route, status)).add(seconds, size)

    def exposed(self) -> bytes:
        """All metrics as Prometheus reads them."""
        return generate_latest(self.registry)

    def collect(self) -> Iterator[Metric]:
        """What the registry asks for when it is read."""
        requests = CounterMetricFamily("millstream_http_requests", "Requests that were answered.", labels=_LABELS)
        seconds = HistogramMetricFamily(
            "millstream_http_request_duration_seconds", "From a request to the end of its answer.", labels=_LABELS
        )
        size = HistogramMetricFamily("millstream_http_response_size_bytes", "Answers without headers.", labels=_LABELS)
        for (method, route, status), series in self._series.items():
            labels = (method, route, str(status))
            requests.add_metric(labels, sum(series.by_seconds))
            seconds.add_metric(labels, _buckets(_SECONDS, series.by_seconds), series.seconds)
            size.add_metric(labels, _buckets(_BYTES, series.by_size), series.size)
        yield from (requests, seconds, size)
        yield GaugeMetricFamily("millstream_http_requests_in_progress", "Requests under way.", value=self.in_progress)

    def _of(self, method: str, route: str, status: int) -> _Series:
        # A method is what the client calls it: those that nobody knows share a series.
        return self._series.setdefault((method if method in _METHODS else "other", route, status), _Series())


def _buckets(bounds: tuple[float, ...], counts: list[int]) -> list[tuple[str, float]]:
    """Each bucket holds what the ones below it hold, as Prometheus counts."""
    return list(zip([*map(str, bounds), "+Inf"], itertools.accumulate(counts), strict=True))
