"""Batches of sessions by the clock: which are due, and which are done."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from armlift.commands.visit import BatchReport, visit_batch

if TYPE_CHECKING:
    from armlift.commands.orchestration import SessionBatchParameters
    from armlift.environment import RouterSettings

LEDGER = Path("data", "live", "session_batches.json")

_KEPT = 1000  # batches whose counts stay in the ledger
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class DueReport:
    """What was done at a tick.

    Attributes:
        batches: Batches that were finished, the oldest first.
        left_out: Missed batches that were too many to be made up for.
        is_busy: Whether another process is at it; then nothing was done.
    """

    batches: tuple[BatchReport, ...] = ()
    left_out: int = 0
    is_busy: bool = False


def due_ticks(done: datetime | None, now: datetime, every: timedelta) -> list[datetime]:
    """Times of the batches that are due.

    Args:
        done: Time of the last batch that was finished; None before the first one.
        now: Present time, UTC.
        every: Time between two batches.

    Example:
        >>> noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
        >>> [f"{tick:%H:%M}" for tick in due_ticks(noon, noon + timedelta(minutes=5), timedelta(minutes=2))]
        ['12:02', '12:04']
    """
    last = (now - _EPOCH) // every
    first = last if done is None else (done - _EPOCH) // every + 1
    return [_EPOCH + number * every for number in range(first, last + 1)]


def batch_name(tick: datetime) -> str:
    """Name of the batch of a tick.

    Example:
        >>> batch_name(datetime(2026, 11, 21, 12, 2, tzinfo=UTC))
        'sim-20261121T1202'
    """
    return f"sim-{tick:%Y%m%dT%H%M}"


def visit_due(
    settings: RouterSettings, root: Path, parameters: SessionBatchParameters, now: datetime
) -> DueReport:
    """Do the batches that are due, each once, and mark each when it is done.

    Killed at any moment, the next call finishes the batch that was under way.

    Args:
        settings: Which store, and where its router is.
        root: Root of the project.
        parameters: How often, and how many sessions.
        now: Present time, UTC.

    Raises:
        LiveError: The router or the store is away; the next call goes on where this one stopped.
    """
    every = timedelta(minutes=parameters.every_minutes)
    with _alone(root / LEDGER) as is_alone:
        if not is_alone:
            return DueReport(is_busy=True)
        known = finished_batches(root)
        done = datetime.fromisoformat(known[-1]["tick"]) if known else None
        ticks = due_ticks(done, now, every)
        left_out = max(len(ticks) - parameters.catch_up, 0)
        reports = []
        for tick in ticks[left_out:]:
            report = visit_batch(
                settings, root, batch=batch_name(tick), sessions=parameters.sessions, seed=parameters.seed
            )
            known = [*known, {"tick": tick.isoformat(), **asdict(report)}][-_KEPT:]
            _write(root / LEDGER, known)
            reports.append(report)
    return DueReport(tuple(reports), left_out)


def finished_batches(root: Path) -> Sequence[dict[str, Any]]:
    """Give the last batches that were finished, the oldest first: `tick`, and the fields of `BatchReport`.

    Args:
        root: Root of the project.
    """
    file = root / LEDGER
    known: list[dict[str, Any]] = json.loads(file.read_text("utf-8")) if file.is_file() else []
    return known


def _write(file: Path, known: Sequence[dict[str, Any]]) -> None:
    """Replace the ledger whole: whoever is killed leaves the old one or the new one."""
    partial = file.with_name(f"{file.name}.partial")
    with partial.open("w", encoding="utf-8") as stream:
        json.dump(known, stream)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(file)


@contextmanager
def _alone(file: Path) -> Iterator[bool]:
    """Hold a lock that ends with the process, if nobody else has it; SQLite's exists on every platform."""
    import sqlite3
    from contextlib import closing

    file.parent.mkdir(parents=True, exist_ok=True)
    lock = sqlite3.connect(file.with_name(f"{file.name}.lock"), timeout=0.0, isolation_level=None)
    with closing(lock):
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            yield False
        else:
            yield True
