"""The audit log: who changed what, and why. Rows are only ever added."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, insert, select

from armlift.storage.database import Database
from armlift.storage.schema import audit


class AuditRow(NamedTuple):
    """One change.

    Attributes:
        ts: When, microseconds UTC.
        experiment_id: Experiment; empty where the change is about none.
        action: What was done, such as `pause`.
        state_before: State of the experiment before; empty where it had none.
        state_after: State of the experiment after.
        who: Name of the API key, or `command line`.
        why: Reason.
        brief_hash: SHA-256 of the brief's canonical JSON; empty without an experiment.
        details: JSON object as text, such as `{"winner":"svd"}`.
    """

    ts: int
    experiment_id: str
    action: str
    state_before: str
    state_after: str
    who: str
    why: str
    brief_hash: str = ""
    details: str = "{}"


_COLUMNS = [audit.c[name] for name in AuditRow._fields]


def record(connection: Connection, row: AuditRow) -> None:
    """Add a row, in the transaction of the change itself."""
    connection.execute(insert(audit), row._asdict())


def audit_rows(database: Database, experiment_id: str | None = None) -> tuple[AuditRow, ...]:
    """Read the log, oldest first.

    Args:
        database: The store.
        experiment_id: Rows of this experiment; empty for those of none; None for all.
    """
    query = select(*_COLUMNS).order_by(audit.c.audit_id)
    if experiment_id is not None:
        query = query.where(audit.c.experiment_id == experiment_id)
    with database.read() as connection:
        return tuple(AuditRow(*row) for row in connection.execute(query))
