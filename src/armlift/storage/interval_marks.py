"""How far the sums by time are, kept in `exports`: who makes and who deletes go by it."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, Table, select, update
from sqlalchemy.dialects import postgresql, sqlite

from armlift.storage.schema import exports

DONE = "interval_sums"
"""Name of the time up to which the sums are made."""

WRITES = "interval_sums.writes"
"""Name of their number of writes: who read before another one wrote reads again."""

DELETED = "log.deleted_before"
"""Name of the time before which rows of the log are gone."""


class Marks(NamedTuple):
    """How far the sums are, as of one moment.

    Attributes:
        done: Time up to which they are made, microseconds UTC; 0 if they never were.
        writes: How often they were written.
        deleted: Time before which rows of the log are gone, microseconds UTC; 0 if it is whole.
    """

    done: int
    writes: int
    deleted: int


def read_marks(connection: Connection) -> Marks:
    """Read them; 0 where there is none."""
    query = select(exports.c.name, exports.c.watermark).where(exports.c.name.in_((DONE, WRITES, DELETED)))
    found = {row.name: row.watermark for row in connection.execute(query)}
    return Marks(found.get(DONE, 0), found.get(WRITES, 0), found.get(DELETED, 0))


def lock_marks(connection: Connection) -> Marks:
    """Read the marks, and let nobody else change them until the end of the transaction."""
    _make_marks(connection)
    connection.execute(select(exports.c.name).where(exports.c.name == DONE).with_for_update())
    return read_marks(connection)


def _make_marks(connection: Connection) -> None:
    rows = [{"name": name} for name in sorted((DONE, WRITES, DELETED))]
    connection.execute(insert_or_merge(connection, exports).on_conflict_do_nothing(), rows)


def set_mark(connection: Connection, name: str, value: int) -> None:
    """Write one of them, in a transaction that has them locked."""
    connection.execute(update(exports).where(exports.c.name == name).values(watermark=value))


def insert_or_merge(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Begin an `INSERT` that may say what to do where the row is there."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
