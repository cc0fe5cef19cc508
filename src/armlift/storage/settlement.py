"""Gives decisions that got no reward in time their default reward, once."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    case,
    false,
    func,
    insert,
    literal,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as insert_or_skip

from armlift.experiments.log_rows import Decision, Event
from armlift.storage.database import Database
from armlift.storage.schema import decisions, events, experiments
from armlift.storage.tally import Tally

DEFAULT_CHANNEL = "default"
"""Channel of the event of a default reward, which nobody sent."""

_BATCH = 1000  # decisions in a transaction: rewards wait some milliseconds for it, not longer

_EVENT_ID = decisions.c.decision_id + "-r"


def settle(database: Database, experiment_id: str, before_ts: int, reward: float) -> int:
    """Give a default reward to every unflagged decision without a reward.

    A mark in the experiment's row says how far this has come. Where a reward arrives at the same moment, or
    another process does the same, the first event with the decision's id stands, as everywhere.

    Args:
        database: The store.
        experiment_id: Experiment.
        before_ts: Decisions made before it are concerned, microseconds UTC: those whose window is over.
        reward: The default reward.

    Returns:
        How many were given.
    """
    given = 0
    while True:
        with database.begin() as connection:
            number, is_done = _settle_some(connection, experiment_id, before_ts, reward)
        given += number
        if is_done:
            return given


def _settle_some(
    connection: Connection, experiment_id: str, before_ts: int, reward: float
) -> tuple[int, bool]:
    mark = select(experiments.c.settled_ts).where(experiments.c.experiment_id == experiment_id)
    settled = connection.execute(mark.with_for_update()).scalar_one_or_none()
    if settled is None or settled >= before_ts:
        return 0, True
    waiting = and_(
        decisions.c.experiment_id == experiment_id,
        decisions.c.ts >= settled,
        decisions.c.ts < before_ts,
        decisions.c.bot_flag.is_(False),
        ~select(events.c.event_id).where(events.c.event_id == _EVENT_ID).exists(),
    )
    some = select(decisions.c.ts).where(waiting).order_by(decisions.c.ts).limit(_BATCH).subquery()
    found, last = connection.execute(select(func.count(), func.max(some.c.ts))).one()
    is_done = found < _BATCH
    number = _give(connection, and_(waiting, decisions.c.ts <= last), reward) if found else 0
    connection.execute(
        update(experiments)
        .where(experiments.c.experiment_id == experiment_id)
        .values(settled_ts=before_ts if is_done else last)
    )
    return number, is_done


def _give(connection: Connection, waiting: ColumnElement[bool], reward: float) -> int:
    """Insert the events of default rewards and count them."""
    now = time.time_ns() // 1000
    values: dict[str, ColumnElement[Any]] = {}
    values |= {name: decisions.c[name] for name in Decision._fields if name in events.c}
    values |= {"event_id": _EVENT_ID, "ts": literal(now), "ts_server": literal(now)}
    values |= {"event_type": literal("reward"), "reward": literal(float(reward))}
    values |= {name: null() for name in ("position", "revenue", "price", "quantity")}
    values |= {"item_id": literal(""), "device": literal(""), "channel": literal(DEFAULT_CHANNEL)}
    values |= {"srm_flag": false(), "guardrail_breach": false()}
    rows = select(*(values[name] for name in Event._fields)).where(waiting).order_by(decisions.c.decision_id)
    if connection.dialect.name == "sqlite":
        # Nobody else writes, so what is counted now is what will be inserted.
        counts = connection.execute(_grouped(decisions).where(waiting)).all()
        connection.execute(insert(events).from_select(Event._fields, rows))
    else:
        skip = insert_or_skip(events).from_select(Event._fields, rows).on_conflict_do_nothing()
        counts = connection.execute(_grouped(skip.returning(*events.c).cte())).all()
    tally = Tally()
    for number, simulated, context, experiment, strategy, arm in counts:
        like = Decision("", now, experiment, strategy, arm, 0.0, 0, "", "", context, simulated)
        tally.rewards(like, now, number, reward)
    cursor = connection.connection.cursor()
    try:
        tally.write(cursor, "sqlite" if connection.dialect.name == "sqlite" else "postgresql")
    finally:
        cursor.close()
    return sum(row[0] for row in counts)


def _grouped(rows: FromClause) -> Select[Any]:
    """How many rows there are of each arm and session batch."""
    column = rows.c
    context = case((column.simulated, column.context), else_="{}")
    group = (column.simulated, context, column.experiment_id, column.strategy_id, column.arm_id)
    return select(func.count(), *group).group_by(*group)
