"""The arm that a bandit gave a user, for the experiment's duration."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import bindparam, select

from armlift.experiments.allocation import Assignment
from armlift.storage.database import Database
from armlift.storage.schema import assignments, experiments

_COLUMNS = [assignments.c[name] for name in Assignment._fields]
_FIND = select(*_COLUMNS).where(
    assignments.c.experiment_id == bindparam("experiment"), assignments.c.user_key == bindparam("user")
)
_GOING_ON = select(experiments.c.experiment_id).where(experiments.c.state.in_(("running", "hold")))


def find_assignment(database: Database, experiment_id: str, user_key: str) -> Assignment | None:
    """Give the arm that a user was assigned, with the propensity of that moment; None for a new user.

    Args:
        database: The store.
        experiment_id: Experiment.
        user_key: Keyed hash of the user's id.
    """
    with database.read() as connection:
        row = connection.execute(_FIND, {"experiment": experiment_id, "user": user_key}).one_or_none()
    return None if row is None else Assignment(*row)


def recent_assignments(database: Database, limit: int) -> Iterator[tuple[str, str, Assignment]]:
    """Give the newest assignments of experiments that are running or on hold, the oldest of them first.

    Args:
        database: The store.
        limit: At most so many; if fewer come, they are all there are.

    Yields:
        Experiment, user key and assignment.
    """
    query = (
        select(assignments.c.experiment_id, assignments.c.user_key, *_COLUMNS)
        .where(assignments.c.experiment_id.in_(_GOING_ON))
        .order_by(assignments.c.ts.desc())
        .limit(limit)
    )
    with database.read() as connection:
        rows = connection.execute(query).all()
    for experiment_id, user_key, strategy_id, arm_id, propensity, version in reversed(rows):
        yield experiment_id, user_key, Assignment(strategy_id, arm_id, propensity, version)
