"""Compares the sums by time, day by day, with those that the ledger made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Table, func, literal, select

from armlift.experiments.live_window import LiveSums
from armlift.storage.aggregates import LIVE, day_of
from armlift.storage.interval_log import HOUR, Buckets, merged
from armlift.storage.schema import day_counters, interval_sums

DAY = 24 * HOUR
"""Microseconds."""

_COUNTS = tuple(
    place
    for place, start in enumerate(LiveSums._field_defaults.values())
    if start == 0 and isinstance(start, int)
)
ByDay = dict[tuple[int, str, str, str, bool], LiveSums]
"""Sums by start of day, experiment, strategy, arm, and whether simulated users made them."""


def differences(
    connection: Connection, since: int, until: int, recent: int | None = None, fresh: Buckets | None = None
) -> ByDay:
    """What the ledger's sums by day have beyond these sums, where a count differs.

    Args:
        connection: In a transaction that sees one moment.
        since: Start of a day.
        until: Later days are left out.
        recent: Buckets from here on are taken from `fresh`.
        fresh: Sums of all traffic.
    """
    found: ByDay = {}
    for day, experiment, strategy, arm, simulated, *sums in connection.execute(_counted(since, until)):
        start = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1_000_000
        _add(found, (start, experiment, strategy, arm, simulated), sums, 1)
    stored = _stored(since, until if recent is None else min(until, recent))
    for day, experiment, strategy, arm, simulated, *sums in connection.execute(stored):
        _add(found, (day, experiment, strategy, arm, simulated), sums, -1)
    for key, of_bucket in (fresh or {}).items():
        if key.bucket_ts >= since:
            day = key.bucket_ts // DAY * DAY
            arm_key = (day, key.experiment_id, key.strategy_id, key.arm_id, key.simulated)
            _add(found, arm_key, of_bucket, -1)
    return {key: sums for key, sums in found.items() if any(sums[place] for place in _COUNTS)}


def _add(found: ByDay, key: tuple[int, str, str, str, bool], sums: Any, sign: int) -> None:
    known = found.get(key, LiveSums())
    signed = [type(start)(value) * sign for start, value in zip(LiveSums(), sums, strict=True)]
    found[key] = merged(known, LiveSums._make(signed))


def _counted(since: int, until: int) -> Any:
    simulated = day_counters.c.session_batch != LIVE
    key = [day_counters.c[name] for name in ("day", "experiment_id", "strategy_id", "arm_id")]
    return (
        select(*key, simulated.label("simulated"), *_summed(day_counters))
        .where(day_counters.c.day >= day_of(since), day_counters.c.day <= day_of(until - 1))
        .group_by(*key, "simulated")
    )


def _stored(since: int, until: int) -> Any:
    column = interval_sums.c
    day = column.bucket_ts - column.bucket_ts % literal(DAY, literal_execute=True)
    key = [column.experiment_id, column.strategy_id, column.arm_id, column.simulated]
    return (
        select(day.label("day"), *key, *_summed(interval_sums))
        .where(column.segment == "", column.bucket_ts >= since, column.bucket_ts < until)
        .group_by("day", *key)
    )


def _summed(table: Table) -> list[Any]:
    return [func.sum(table.c[name]).label(name) for name in LiveSums._fields]
