"""Decisions that are looked up by user, where a client does not send the decision's id."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from armlift.experiments.log_rows import Decision
from armlift.storage.database import Database
from armlift.storage.schema import decisions

# Ids ascend with time, so the newest one stands last in the index of users.
_LAST = (
    select(*(decisions.c[name] for name in Decision._fields))
    .where(decisions.c.user_key == bindparam("user"), decisions.c.arm_id == bindparam("arm"))
    .order_by(decisions.c.decision_id.desc())
    .limit(1)
)
_LAST_OF_EXPERIMENT = _LAST.where(decisions.c.experiment_id == bindparam("experiment"))


def last_decision(
    database: Database, user_key: str, arm_id: str, experiment_id: str | None = None
) -> Decision | None:
    """Give a user's last decision for an arm; None if there is none.

    Args:
        database: The store.
        user_key: Keyed hash of the user's id.
        arm_id: Arm.
        experiment_id: Of this experiment only; None for any.
    """
    query, values = _LAST, {"user": user_key, "arm": arm_id}
    if experiment_id is not None:
        query, values = _LAST_OF_EXPERIMENT, {**values, "experiment": experiment_id}
    with database.read() as connection:
        row = connection.execute(query, values).one_or_none()
    return None if row is None else Decision(*row)
