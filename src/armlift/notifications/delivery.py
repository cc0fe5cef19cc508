"""Alarms reach people, over whatever services the URLs name; an alarm that repeats is told once a period."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from armlift.errors import NotificationError, ParameterError
from armlift.notifications.alarm import Alarm

if TYPE_CHECKING:
    from apprise import Apprise

logger = logging.getLogger(__name__)

PERIOD = timedelta(hours=6)
"""Time in which an alarm that repeats is told once."""

_LOCK_TIMEOUT_SECONDS = 120.0
_SETTING = "ARMLIFT_NOTIFY_URLS"


@dataclass(frozen=True)
class Delivery:
    """What became of an alarm.

    Attributes:
        told: Whether it was sent; False if its group was told within the period, or there is nobody to tell.
        repeats: Alarms of its group since the last message, this one included where it was not told.
        failed: Services that could not be reached while another one was, by their scheme.
    """

    told: bool
    repeats: int
    failed: tuple[str, ...] = ()


def notify(
    alarm: Alarm, urls: Sequence[str], state: Path, *, now: datetime | None = None, period: timedelta = PERIOD
) -> Delivery:
    """Tell people of an alarm, unless its group was told within the period.

    Any number of processes may call this at once: they take turns. An alarm that reached nobody counts as
    never raised, so whoever raised it can raise it again.

    Args:
        alarm: The alarm.
        urls: Services in the words of https://appriseit.com/services/; without any, the alarm is only logged.
        state: SQLite file that remembers what was told; it is created.
        now: Time of the call; the clock's unless given.
        period: Time in which an alarm that repeats is told once.

    Raises:
        ParameterError: A URL names no service.
        NotificationError: No service could be reached.
    """
    moment = now or datetime.now(UTC)
    services = _services(urls)
    logger.warning("%s\n%s", alarm.title, alarm.body())
    with _memory(state) as memory:
        row = memory.execute("SELECT told, repeats FROM alarms WHERE name = ?", (alarm.group,)).fetchone()
        last = None if row is None else datetime.fromtimestamp(row[0], UTC)
        repeats = 0 if row is None else int(row[1])
        if last is not None and last <= moment < last + period:
            memory.execute("UPDATE alarms SET repeats = repeats + 1 WHERE name = ?", (alarm.group,))
            return Delivery(False, repeats + 1)
        failed = _send(services, alarm.title, alarm.body(repeats, last))
        memory.execute("REPLACE INTO alarms VALUES (?, ?, 0)", (alarm.group, moment.timestamp()))
    return Delivery(bool(services), repeats, failed)


def _services(urls: Sequence[str]) -> list[tuple[str, Apprise]]:
    """A sender for each URL, beside its scheme, which is all of a URL that may be shown: it holds secrets."""
    if not urls:
        return []
    from apprise import Apprise

    services = []
    with _silent():
        for url in urls:
            scheme, service = url.partition("://")[0] if "://" in url else "", Apprise()
            if not service.add(url):
                bound = "URLs of services, such as json://host/path or mailto://user:password@host"
                raise ParameterError(
                    _SETTING, f"{scheme}:...", bound, "See https://appriseit.com/services/ for each one's."
                )
            services.append((scheme, service))
    return services


def _send(services: Sequence[tuple[str, Apprise]], title: str, body: str) -> tuple[str, ...]:
    """Send to all; give the schemes of those that failed."""
    with _silent():
        failed = tuple(
            scheme
            for scheme, service in services
            if not service.notify(body=body, title=title, notify_type="warning")
        )
    if services and len(failed) == len(services):
        raise NotificationError(
            f"{title}: told nobody, as {', '.join(failed)} could not be reached. "
            f"Check {_SETTING} and the network; the alarm is raised again."
        )
    for scheme in failed:
        logger.error("%s: the service %s:... could not be reached", title, scheme)
    return failed


@contextmanager
def _silent() -> Iterator[None]:
    """Keep apprise from logging: what it says of a URL may hold the secrets in it."""
    log = logging.getLogger("apprise")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before


@contextmanager
def _memory(state: Path) -> Iterator[sqlite3.Connection]:
    """Open the memory of what was told, for this caller alone; on an error nothing changes."""
    state.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(state, timeout=_LOCK_TIMEOUT_SECONDS, isolation_level=None)) as memory:
        memory.execute(
            "CREATE TABLE IF NOT EXISTS alarms (name TEXT PRIMARY KEY, told REAL, repeats INTEGER)"
        )
        memory.execute("BEGIN IMMEDIATE")
        yield memory
        memory.execute("COMMIT")
