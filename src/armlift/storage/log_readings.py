"""Decisions, events and sessions, the newest first: searches that look at a bounded part of the log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Column, ColumnElement, Connection, Table, and_, case, func, not_, or_, select

from armlift.storage.database import Database
from armlift.storage.reading_frames import at_least_one, between, frame, oldest_looked_at, records, times
from armlift.storage.schema import decisions, events
from armlift.storage.times import moment_of

if TYPE_CHECKING:
    import pandas as pd

LOOKED_AT = 200_000
"""So many rows of the log a search looks at, whether they fit or not: it has no index but that of times."""

_TIMES = {"ts": "at", "ts_server": "server_at"}
_DECISION_TEXTS = ("decision_id", "user_key", "session_id", "arm_id", "context", "flag_reasons")
_EVENT_TEXTS = (*_DECISION_TEXTS, "event_id", "item_id", "device", "channel")
_SESSION = ("session_id", "user_key", "first_at", "last_at", "decisions", "events", "reward")


class LogReadings:
    """Readings of the log itself.

    A table says in `attrs["searched_since"]` how far back was looked: a time, or None if that was all.

    Args:
        database: The store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def decisions(
        self,
        experiment_id: str | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        arm_id: str | None = None,
        strategy_id: str | None = None,
        user_key: str | None = None,
        simulated: bool | None = None,
        text: str | None = None,
        limit: int = 500,
    ) -> pd.DataFrame:
        """Give decisions, the newest first.

        Args:
            experiment_id: Of this experiment; None for all.
            since: Earlier ones are left out.
            until: Those at it and later are left out.
            arm_id: Of this arm.
            strategy_id: Of this strategy.
            user_key: Of this user.
            simulated: Of simulated users, or of real ones; None for both.
            text: Which ids, context or flags contain, in upper or lower case.
            limit: At most so many.

        Returns:
            The columns of a `Decision`; its time is `at`.

        Raises:
            ParameterError: A time has no time zone, or the limit is below 1.
        """
        conditions = _equal(
            decisions,
            experiment_id=experiment_id,
            arm_id=arm_id,
            strategy_id=strategy_id,
            user_key=user_key,
            simulated=simulated,
        )
        conditions += _containing(decisions, _DECISION_TEXTS, text)
        return self._newest(decisions.c.ts, decisions.c.decision_id, conditions, since, until, limit)

    def events(
        self,
        experiment_id: str | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        arm_id: str | None = None,
        strategy_id: str | None = None,
        user_key: str | None = None,
        event_type: str | None = None,
        simulated: bool | None = None,
        text: str | None = None,
        limit: int = 500,
    ) -> pd.DataFrame:
        """Give events by their arrival, the newest first.

        Args:
            experiment_id: Of this experiment; None for all.
            since: Earlier ones are left out.
            until: Those at it and later are left out.
            arm_id: Of this arm.
            strategy_id: Of this strategy.
            user_key: Of this user.
            event_type: Of this type, such as `purchase`.
            simulated: Of simulated users, or of real ones; None for both.
            text: Which ids, item, device, channel, context or flags contain, in upper or lower case.
            limit: At most so many.

        Returns:
            The columns of an `Event`; its times are `at`, by the client's clock, and `server_at`.

        Raises:
            ParameterError: A time has no time zone, or the limit is below 1.
        """
        conditions = _equal(
            events,
            experiment_id=experiment_id,
            arm_id=arm_id,
            strategy_id=strategy_id,
            user_key=user_key,
            event_type=event_type,
            simulated=simulated,
        )
        conditions += _containing(events, _EVENT_TEXTS, text)
        return self._newest(events.c.ts_server, events.c.event_id, conditions, since, until, limit)

    def sessions(
        self,
        experiment_id: str | None = None,
        *,
        since: datetime | None = None,
        simulated: bool | None = None,
        limit: int = 500,
    ) -> pd.DataFrame:
        """Give sessions that clients named, by their last decision, the newest first.

        Args:
            experiment_id: Of this experiment; None for all.
            since: Decisions and events before are left out.
            simulated: Of simulated users, or of real ones; None for both.
            limit: At most so many.

        Returns:
            `session_id`, `user_key`, `first_at` and `last_at` (of decisions), the numbers of `decisions` and
            `events` (rewards aside), and the sum of rewards, `reward`.

        Raises:
            ParameterError: The time has no time zone, or the limit is below 1.
        """
        at_least_one("limit", limit)
        column = decisions.c
        with self._database.read() as connection:
            floor = oldest_looked_at(connection, column.ts, between(column.ts, since, None), LOOKED_AT)
            key = [column.session_id, column.user_key]
            last = func.max(column.ts)
            found = connection.execute(
                select(*key, func.min(column.ts).label("first_at"), last.label("last_at"), func.count())
                .where(*_from(column.ts, floor, since), column.session_id != "")
                .where(*_equal(decisions, experiment_id=experiment_id, simulated=simulated))
                .group_by(*key)
                .order_by(last.desc(), *key)
                .limit(limit)
            ).fetchall()
            oldest = min((row.first_at for row in found), default=0)
            happened = self._of_sessions(connection, [row.session_id for row in found], oldest, experiment_id)
        rows = ((*row, *happened.get(tuple(row[:2]), (0, 0.0))) for row in found)
        table = records(_SESSION, rows)
        return _dated(table, floor)

    def reward_per_session(
        self, experiment_id: str, *, since: datetime | None = None, limit: int = 50_000
    ) -> pd.DataFrame:
        """Give the sum of rewards of each session, of the newest decisions.

        A user without named sessions is one session.

        Args:
            experiment_id: Experiment.
            since: Decisions made before are left out.
            limit: So many decisions are summed at most.

        Returns:
            `strategy_id`, `arm_id`, `session_id`, the number of `decisions` and the sum of `reward`.

        Raises:
            ParameterError: The time has no time zone, or the limit is below 1.
        """
        column = decisions.c
        session = func.coalesce(func.nullif(column.session_id, ""), column.user_key).label("session")
        newest = (
            select(column.decision_id, column.strategy_id, column.arm_id, session)
            .where(*between(column.ts, since, None), column.experiment_id == experiment_id)
            .where(not_(column.bot_flag))
            .order_by(column.ts.desc(), column.decision_id.desc())
            .limit(at_least_one("limit", limit))
            .subquery()
        )
        counts = and_(events.c.flag_reasons == "", not_(events.c.bot_flag))
        reward = func.sum(case((counts, func.coalesce(events.c.reward, 0.0)), else_=0.0)).label("reward")
        key = [newest.c.strategy_id, newest.c.arm_id, newest.c.session]
        query = (
            select(*key, func.count().label("decisions"), reward)
            .select_from(newest.outerjoin(events, events.c.event_id == newest.c.decision_id + "-r"))
            .group_by(*key)
            .order_by(*key)
        )
        with self._database.read() as connection:
            return frame(connection.execute(query), session="session_id")

    def _newest(
        self,
        ts: Column[int],
        key: Column[str],
        conditions: list[ColumnElement[bool]],
        since: datetime | None,
        until: datetime | None,
        limit: int,
    ) -> pd.DataFrame:
        at_least_one("limit", limit)
        bounds = between(ts, since, until)
        with self._database.read() as connection:
            floor = oldest_looked_at(connection, ts, bounds, LOOKED_AT) if conditions else None
            if floor is not None:
                bounds.append(ts >= floor)
            query = select(ts.table).where(*bounds, *conditions).order_by(ts.desc(), key.desc()).limit(limit)
            table = frame(connection.execute(query), **_TIMES)
        table.attrs["searched_since"] = None if floor is None or len(table) == limit else moment_of(floor)
        return table

    def _of_sessions(
        self, connection: Connection, sessions: Sequence[str], since: int, experiment_id: str | None
    ) -> dict[tuple[str, str], tuple[int, float]]:
        """Numbers of events and sums of rewards, by session and user."""
        if not sessions:
            return {}
        column = events.c
        floor = oldest_looked_at(connection, column.ts_server, [column.ts_server >= since], LOOKED_AT)
        is_reward = column.event_type == "reward"
        counts = and_(is_reward, column.flag_reasons == "", not_(column.bot_flag))
        key = [column.session_id, column.user_key]
        query = (
            select(
                *key,
                func.sum(case((is_reward, 0), else_=1)),
                func.sum(case((counts, func.coalesce(column.reward, 0.0)), else_=0.0)),
            )
            .where(column.ts_server >= (since if floor is None else floor), column.session_id.in_(sessions))
            .where(*_equal(events, experiment_id=experiment_id))
            .group_by(*key)
        )
        return {(row[0], row[1]): (int(row[2]), float(row[3])) for row in connection.execute(query)}


def _from(ts: Column[int], floor: int | None, since: datetime | None) -> list[ColumnElement[bool]]:
    return between(ts, since, None) if floor is None else [ts >= floor]


def _dated(table: pd.DataFrame, floor: int | None) -> pd.DataFrame:
    for name in ("first_at", "last_at"):
        table[name] = times(table[name])
    table.attrs["searched_since"] = None if floor is None else moment_of(floor)
    return table


def _equal(table: Table, **values: str | bool | None) -> list[ColumnElement[bool]]:
    return [table.c[name] == value for name, value in values.items() if value is not None]


def _containing(table: Table, names: Sequence[str], text: str | None) -> list[ColumnElement[bool]]:
    if not text:
        return []
    return [or_(*(table.c[name].icontains(text, autoescape=True) for name in names))]
