"""Rows of the store as tables."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, ColumnElement, Connection, select

from armlift.errors import ParameterError
from armlift.experiments.live_window import LiveSums
from armlift.storage.times import microseconds

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import CursorResult

# What holds although a table is empty, or holds nothing in a column.
_KINDS: dict[str, type] = {name: type(start) for name, start in LiveSums._field_defaults.items()}
_KINDS |= dict.fromkeys(("value", "threshold", "reward", "propensity", "revenue", "price"), float)
_KINDS |= dict.fromkeys(("alarm", "simulated", "bot_flag"), bool)


def frame(rows: CursorResult[Any], **renamed: str) -> pd.DataFrame:
    """Make a table of rows.

    Args:
        rows: Answer to a query.
        renamed: New names of columns; those that end in `at` become times in UTC, `details` becomes dicts.
    """
    import pandas as pd

    names = [renamed.get(name, name) for name in map(str, rows.keys())]
    found = [tuple(row) for row in rows]  # half the time that pandas takes for rows of SQLAlchemy
    table = pd.DataFrame.from_records(found, columns=names)
    for name in names:
        if name == "at" or name.endswith("_at"):
            table[name] = times(table[name])
        elif name == "details":
            table[name] = pd.Series(map(json.loads, table[name]), index=table.index, dtype=object)
        elif name in _KINDS:
            table[name] = table[name].astype(_KINDS[name])
    return table


def times(column: pd.Series) -> pd.Series:
    """Make microseconds times in UTC, and what is missing no time."""
    import pandas as pd

    return pd.to_datetime(column.astype("Int64"), unit="us", utc=True).dt.as_unit("us")


def between(
    ts: ColumnElement[int], since: datetime | None, until: datetime | None
) -> list[ColumnElement[bool]]:
    """Conditions on a column of times, from a time on and before another.

    Raises:
        ParameterError: A time has no time zone.
    """
    bounds: list[ColumnElement[bool]] = []
    if since is not None:
        bounds.append(ts >= microseconds(since, "since"))
    if until is not None:
        bounds.append(ts < microseconds(until, "until"))
    return bounds


def oldest_looked_at(
    connection: Connection, ts: Column[int], bounds: list[ColumnElement[bool]], rows: int
) -> int | None:
    """Give the time of the oldest row that a reading of so many rows looks at; None if it looks at all."""
    return connection.scalar(select(ts).where(*bounds).order_by(ts.desc()).offset(rows).limit(1))


def at_least_one(name: str, value: int) -> int:
    """Check how many rows are asked for.

    Raises:
        ParameterError: It is less than one.
    """
    if value < 1:
        raise ParameterError(name, value, "1 or more", "Ask for at least one row.")
    return value


def records(names: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> pd.DataFrame:
    """Make a table of tuples."""
    import pandas as pd

    return pd.DataFrame.from_records(list(rows), columns=list(names))
