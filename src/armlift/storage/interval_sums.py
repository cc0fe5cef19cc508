"""Sums of live traffic by stretches of time and by segment, made from the log and made again at any time.

Whole buckets are replaced, so a rerun counts nothing twice. What was committed late is found by comparing
with the sums by day, which the ledger raises in the transaction that writes the rows: a day that differs is
summed again. Where the log is gone, the buckets stay, and what a day lacks stands in its first bucket. See
docs/decisions/live-aggregates.md.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, and_, delete, func, select, text

from armlift.errors import ParameterError, StoreUnavailable
from armlift.experiments.live_window import LiveSums
from armlift.storage.aggregates import day_of
from armlift.storage.bulk_insert import BulkInsert
from armlift.storage.database import Database
from armlift.storage.interval_days import DAY, differences
from armlift.storage.interval_log import HOUR, SEGMENTS, BucketKey, Buckets, log_sums
from armlift.storage.interval_marks import (
    DELETED,
    DONE,
    WRITES,
    Marks,
    insert_or_merge,
    lock_marks,
    read_marks,
    set_mark,
)
from armlift.storage.schema import decisions, events, interval_sums
from armlift.storage.times import microseconds, moment_of

OVERLAP = 2 * HOUR
"""A refresh goes back behind the last one by so much, microseconds."""

_PART = 6 * HOUR  # what is read at once, and written in one transaction
_TRIES = 20
_PAUSE_SECONDS = 0.05


class IntervalReport(NamedTuple):
    """What a refresh did.

    Attributes:
        since: Start of what was summed, a full hour.
        until: End of what was summed, a full hour; the last bucket may be unfinished.
        rows: Rows that were written.
        late_days: Earlier days, UTC, ISO 8601, to which something was added late, and which were made anew.
        kept_before: Buckets before this are kept as they are, since their log is gone; None if it is whole.
    """

    since: datetime
    until: datetime
    rows: int
    late_days: tuple[str, ...]
    kept_before: datetime | None


def refresh(
    database: Database, *, now: datetime, since: datetime | None = None, until: datetime | None = None
) -> IntervalReport:
    """Bring the sums up to date, beside a running router and beside others that do the same.

    Reading locks nobody out, and a transaction that writes holds six hours' sums at most.

    Args:
        database: The store.
        now: The time.
        since: Start of what is to be summed again, rounded down to an hour; None for what the last refresh
            left, with an overlap of two hours, and days to which something was added late.
        until: End, rounded up to an hour; None for `now`. Needs `since`.

    Raises:
        ParameterError: A time has no time zone, or the end is not after the start.
        StoreUnavailable: Others wrote the sums again and again meanwhile.
    """
    if until is not None and since is None:
        raise ParameterError("since", since, "a time, if there is an end", "Name the start too.")
    moment = microseconds(now, "now")
    end = min(moment if until is None else microseconds(until, "until"), moment)
    end = -(-end // HOUR) * HOUR if until is not None else end // HOUR * HOUR + HOUR
    if since is not None:
        start = microseconds(since, "since") // HOUR * HOUR
        if until is not None and until <= since:
            raise ParameterError("until", until, f"a time after {since}", "Name a later end.")
        return _again(database, start, max(start, end), moment)
    return _onwards(database, end, moment)


def let_go(database: Database, before: int, now: int) -> None:
    """Prepare the deletion of the log before a time: it is summed, and its sums are never made again.

    Args:
        database: The store.
        before: Time, microseconds UTC.
        now: The time, microseconds UTC.
    """
    if _next_hour(database, 0, before) is None:
        return
    with database.read() as connection:
        done = read_marks(connection).done
    if done < before:
        refresh(database, now=moment_of(now))
    with database.begin() as connection:
        marks = lock_marks(connection)
        set_mark(connection, DELETED, max(before, marks.deleted))


def _again(database: Database, start: int, end: int, now: int) -> IntervalReport:
    """Sum a stretch of time again, and make up what its past days lack."""
    rows = sum(_replace(database, *part) for part in _parts(start, end))
    for day in range(start // DAY * DAY, end, DAY):
        if day + DAY <= now:
            rows += _make_up(database, day)
    return _report(database, start, end, rows, ())


def _onwards(database: Database, end: int, now: int) -> IntervalReport:
    """Go on where the last refresh ended, then look for what it missed."""
    with database.read() as connection:
        marks = read_marks(connection)
        start = min(max(marks.done - OVERLAP, 0) // HOUR * HOUR, end - HOUR)
    today = now // DAY * DAY
    thorough = marks.done < today
    # All days are compared once a day: until they were, the mark stays in the day before.
    latest = today - 1 if thorough else now
    first, rows = start, 0
    while start < end:
        if (following := _next_hour(database, start, end)) is None:
            break
        first = following if not rows else first
        start, part_end = next(_parts(following, end))
        rows += _replace(database, start, part_end, done=min(latest, part_end))
        start = part_end
    late = _late_days(database, 0 if thorough else today - DAY, end)
    for day in late:
        rows += sum(_replace(database, *part) for part in _parts(day, min(day + DAY, end)))
        if day + DAY <= now:
            rows += _make_up(database, day)
    _finish(database, now)
    return _report(database, first, end, rows, tuple(day_of(day) for day in late))


def _parts(start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end:
        following = min(end, start // _PART * _PART + _PART)
        yield start, following
        start = following


def _replace(database: Database, start: int, end: int, *, done: int | None = None) -> int:
    """Replace the buckets of some hours by what the log says now; give the number of rows."""
    for attempt in range(_TRIES):
        with _one_moment(database) as connection:
            marks = read_marks(connection)
            # An hour of which something is gone is kept whole.
            begin = max(start, -(-marks.deleted // HOUR) * HOUR)
            buckets = log_sums(connection, begin, end) if begin < end else {}
        if _write(database, marks, begin, end, buckets, done):
            return len(buckets)
        time.sleep(_PAUSE_SECONDS * attempt)
    raise StoreUnavailable("other processes sum the same log all the time")


def _write(
    database: Database, marks: Marks, start: int, end: int, buckets: Buckets, done: int | None
) -> bool:
    """Write buckets, unless somebody else wrote or deleted since they were summed."""
    with database.begin() as connection:
        if lock_marks(connection)[1:] != marks[1:]:
            return False
        if start < end:
            hours = and_(interval_sums.c.bucket_ts >= start, interval_sums.c.bucket_ts < end)
            connection.execute(delete(interval_sums).where(hours))
        if buckets:
            bulk = BulkInsert(interval_sums, database.dialect, "")
            cursor = connection.connection.cursor()
            try:
                bulk.run(cursor, [(*key, *buckets[key]) for key in sorted(buckets)])
            finally:
                cursor.close()
        set_mark(connection, WRITES, marks.writes + 1)
        if done is not None:
            set_mark(connection, DONE, max(done, marks.done))
    return True


def _late_days(database: Database, since: int, end: int) -> list[int]:
    """Days whose sums differ from those that the ledger made, the oldest first.

    What is still being written is summed once more, so that all numbers are of one moment.
    """
    unsettled = end - HOUR - OVERLAP
    with _one_moment(database) as connection:
        recent = max(unsettled, -(-read_marks(connection).deleted // HOUR) * HOUR)
        fresh = log_sums(connection, recent, end, segments=()) if recent < end else {}
        return sorted({day for day, *_ in differences(connection, since, end, recent, fresh)})


def _make_up(database: Database, day: int) -> int:
    """Put what the log no longer has of a day into the day's first buckets; give the number of rows."""
    for attempt in range(_TRIES):
        with _one_moment(database) as connection:
            marks = read_marks(connection)
            missing = differences(connection, day, day + DAY)
        if not missing:
            return 0
        rows = [
            BucketKey(experiment, segment, day, "", strategy, arm, simulated)._asdict() | sums._asdict()
            for (_, experiment, strategy, arm, simulated), sums in sorted(missing.items())
            for segment in ("", *SEGMENTS)
        ]
        with database.begin() as connection:
            if lock_marks(connection)[1:] == marks[1:]:
                statement = insert_or_merge(connection, interval_sums)
                raised = {name: interval_sums.c[name] + statement.excluded[name] for name in LiveSums._fields}
                keys = list(BucketKey._fields)
                connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=raised), rows)
                set_mark(connection, WRITES, marks.writes + 1)
                return len(rows)
        time.sleep(_PAUSE_SECONDS * attempt)
    raise StoreUnavailable("other processes sum the same log all the time")


def _next_hour(database: Database, start: int, end: int) -> int | None:
    """Start of the first hour from a time on in which something happened; None if there is none."""
    with database.read() as connection:
        firsts = [
            connection.scalar(select(func.min(ts)).where(ts >= start, ts < end))
            for ts in (decisions.c.ts, events.c.ts_server)
        ]
    found = [ts for ts in firsts if ts is not None]
    return min(found) // HOUR * HOUR if found else None


def _finish(database: Database, now: int) -> None:
    """Note that everything until now is summed and compared."""
    with database.begin() as connection:
        marks = lock_marks(connection)
        set_mark(connection, DONE, max(now, marks.done))


def _report(database: Database, start: int, end: int, rows: int, late: tuple[str, ...]) -> IntervalReport:
    with database.read() as connection:
        deleted = read_marks(connection).deleted
    return IntervalReport(
        moment_of(start), moment_of(end), rows, late, moment_of(deleted) if deleted else None
    )


@contextmanager
def _one_moment(database: Database) -> Iterator[Connection]:
    """Read, and see the same in every statement."""
    with database.read() as connection:
        if database.dialect == "postgresql":
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        yield connection
