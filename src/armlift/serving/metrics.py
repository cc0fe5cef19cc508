"""What Prometheus is told."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from typing import TypeVar

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Metric, generate_latest
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

Key = TypeVar("Key", bound=tuple[str, ...])

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class _RequestSeconds(Collector):
    """A histogram that one thread fills: without a lock, in a quarter of the time."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, int], list[int]] = {}
        self._sums: dict[tuple[str, int], float] = {}

    def add(self, path: str, status: int, seconds: float) -> None:
        """Count an answer; `path` is a template, never what a client typed."""
        key = (path, status // 100)
        counts = self._counts.get(key)
        if counts is None:
            self._sums[key] = 0.0
            counts = self._counts[key] = [0] * (len(_SECONDS) + 1)
        counts[bisect_left(_SECONDS, seconds)] += 1
        self._sums[key] += seconds

    def collect(self) -> Iterator[Metric]:
        """Give the histogram, for a scrape."""
        family = HistogramMetricFamily(
            "armlift_request_seconds",
            "Time to answer a request, by path template and status class.",
            labels=("path", "status"),
        )
        bounds = [*map(str, _SECONDS), "+Inf"]
        for (path, status), counts in list(self._counts.items()):
            buckets = list(zip(bounds, accumulate(counts), strict=True))
            family.add_metric((path, f"{status}xx"), buckets, self._sums[path, status])
        yield family


class Metrics:
    """The router's metrics; each router has a registry of its own.

    Attributes:
        answered: Counts an answer: path template, status, seconds.
    """

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = _RequestSeconds()
        self.registry.register(self._requests)
        self.answered = self._requests.add
        self._decisions = Counter(
            "armlift_decisions",
            "Decisions by experiment, strategy and arm.",
            ("experiment", "strategy", "arm"),
            registry=self.registry,
        )
        self._rewards = Counter(
            "armlift_rewards",
            "Rewards by what became of them.",
            ("experiment", "outcome"),
            registry=self.registry,
        )
        self._events = Counter(
            "armlift_events",
            "Events by type and what became of them.",
            ("event_type", "outcome"),
            registry=self.registry,
        )
        self.refused = Counter(
            "armlift_refused_requests",
            "Requests refused at the door, by reason.",
            ("reason",),
            registry=self.registry,
        )
        self.writer_pending = Gauge(
            "armlift_writer_pending", "Rows that wait for a commit.", registry=self.registry
        )
        self.writer_dropped = Gauge(
            "armlift_writer_dropped", "Decisions that were not recorded.", registry=self.registry
        )
        self.store_healthy = Gauge(
            "armlift_store_healthy", "1 while the store commits, else 0.", registry=self.registry
        )
        self._decision_children: dict[tuple[str, str, str], Counter] = {}
        self._reward_children: dict[tuple[str, str], Counter] = {}

    def decided(self, experiment: str, strategy: str, arm: str) -> None:
        """Count a decision."""
        _child(self._decisions, self._decision_children, (experiment, strategy, arm)).inc()

    def rewarded(self, experiment: str, outcome: str) -> None:
        """Count a reward: accepted, duplicate, conflict, late, flagged or default."""
        _child(self._rewards, self._reward_children, (experiment, outcome)).inc()

    def ingested(self, event_type: str, outcome: str) -> None:
        """Count an event: accepted, duplicate or rejected."""
        self._events.labels(event_type, outcome).inc()

    def text(self) -> bytes:
        """Everything in the text format of Prometheus."""
        return generate_latest(self.registry)


def _child(counter: Counter, children: dict[Key, Counter], key: Key) -> Counter:
    """The counter of some labels, remembered: to ask for it takes longer than to count."""
    child = children.get(key)
    if child is None:
        child = children[key] = counter.labels(*key)
    return child
