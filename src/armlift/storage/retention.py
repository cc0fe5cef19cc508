"""How long the log keeps what people did, and how one person is forgotten.

Counters stay as they are in both cases: they are sums over many people. After `forget` they still equal the
sums over the events, for the rows stay, without the person. After `expire` they are larger than the sums over
the events that are left; the audit log says since when, and how many rows went.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Table,
    and_,
    delete,
    select,
    tuple_,
    update,
)

from armlift.errors import ParameterError
from armlift.storage.audit import AuditRow, record
from armlift.storage.database import Database
from armlift.storage.interval_sums import let_go
from armlift.storage.schema import (
    assignments,
    decisions,
    events,
    experiments,
    features,
    ratings,
    users,
)

_BATCH = 500  # rows of one transaction: the writer of rewards waits some milliseconds for it, not longer
_DAY = 86_400_000_000  # microseconds
_ENDED = ("completed", "archived")


class Forgotten(NamedTuple):
    """Rows that told of a person.

    Attributes:
        decisions: Decisions that now belong to nobody.
        events: Events that now belong to nobody.
        assignments: Assignments that were deleted.
        users: Rows about the person alone that were deleted: of users, ratings and features.
    """

    decisions: int
    events: int
    assignments: int
    users: int


class Expired(NamedTuple):
    """Rows that were deleted because of their age.

    Attributes:
        decisions: Decisions.
        events: Events.
        assignments: Assignments of experiments that have ended.
        users: Users without a decision or an assignment.
    """

    decisions: int
    events: int
    assignments: int
    users: int


def forget(database: Database, user_key: str, *, who: str, why: str) -> Forgotten:
    """Forget a person, while the router goes on.

    Assignments, ratings, features and the user's own row are deleted. Decisions and events stay, since a
    reward that is sent again must still be known, and since they are what the counters count; but they go
    over to a new key that is written down nowhere else, and lose session, device, channel and context.
    Counters and posteriors are not changed.

    What a router has not yet written, and rewards for decisions made before, arrive under the old key until
    the reward window is over: let the router write what it has, and forget once more after the window.

    Args:
        database: The store.
        user_key: Keyed hash of the user's id.
        who: Name of who does it, for the audit log, which does not get the key.
        why: Reason, for the audit log; it must not name the person.

    Raises:
        ParameterError: There is no reason.
    """
    if not why.strip():
        raise ParameterError("why", why, "a reason", "Say it for the audit log: --why TEXT.")
    nobody = token_hex(16)
    changed = {
        table.name: _hand_over(database, table, user_key, {"user_key": nobody, **blank})
        for table, blank in (
            (decisions, {"session_id": "", "context": "{}"}),
            (events, {"session_id": "", "context": "{}", "device": "", "channel": ""}),
        )
    }
    assigned = _delete_assignments(database, user_key)
    with database.begin() as connection:
        own = _delete(connection, users, users.c.user_key == user_key)
        about = (
            (ratings, ratings.c.user_key == user_key),
            (features, and_(features.c.entity == "user", features.c.entity_id == user_key)),
        )
        own += sum(_delete(connection, table, condition) for table, condition in about)
        forgotten = Forgotten(changed["decisions"], changed["events"], assigned, own)
        _record(connection, "forget", who, why, forgotten._asdict())
    return forgotten


def expire(database: Database, days: float, *, who: str = "retention", now: int | None = None) -> Expired:
    """Delete what is older than the retention, in small transactions between which others have their turn.

    Deleted are decisions and events of that age, assignments of that age in experiments that are completed or
    archived, and users without a decision or an assignment. Counters and posteriors are not changed.

    Args:
        database: The store.
        days: Age in days from which rows go.
        who: Name of who does it, for the audit log.
        now: The time, microseconds UTC; the clock's if None.

    Raises:
        ParameterError: The retention is shorter than a day, or than the longest reward window and an hour.
    """
    shortest = max(1.0, _longest_reward_window(database) + 1 / 24)
    if not days >= shortest:
        remedy = "Rewards of younger decisions may still come: keep rows longer, or archive experiments."
        raise ParameterError("ARMLIFT_RETENTION_DAYS", days, f"days >= {shortest:g}", remedy)
    now = _now() if now is None else now
    before = now - round(days * _DAY)
    let_go(database, before, now)
    ended = select(experiments.c.experiment_id).where(experiments.c.state.in_(_ENDED))
    past = and_(assignments.c.ts < before, assignments.c.experiment_id.in_(ended))
    gone = and_(
        users.c.first_ts < before,
        users.c.user_key.not_in(select(decisions.c.user_key)),
        users.c.user_key.not_in(select(assignments.c.user_key)),
    )
    expired = Expired(
        _delete_in_batches(database, decisions.c.ts < before, decisions.c.ts, decisions.c.decision_id),
        _delete_in_batches(database, events.c.ts_server < before, events.c.ts_server, events.c.event_id),
        _delete_in_batches(database, past, assignments.c.experiment_id, assignments.c.user_key),
        _delete_in_batches(database, gone, users.c.user_key),
    )
    if any(expired):
        with database.begin() as connection:
            details = {"before": before, **expired._asdict()}
            _record(connection, "expire", who, f"older than {days:g} days", details)
    return expired


def _longest_reward_window(database: Database) -> float:
    """Of the experiments that are not archived, in days."""
    with database.read() as connection:
        briefs = connection.scalars(select(experiments.c.brief).where(experiments.c.state != "archived"))
        windows = [float(json.loads(brief)["reward_window_minutes"]) for brief in briefs]
    return max(windows, default=0.0) / (24 * 60)


def _hand_over(database: Database, table: Table, user_key: str, values: dict[str, str]) -> int:
    """Give a person's rows to nobody; found without a lock, since the events have no index of users."""
    (key,) = table.primary_key.columns
    number = 0
    while True:
        with database.read() as connection:
            found = connection.scalars(select(key).where(table.c.user_key == user_key)).all()
        if not found:
            return number
        for first in range(0, len(found), _BATCH):
            rows = key.in_(found[first : first + _BATCH])
            with _taking_turns(database) as connection:
                number += connection.execute(update(table).where(rows).values(values)).rowcount


