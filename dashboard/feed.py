"""What is known of the live store right now: one poller for all sessions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd

from armlift.errors import ArmliftError

if TYPE_CHECKING:
    from armlift.storage import ExperimentRow
    from dashboard.sources import LiveStore, Sources

_RECENT = timedelta(days=35)
_ROUTER_SECONDS = 2.0
_PASSING_SECONDS = 60.0  # after which even an unchanged store is told again: ranges and ages move on

Listener = Callable[["Snapshot"], None]


@dataclass(frozen=True)
class RouterHealth:
    """Whether the router can be asked.

    Attributes:
        reachable: It answered that it is ready.
        url: Where it should be.
        checked_at: When it was asked, UTC; None if it was not yet.
        error: Why it is not reachable, in words.
    """

    reachable: bool
    url: str
    checked_at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The live store at one moment.

    Attributes:
        taken_at: When it was read, UTC; while the store is away, when it was last read.
        revision: Grows by one whenever something changed in the store.
        has_store: Whether there is a store at all.
        experiments: The oldest first.
        totals: `Readings.totals()`.
        monitoring: Readings of the last weeks, newest first.
        store_error: Why the store cannot be read, in words; all the rest is then the last known.
        router: Whether the router can be asked.
    """

    taken_at: datetime
    revision: int = 0
    has_store: bool = False
    experiments: tuple[ExperimentRow, ...] = ()
    totals: pd.DataFrame = field(default_factory=pd.DataFrame)
    monitoring: pd.DataFrame = field(default_factory=pd.DataFrame)
    store_error: str | None = None
    router: RouterHealth = RouterHealth(False, "")

    def experiment(self, experiment_id: str | None) -> ExperimentRow | None:
        """The experiment of that id; None if there is none."""
        return next((row for row in self.experiments if row.id == experiment_id), None)


class Feed:
    """Looks at the store and the router, and tells every session what changed.

    Args:
        sources: Where the store is.
        every: Seconds between two looks.
    """

    def __init__(self, sources: Sources, *, every: float = 1.0) -> None:
        self._sources, self._every = sources, every
        self._listeners: set[Listener] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._seen: tuple[int, ...] | None = None
        self._read_at = 0.0
        self.snapshot = Snapshot(datetime.now(UTC), router=RouterHealth(False, sources.settings.api_base_url))

    def start(self) -> None:
        """Look once, then go on in the background."""
        self.look()
        for work, pause in ((self.look, self._every), (self.ask_router, _ROUTER_SECONDS)):
            threading.Thread(target=self._repeat, args=(work, pause), daemon=True, name="feed").start()

    def stop(self) -> None:
        """End the background threads at their next turn."""
        self._stopping.set()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have a function called with each new snapshot, from a background thread.

        Returns:
            What ends it.
        """
        with self._lock:
            self._listeners.add(listener)
        return lambda: self._drop(listener)

    @property
    def listeners(self) -> int:
        """How many sessions are told."""
        return len(self._listeners)

    def look(self) -> None:
        """Read the store if it changed since the last look."""
        try:
            with self._sources.reading() as store:
                if store is None:
                    seen: tuple[int, ...] | None = None
                    fresh = Snapshot(datetime.now(UTC))
                else:
                    seen = store.readings.fingerprint()
                    if not self._is_due(seen):
                        self.snapshot = replace(self.snapshot, taken_at=datetime.now(UTC))
                        return
                    fresh = _read(store)
        except ArmliftError as error:
            self._seen, said = None, str(error)
            if said != self.snapshot.store_error:
                self._publish(lambda last: replace(last, revision=last.revision + 1, store_error=said))
            return
        if store is None and not self.snapshot.has_store and self.snapshot.store_error is None:
            return
        self._seen, self._read_at = seen, time.monotonic()
        self._publish(lambda last: replace(fresh, revision=last.revision + 1, router=last.router))

    def ask_router(self) -> None:
        """Ask whether the router is ready."""
        import requests

        url, error = self._sources.settings.api_base_url, None
        with requests.Session() as session:
            session.trust_env = False
            try:
                answer = session.get(f"{url}/health/ready", timeout=_ROUTER_SECONDS, allow_redirects=False)
                if answer.status_code != 200:
                    error = f"{answer.status_code}"
            except requests.RequestException as failure:
                error = type(failure).__name__
        health = RouterHealth(error is None, url, datetime.now(UTC), error)
        known = self.snapshot.router
        if (known.reachable, known.error, known.checked_at is None) != (error is None, error, False):
            self._publish(lambda last: replace(last, router=health))

    def _is_due(self, seen: tuple[int, ...]) -> bool:
        changed = seen != self._seen or self.snapshot.store_error is not None
        return changed or time.monotonic() - self._read_at > _PASSING_SECONDS

    def _publish(self, change: Callable[[Snapshot], Snapshot]) -> None:
        with self._lock:
            self.snapshot = snapshot = change(self.snapshot)
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener(snapshot)

    def _drop(self, listener: Listener) -> None:
        with self._lock:
            self._listeners.discard(listener)

    def _repeat(self, work: Callable[[], None], pause: float) -> None:
        while not self._stopping.wait(pause):
            work()


def _read(store: LiveStore) -> Snapshot:
    now = datetime.now(UTC)
    return Snapshot(
        taken_at=now,
        has_store=True,
        experiments=store.experiments.rows(),
        totals=store.readings.totals(),
        monitoring=store.readings.monitoring(since=now - _RECENT),
    )
