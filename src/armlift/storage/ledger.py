"""Writes decisions, events and rewards, each once, and counts them in the same transaction.

Whatever may be sent twice has an id, and the second one changes nothing: so a batch can be written again when
nobody knows whether it was. Several processes may write one PostgreSQL database. They take locks in one order
(experiments, users, assignments, decisions, events, counters, sums by day, strategies; inside a table
ascending by key), so that none waits for another in a circle, and raise counters where they lie, so that none
overwrites another's.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Literal, NamedTuple

from sqlalchemy import Connection, select, tuple_
from sqlalchemy.engine.interfaces import DBAPICursor

from armlift.experiments.log_rows import Decision, Event, Reward
from armlift.storage.bulk_insert import BulkInsert, NewRows
from armlift.storage.database import Dialect
from armlift.storage.schema import assignments, decisions, events, users
from armlift.storage.tally import Tally

LATE_US = 1_000_000
"""A decision written later than this after it was made may have been passed over by `settle`."""


class AssignmentRow(NamedTuple):
    """The arm that a user keeps for an experiment's duration.

    Attributes:
        experiment_id: Experiment.
        user_key: Keyed hash of the user's id.
        strategy_id: Strategy that the user belongs to.
        arm_id: Arm.
        propensity: Probability with which it was drawn, at that moment.
        allocation_version: Version of the allocation it was drawn from.
        ts: When, microseconds UTC.
    """

    experiment_id: str
    user_key: str
    strategy_id: str
    arm_id: str
    propensity: float
    allocation_version: int
    ts: int


Entry = Decision | Event | Reward | AssignmentRow


class Outcome(NamedTuple):
    """What became of an entry.

    Attributes:
        status: `accepted`: it is new; `duplicate`: it was there already; `conflict`: another reward is there.
        previous: The reward that is there, of a reward that was not accepted.
        assignment: What stands, of an assignment that was not accepted: strategy, arm, propensity, version.
    """

    status: Literal["accepted", "duplicate", "conflict"]
    previous: float | None = None
    assignment: tuple[str, str, float, int] | None = None


_ACCEPTED, _DUPLICATE = Outcome("accepted"), Outcome("duplicate")


def commit(
    connection: Connection, entries: Sequence[Entry], recorded: Sequence[Decision | AssignmentRow] = ()
) -> list[Outcome]:
    """Write entries and count them.

    Args:
        connection: In a transaction that, on SQLite, has the write lock; the caller commits it.
        entries: What was sent; of two with one id the first one wins.
        recorded: More decisions and assignments, of which nobody wants to know what became.

    Returns:
        One outcome for each entry, in order.
    """
    cursor = connection.connection.cursor()
    try:
        batch = _Batch(connection, cursor)
        batch.write(entries, recorded)
        outcomes = [batch.outcome(entry) for entry in entries]
        batch.tally.write(cursor, batch.tables.dialect)
    finally:
        cursor.close()
    return outcomes


class _Batch:
    """Entries on their way into the tables.

    A key leaves `_new_...` when its first entry has been told: the next one with it is a duplicate.
    """

    def __init__(self, connection: Connection, cursor: DBAPICursor) -> None:
        self.tables = _tables(connection.dialect.name)
        self.tally = Tally()
        self._connection, self._cursor = connection, cursor
        self._new_decisions: set[str] = set()
        self._new_events: set[str] = set()
        self._rewards: dict[str, float | None] = {}
        self._new_assignments: set[tuple[str, str]] = set()
        self._standing: dict[tuple[str, str], AssignmentRow] = {}

    def write(self, entries: Sequence[Entry], recorded: Sequence[Decision | AssignmentRow]) -> None:
        """Insert what is new, count the decisions, and remember what is needed to tell new from old."""
        loose: list[Decision] = []
        rewarded: list[Decision] = []
        log: dict[str, Event] = {}
        assigned: list[AssignmentRow] = []
        for row in recorded:
            if type(row) is Decision:
                loose.append(row)
            else:
                assigned.append(row)  # type: ignore[arg-type]
        for entry in entries:
            if type(entry) is Reward:
                rewarded.append(entry.decision)
                log.setdefault(entry.event.event_id, entry.event)
            elif type(entry) is Event:
                log.setdefault(entry.event_id, entry)
            elif type(entry) is Decision:
                loose.append(entry)
            else:
                assigned.append(entry)  # type: ignore[arg-type]
        if loose:
            self._reopen(loose)
        if assigned:
            is_asked = any(type(entry) is AssignmentRow for entry in entries)
            self._assign({row[:2]: row for row in reversed(assigned)}, is_asked)
        if loose or rewarded:
            decided = {row[0]: row for row in reversed(loose + rewarded)}
            new_decisions = self.tables.decisions.insert(
                self._cursor, sorted(decided.values()), hopeful=not rewarded
            )
            self.tally.decisions(new_decisions)
            self._new_decisions = {row[0] for row in new_decisions}
        if log:
            new_events = self.tables.events.insert(self._cursor, sorted(log.values()))
            self._new_events = {row[0] for row in new_events}
            self._look_up_rewards(log.keys() - self._new_events)

    def outcome(self, entry: Entry) -> Outcome:
        """Tell what became of an entry, and count it if it is new."""
        if type(entry) is Reward:
            return self._reward(entry)
        if type(entry) is AssignmentRow:
            return self._assignment(entry)
        new = self._new_events if type(entry) is Event else self._new_decisions
        key: str = entry[0]  # type: ignore[assignment]
        if key not in new:
            return _DUPLICATE
        new.remove(key)
        if type(entry) is Event:
            self._rewards[key] = entry.reward
            self.tally.event(entry)
        return _ACCEPTED

    def _reward(self, entry: Reward) -> Outcome:
        key, value = entry.event.event_id, entry.event.reward
        if key in self._new_events:
            self._new_events.remove(key)
            self._rewards[key] = value
            self.tally.reward(entry)
            return _ACCEPTED
        previous = self._rewards[key]
        return Outcome("duplicate" if previous == value else "conflict", previous)

    def _assignment(self, entry: AssignmentRow) -> Outcome:
        key = entry[:2]
        standing = self._standing[key]
        if key in self._new_assignments and standing == entry:
            self._new_assignments.remove(key)
            return _ACCEPTED
        return Outcome("duplicate", None, standing[2:6])

    def _assign(self, rows: dict[tuple[str, str], AssignmentRow], is_asked: bool) -> None:
        arrived = {row.user_key: (row.user_key, row.ts) for row in rows.values()}
        self.tables.users.run(self._cursor, sorted(arrived.values()))
        if not is_asked:
            self.tables.recorded_assignments.run(self._cursor, sorted(rows.values()))
            return
        new = self.tables.assignments.insert(self._cursor, sorted(rows.values()))
        self._new_assignments = {row[:2] for row in new}
        self._standing = rows
        if old := rows.keys() - self._new_assignments:
            key = tuple_(assignments.c.experiment_id, assignments.c.user_key)
            for row in self._connection.execute(select(assignments).where(key.in_(old))):
                self._standing[row[:2]] = AssignmentRow(*row)

    def _look_up_rewards(self, event_ids: Iterable[str]) -> None:
        if event_ids:
            query = select(events.c.event_id, events.c.reward).where(events.c.event_id.in_(event_ids))
            self._rewards = {row[0]: row[1] for row in self._connection.execute(query)}

    def _reopen(self, rows: Iterable[Decision]) -> None:
        """Have `settle` look again where decisions are written that it may have passed over.

        The experiment's row is locked before they are inserted, and `settle` locks it before it looks: so
        either it sees them, or its mark is put back behind them.
        """
        if min(row.ts for row in rows) > time.time_ns() // 1000 - LATE_US:
            return
        oldest: dict[str, int] = {}
        for row in rows:
            oldest[row.experiment_id] = min(row.ts, oldest.get(row.experiment_id, row.ts))
        for experiment_id, ts in sorted(oldest.items()):
            self._cursor.execute(self.tables.reopen, (ts, ts, experiment_id))


class _Tables:
    """Statements for one kind of store."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        unless_there = "ON CONFLICT DO NOTHING"
        self.users = BulkInsert(users, dialect, unless_there)
        self.recorded_assignments = BulkInsert(assignments, dialect, unless_there)
        self.assignments = NewRows[AssignmentRow](assignments, dialect)
        self.decisions = NewRows[Decision](decisions, dialect)
        self.events = NewRows[Event](events, dialect)
        place = "%s" if dialect == "postgresql" else "?"
        self.reopen = (
            f"UPDATE experiments SET settled_ts = CASE WHEN settled_ts > {place} THEN {place}"
            f" ELSE settled_ts END WHERE experiment_id = {place}"
        )


_tables = cache(_Tables)