def _delete_assignments(database: Database, user_key: str) -> int:
    """Delete a person's assignments; found without a lock, since they have no index of users either."""
    column, number = assignments.c, 0
    while True:
        with database.read() as connection:
            query = select(column.experiment_id).where(column.user_key == user_key)
            found = connection.scalars(query).all()
        if not found:
            return number
        key = and_(column.experiment_id.in_(found), column.user_key == user_key)
        with _taking_turns(database) as connection:
            number += _delete(connection, assignments, key)


def _delete_in_batches(database: Database, condition: ColumnElement[bool], *order: Column[Any]) -> int:
    """Delete rows, found without a lock in an order that ends with the primary key, each looked at once."""
    table = order[0].table
    query = select(*order).where(condition).order_by(*order).limit(_BATCH)
    number, page = 0, query
    while True:
        with database.read() as connection:
            found = connection.execute(page).all()
        if not found:
            return number
        key = [column for column in order if column.primary_key]
        rows = tuple_(*key).in_([row[-len(key) :] for row in found])
        with _taking_turns(database) as connection:
            number += _delete(connection, table, and_(rows, condition))
        page = query.where(tuple_(*order) > tuple(found[-1]))


@contextmanager
def _taking_turns(database: Database) -> Iterator[Connection]:
    """Open a transaction, and leave the store to others afterwards for as long as it took."""
    start = time.monotonic()
    with database.begin() as connection:
        yield connection
    time.sleep(time.monotonic() - start)


def _delete(connection: Connection, table: FromClause, condition: ColumnElement[bool]) -> int:
    return connection.execute(delete(cast(Table, table)).where(condition)).rowcount


def _record(connection: Connection, action: str, who: str, why: str, details: dict[str, int]) -> None:
    text = json.dumps(details, separators=(",", ":"))
    record(connection, AuditRow(_now(), "", action, "", "", who, why, details=text))


def _now() -> int:
    return time.time_ns() // 1000
