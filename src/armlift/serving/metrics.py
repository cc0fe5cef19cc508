"""What Prometheus is told."""

from __future__ import annotations

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class Metrics:
    """The router's metrics; each router has a registry of its own."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Histogram(
            "armlift_request_seconds",
            "Time to answer a request, by path template and status class.",
            ("path", "status"),
            buckets=_SECONDS,
            registry=self.registry,
        )
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
        self._request_children: dict[tuple[str, int], Histogram] = {}
        self._decision_children: dict[tuple[str, str, str], Counter] = {}

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count an answer. `path` is a template, never what a client typed."""
        key = (path, status // 100)
        child = self._request_children.get(key)
        if child is None:
            child = self._request_children[key] = self._requests.labels(path, f"{key[1]}xx")
        child.observe(seconds)

    def decided(self, experiment: str, strategy: str, arm: str) -> None:
        """Count a decision."""
        key = (experiment, strategy, arm)
        child = self._decision_children.get(key)
        if child is None:
            child = self._decision_children[key] = self._decisions.labels(*key)
        child.inc()

    def rewarded(self, experiment: str, outcome: str) -> None:
        """Count a reward: accepted, duplicate, conflict, late, flagged or default."""
        self._rewards.labels(experiment, outcome).inc()

    def ingested(self, event_type: str, outcome: str) -> None:
        """Count an event: accepted, duplicate or rejected."""
        self._events.labels(event_type, outcome).inc()

    def text(self) -> bytes:
        """Everything in the text format of Prometheus."""
        return generate_latest(self.registry)
