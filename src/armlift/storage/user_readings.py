"""Users as units: moments of what each did, summed inside the database over a bounded part of the log."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    Select,
    Subquery,
    Table,
    and_,
    case,
    cast,
    func,
    not_,
    select,
)

from armlift.storage.database import Database
from armlift.storage.reading_frames import between, frame, oldest_looked_at
from armlift.storage.schema import decisions, events

if TYPE_CHECKING:
    import pandas as pd

DECISIONS_LOOKED_AT = 200_000
"""The users of so many decisions are counted, the newest ones; with their events."""

MEASURES = ("impressions", "clicks", "add_to_carts", "purchases", "revenue", "reward", "sessions")
"""What is summed by user, as `experiments.summary` names it."""

PAIRS = (
    *((name, name) for name in MEASURES),
    ("add_to_carts", "impressions"),
    ("clicks", "impressions"),
    ("purchases", "clicks"),
    ("purchases", "impressions"),
    ("reward", "sessions"),
)
"""Measures whose products are summed, those of ratios among them."""

ANY = ("clicks", "purchases")
"""Measures of which it is counted how many users have any."""

_COUNTED = {
    "impressions": "impression",
    "clicks": "click_detail",
    "add_to_carts": "add_to_cart",
    "purchases": "purchase",
}


class UserReadings:
    """Readings by user.

    Args:
        database: The store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def users(
        self, experiment_id: str, *, since: datetime | None = None, simulated: bool | None = None
    ) -> pd.DataFrame:
        """Count users, and sum what they did, its squares and its products.

        The users of the newest `DECISIONS_LOOKED_AT` decisions are units, flagged decisions and events aside;
        a user who met two arms is a unit of each.

        Args:
            experiment_id: Experiment.
            since: Decisions and events before are left out.
            simulated: Whether by simulated users; None for all.

        Returns:
            `strategy_id`, `arm_id`, `users`, `users_once` (the same, but each user at one arm of a strategy),
            `decisions`; of every measure its sum; of pairs the sum of
            products by user, as `clicks*impressions`; `any_clicks` and `any_purchases`, users with any;
            `inverse` and `inverse*inverse`, sums over users of the inverse propensity of their decision, and
            `decision_inverse` and `decision_inverse*decision_inverse`, the same over decisions.
            `attrs["complete"]` says whether all decisions were looked at.

        Raises:
            ParameterError: The time has no time zone.
        """
        bounds = between(decisions.c.ts, since, None)
        with self._database.read() as connection:
            floor = oldest_looked_at(connection, decisions.c.ts, bounds, DECISIONS_LOOKED_AT)
            if floor is not None:
                bounds = [decisions.c.ts >= floor]
            start = connection.scalar(select(func.min(decisions.c.ts)).where(*bounds)) or 0
            decided = _decided(_of(decisions, experiment_id, simulated), bounds)
            did = _did([*_of(events, experiment_id, simulated), events.c.ts_server >= start])
            table = frame(connection.execute(_moments(decided, did)))
        table.attrs["complete"] = floor is None
        return table


def _of(table: Table, experiment_id: str, simulated: bool | None) -> list[ColumnElement[bool]]:
    conditions = [table.c.experiment_id == experiment_id, not_(table.c.bot_flag)]
    return conditions if simulated is None else [*conditions, table.c.simulated.is_(simulated)]


def _decided(conditions: list[ColumnElement[bool]], bounds: list[ColumnElement[bool]]) -> Subquery:
    """One row for each user and arm: decisions, sessions and inverse propensities."""
    column = decisions.c
    inverse = 1.0 / column.propensity
    key = [column.strategy_id, column.arm_id, column.user_key]
    return (
        select(
            *key,
            func.count().label("decisions"),
            func.count(func.nullif(column.session_id, "").distinct()).label("sessions"),
            func.max(inverse).label("inverse"),
            func.sum(inverse).label("decision_inverse"),
            func.sum(inverse * inverse).label("decision_squares"),
            func.row_number()
            .over(partition_by=[column.strategy_id, column.user_key], order_by=column.arm_id)
            .label("arm_number"),
        )
        .where(*bounds, *conditions)
        .group_by(*key)
        .subquery("decided")
    )


def _did(conditions: list[ColumnElement[bool]]) -> Subquery:
    """One row for each user and arm: what happened after the decisions."""
    column = events.c
    key = [column.strategy_id, column.arm_id, column.user_key]
    given = and_(column.event_type == "reward", column.flag_reasons == "")
    bought = column.event_type == "purchase"
    return (
        select(
            *key,
            *(_total(column.event_type == kind, 1.0).label(name) for name, kind in _COUNTED.items()),
            _total(bought, func.coalesce(column.revenue, 0.0)).label("revenue"),
            _total(given, func.coalesce(column.reward, 0.0)).label("reward"),
        )
        .where(*conditions)
        .group_by(*key)
        .subquery("did")
    )


def _moments(decided: Subquery, did: Subquery) -> Select[Any]:
    names = ("strategy_id", "arm_id", "user_key")
    joined = decided.outerjoin(did, and_(*(decided.c[name] == did.c[name] for name in names)))
    value: dict[str, ColumnElement[Any]] = {
        name: func.coalesce(did.c[name], 0.0) for name in MEASURES if name != "sessions"
    }
    value["sessions"] = cast(decided.c.sessions, Double)
    own = decided.c
    return (
        select(
            own.strategy_id,
            own.arm_id,
            func.count().label("users"),
            func.sum(case((own.arm_number == 1, 1), else_=0)).label("users_once"),
            cast(func.sum(own.decisions), BigInteger).label("decisions"),
            *(func.sum(value[name]).label(name) for name in MEASURES),
            *(func.sum(value[one] * value[other]).label(f"{one}*{other}") for one, other in PAIRS),
            *(func.sum(case((value[name] > 0, 1), else_=0)).label(f"any_{name}") for name in ANY),
            func.sum(own.inverse).label("inverse"),
            func.sum(own.inverse * own.inverse).label("inverse*inverse"),
            func.sum(own.decision_inverse).label("decision_inverse"),
            func.sum(own.decision_squares).label("decision_inverse*decision_inverse"),
        )
        .select_from(joined)
        .group_by(own.strategy_id, own.arm_id)
        .order_by(own.strategy_id, own.arm_id)
    )


def _total(condition: ColumnElement[bool], value: Any) -> ColumnElement[Any]:
    return func.sum(case((condition, value), else_=0.0))
