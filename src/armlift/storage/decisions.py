"""Decisions that are looked up by user, where a client does not send the decision's id."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from armlift.experiments.log_rows import Decision
from armlift.storage.database import Database
from armlift.storage.schema import decisions

# Read backwards in the index of times: users have none, which would cost decisions more than all the rest.
_LAST = (
    select(*(decisions.c[name] for name in Decision._fields))
    .where(
        decisions.c.ts >= bindparam("since"),
        decisions.c.user_key == bindparam("user"),
        decisions.c.arm_id == bindparam("arm"),
    )
    .order_by(decisions.c.ts.desc(), decisions.c.decision_id.desc())
    .limit(1)
)


def last_decision(database: Database, user_key: str, arm_id: str, since_ts: int) -> Decision | None:
    """Give a user's last decision for an arm; None if there is none.

    Args:
        database: The store.
        user_key: Keyed hash of the user's id.
        arm_id: Arm.
        since_ts: Decisions made before are left out, microseconds UTC.
    """
    with database.read() as connection:
        row = connection.execute(_LAST, {"since": since_ts, "user": user_key, "arm": arm_id}).one_or_none()
    return None if row is None else Decision(*row)
