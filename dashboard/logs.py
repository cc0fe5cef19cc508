"""The logs of the live store as one reader filters them: decisions, events, sessions, changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import pandas as pd

from armlift.experiments.log_rows import EVENT_TYPES

if TYPE_CHECKING:
    from armlift.storage import Readings
    from dashboard.view import View

LogName = Literal["decisions", "events", "sessions", "audit"]
LOGS: tuple[LogName, ...] = get_args(LogName)
FILTERS = ("arm", "strategy", "type", "q")
"""What is kept of a filter in an address, beside the name of the log and what the whole view says."""


class LogFilter(NamedTuple):
    """Which rows of which log.

    Attributes:
        log: The log.
        experiment: Id of the experiment.
        since: Earlier rows are left out; None for all.
        simulated: Of simulated users, or of real ones; None for both. Changes have no users.
        arm: Of this arm; None for any.
        strategy: Of this strategy; None for any.
        event_type: Of this type, for events; None for any.
        text: What ids, context or flags contain; None for anything.
    """

    log: LogName
    experiment: str
    since: datetime | None = None
    simulated: bool | None = None
    arm: str | None = None
    strategy: str | None = None
    event_type: str | None = None
    text: str | None = None


def log_filter(view: View) -> LogFilter | None:
    """The filter that a view's address names; None without an experiment. Wrong names are ignored."""
    row = view.row
    if row is None:
        return None
    given = {name: view.extra.get(name) for name in ("log", *FILTERS)}
    log: LogName = next((name for name in LOGS if name == given["log"]), "decisions")
    of_rows = log in ("decisions", "events")
    strategies = {strategy.id for strategy in row.brief.strategies}
    return LogFilter(
        log,
        row.id,
        view.since() if log != "audit" else None,
        view.simulated if log != "audit" else None,
        given["arm"] if of_rows and given["arm"] in row.brief.arms else None,
        given["strategy"] if of_rows and given["strategy"] in strategies else None,
        given["type"] if log == "events" and given["type"] in EVENT_TYPES else None,
        (given["q"] or None) if of_rows else None,
    )


def read_log(readings: Readings, wanted: LogFilter, limit: int) -> pd.DataFrame:
    """Read rows of a log, the newest first.

    Args:
        readings: Where to read.
        wanted: Which rows.
        limit: At most so many.

    Returns:
        The table of `Readings`; `attrs["searched_since"]` says how far back was looked, where not at all.
    """
    if wanted.log == "audit":
        return readings.audit(wanted.experiment, limit=limit)
    if wanted.log == "sessions":
        return readings.sessions(
            wanted.experiment, since=wanted.since, simulated=wanted.simulated, limit=limit
        )
    rows: dict[str, Any] = {
        "since": wanted.since,
        "simulated": wanted.simulated,
        "arm_id": wanted.arm,
        "strategy_id": wanted.strategy,
        "text": wanted.text,
    }
    if wanted.log == "decisions":
        return readings.decisions(wanted.experiment, limit=limit, **rows)
    return readings.events(wanted.experiment, event_type=wanted.event_type, limit=limit, **rows)


class DecisionName(NamedTuple):
    """A decision as an address names it: with its time, by which it is found at once.

    Attributes:
        ts: When it was made, microseconds UTC.
        id: Its id.
    """

    ts: int
    id: str

    def __str__(self) -> str:
        return f"{self.ts}-{self.id}"


def decision_name(text: str | None) -> DecisionName | None:
    """Read a decision's name; None of what is none.

    Example:
        >>> decision_name("1700000000000000-00abc")
        DecisionName(ts=1700000000000000, id='00abc')
    """
    ts, dash, name = (text or "").partition("-")
    return DecisionName(int(ts), name) if dash and ts.isascii() and ts.isdigit() and len(ts) <= 17 else None


def find_decision(readings: Readings, experiment: str, name: DecisionName) -> pd.Series | None:
    """Find a decision; None if it is not there, or no longer."""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=name.ts)
    rows = readings.decisions(experiment, since=at, until=at + timedelta(microseconds=1))
    found = rows[rows["decision_id"] == name.id]
    return None if found.empty else found.iloc[0]
