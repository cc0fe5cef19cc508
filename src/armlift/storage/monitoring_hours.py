"""Keeps the table of monitoring short where the same things are measured every few minutes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import delete, tuple_

from armlift.storage.database import Database
from armlift.storage.monitoring_rows import Reading, write_readings
from armlift.storage.schema import monitoring

_HOUR = 3_600_000_000


def keep_by_hour(database: Database, readings: Iterable[Reading]) -> int:
    """Write readings; earlier ones of the same hour with the same alarm give way to them.

    So what is measured every five minutes has one row an hour, its newest, and more only where an alarm comes
    or goes. Measuring a moment again adds nothing.

    Args:
        database: The store, with its tables.
        readings: What was measured.

    Returns:
        How many were written.
    """
    column = monitoring.c
    taken: dict[tuple[str, int], list[tuple[str, str, bool]]] = defaultdict(list)
    readings = list(readings)
    for each in readings:
        taken[each.experiment_id, each.ts].append((each.metric, each.segment, each.alarm))
    written = write_readings(database, readings)
    for (experiment_id, ts), kinds in taken.items():
        with database.begin() as connection:
            connection.execute(
                delete(monitoring).where(
                    column.experiment_id == experiment_id,
                    column.ts >= ts // _HOUR * _HOUR,
                    column.ts < ts,
                    tuple_(column.metric, column.segment, column.alarm).in_(kinds),
                )
            )
    return written
