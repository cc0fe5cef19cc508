"""What the log holds of a batch of simulated sessions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time

from sqlalchemy import func, select

from armlift.experiments.log_rows import Decision
from armlift.storage.aggregates import session_batch
from armlift.storage.database import Database
from armlift.storage.schema import day_counters, decisions


def batch_decisions(database: Database, experiment_id: str, batch: str) -> Sequence[Decision]:
    """Give the decisions of a batch for an experiment, the oldest first.

    Args:
        database: The store.
        experiment_id: Experiment.
        batch: Name of the batch.
    """
    sums = day_counters.c
    first = select(func.min(sums.day)).where(sums.experiment_id == experiment_id, sums.session_batch == batch)
    with database.read() as connection:
        day = connection.execute(first).scalar_one()
        if day is None:  # nothing of it was ever counted: there is no need to look through the log
            return []
        since = datetime.combine(date.fromisoformat(day), time(), UTC)
        rows = connection.execute(
            select(*(decisions.c[name] for name in Decision._fields))
            .where(
                decisions.c.ts >= round(since.timestamp() * 1e6),
                decisions.c.experiment_id == experiment_id,
                decisions.c.simulated.is_(True),
                decisions.c.context.contains(batch, autoescape=True),
            )
            .order_by(decisions.c.decision_id)
        )
        found = [Decision(*row) for row in rows]
    return [row for row in found if session_batch(row) == batch]
