"""What monitoring reads from the log of live traffic, and what it writes beside it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, delete, insert, or_, select

from armlift.environment import sqlite_file
from armlift.storage.database import Database
from armlift.storage.schema import decisions, events, monitoring

if TYPE_CHECKING:
    import pandas as pd

_DECISION = ("decision_id", "ts", "experiment_id", "strategy_id", "arm_id", "user_key", "bot_flag")
_EVENT = ("decision_id", "ts", "arm_id", "user_key", "event_type", "item_id", "position")
_AT_ONCE = 200


class Reading(NamedTuple):
    """One reading of the monitoring; about no experiment unless it names one.

    Attributes:
        ts: Moment that it is about, microseconds UTC.
        metric: Name, such as `drift:clicks.genre`.
        segment: What part of the traffic, such as `simulated`.
        value: Its value; None where there is none.
        threshold: From which on it is an alarm; None where there is none.
        alarm: Whether it is one.
        details: Whatever else is known.
        experiment_id: Experiment; empty for none.
    """

    ts: int
    metric: str
    segment: str
    value: float | None
    threshold: float | None
    alarm: bool
    details: Mapping[str, Any]
    experiment_id: str = ""


def monitored_store(url: str) -> bool:
    """Whether there is a store; looking for one must not make an empty file of it.

    Args:
        url: DATABASE_URL; a server counts as there.
    """
    file = sqlite_file(url)
    return file is None or (file.is_file() and file.stat().st_size > 0)


def live_visits(
    database: Database, strategies: Sequence[str], since: pd.Timestamp | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read decisions and clicks that count, oldest first.

    Args:
        database: The store.
        strategies: Strategies that are read.
        since: Earlier decisions are left out; None for none.

    Returns:
        Decisions and clicks, each with `ts` in UTC.
    """
    import pandas as pd

    counted = and_(decisions.c.strategy_id.in_(strategies), decisions.c.bot_flag.is_(False))
    if since is not None:
        counted = and_(counted, decisions.c.ts >= since.value // 1000)
    made = select(*(decisions.c[name] for name in _DECISION)).where(counted).order_by(decisions.c.ts)
    clicks = (
        select(*(events.c[name] for name in _EVENT))
        .join_from(events, decisions, events.c.decision_id == decisions.c.decision_id)
        .where(counted, events.c.event_type == "click_detail", events.c.bot_flag.is_(False))
        .order_by(events.c.ts)
    )
    with database.read() as connection:
        tables = [
            pd.DataFrame(connection.execute(query).all(), columns=list(columns))
            for query, columns in ((made, _DECISION), (clicks, _EVENT))
        ]
    for table in tables:
        table["ts"] = pd.to_datetime(table["ts"].astype("int64"), unit="us", utc=True)
    return tables[0], tables[1]


def write_readings(database: Database, readings: Iterable[Reading]) -> int:
    """Write readings; those of the same moment, metric and segment are replaced, never doubled.

    Args:
        database: The store, with its tables.
        readings: What to write.

    Returns:
        How many were written.
    """
    rows = [
        each._asdict()
        | {
            "value": _finite(each.value),
            "threshold": _finite(each.threshold),
            "details": json.dumps(dict(each.details), ensure_ascii=False, sort_keys=True),
        }
        for each in readings
    ]
    keys = ("experiment_id", "ts", "metric", "segment")
    for start in range(0, len(rows), _AT_ONCE):
        part = rows[start : start + _AT_ONCE]
        same = [and_(*(monitoring.c[key] == row[key] for key in keys)) for row in part]
        with database.begin() as connection:  # short, beside a router that writes
            connection.execute(delete(monitoring).where(or_(*same)))
            connection.execute(insert(monitoring), part)
    return len(rows)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
