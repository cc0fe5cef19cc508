"""Logs as HTML tables: the columns that people read, in their words, with links between logs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from armlift.reporting.numerals import percent
from dashboard.logs import DecisionName, LogName

if TYPE_CHECKING:
    from dashboard.view import View

Row = Mapping[Any, Any]
Cell = Callable[["View", Row], str]
_SHORT = 10  # letters of a key that nobody reads to the end


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        name: Its message, without `dash.decisions.column.`.
        cell: Makes a cell's HTML of a row.
        number: Whether it is aligned to the right.
    """

    name: str
    cell: Cell
    number: bool = False


def log_table(view: View, log: LogName, rows: pd.DataFrame) -> str:
    """A log as an HTML table.

    Args:
        view: The session's view.
        log: Which log.
        rows: Its rows, of `read_log`.
    """
    columns = COLUMNS[log]
    head = "".join(
        f'<th scope="col"{_aligned(column)}>{escape(view.say(f"decisions.column.{column.name}"))}</th>'
        for column in columns
    )
    body = "".join(
        f"<tr>{''.join(f'<td{_aligned(column)}>{column.cell(view, row)}</td>' for column in columns)}</tr>"
        for row in rows.to_dict("records")
    )
    label = escape(view.say(f"decisions.log.{log}"))
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}">'
        f'<table class="log"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _aligned(column: Column) -> str:
    return ' class="number"' if column.number else ""


def _text(name: str) -> Cell:
    def cell(_: View, row: Row) -> str:
        value = row[name]
        return "" if value is None or value is pd.NaT or value != value else escape(str(value))

    return cell


def _time(name: str) -> Cell:
    return lambda view, row: escape(view.when(row[name], seconds=True))


def _number(name: str, digits: int = 0) -> Cell:
    return lambda _, row: "" if pd.isna(row[name]) else f"{row[name]:,.{digits}f}"


def _share(name: str) -> Cell:
    return lambda _, row: "" if pd.isna(row[name]) else escape(percent(row[name]))


def _search(name: str, log: LogName) -> Cell:
    """A key that is shown short and searched for in a log."""

    def cell(view: View, row: Row) -> str:
        key = str(row[name] or "")
        if not key:
            return ""
        href = escape(view.link(log=log, q=key, why=None, arm=None, strategy=None, type=None))
        short = f"{key[:_SHORT]}…" if len(key) > _SHORT + 2 else key
        return f'<a href="{href}" title="{escape(key)}">{escape(short)}</a>'

    return cell


def _why(view: View, row: Row) -> str:
    at = pd.Timestamp(row["at"])
    name = DecisionName(at.value // 1000, row["decision_id"])
    words = escape(view.say("decisions.why.link"))
    label = escape(view.say("decisions.why.label", arm=row["arm_id"], at=view.when(at, seconds=True)))
    return f'<a href="{escape(view.link(why=name))}" aria-label="{label}">{words}</a>'


def _flags(view: View, row: Row) -> str:
    reasons = str(row["flag_reasons"] or "")
    said = ", ".join(reason for reason in reasons.split(",") if reason)
    return f'<span class="badge warn">{escape(said)}</span>' if said else ""


def _traffic(view: View, row: Row) -> str:
    return escape(view.say("source.simulated" if row["simulated"] else "source.live"))


def _states(_: View, row: Row) -> str:
    before, after = str(row["state_before"] or ""), str(row["state_after"] or "")
    return escape(f"{before} → {after}" if before else after)


COLUMNS: Mapping[LogName, tuple[Column, ...]] = {
    "decisions": (
        Column("at", _time("at")),
        Column("arm", _text("arm_id")),
        Column("strategy", _text("strategy_id")),
        Column("propensity", _share("propensity"), number=True),
        Column("version", _number("allocation_version"), number=True),
        Column("why", _why),
        Column("user", _search("user_key", "decisions")),
        Column("session", _search("session_id", "events")),
        Column("traffic", _traffic),
        Column("flags", _flags),
    ),
    "events": (
        Column("arrived", _time("server_at")),
        Column("type", _text("event_type")),
        Column("arm", _text("arm_id")),
        Column("strategy", _text("strategy_id")),
        Column("reward", _number("reward", 2), number=True),
        Column("revenue", _number("revenue", 2), number=True),
        Column("item", _text("item_id")),
        Column("device", _text("device")),
        Column("channel", _text("channel")),
        Column("user", _search("user_key", "events")),
        Column("session", _search("session_id", "events")),
        Column("flags", _flags),
    ),
    "sessions": (
        Column("last", _time("last_at")),
        Column("first", _time("first_at")),
        Column("session", _search("session_id", "events")),
        Column("user", _search("user_key", "decisions")),
        Column("decisions", _number("decisions"), number=True),
        Column("events", _number("events"), number=True),
        Column("reward", _number("reward", 2), number=True),
    ),
    "audit": (
        Column("at", _time("at")),
        Column("action", _text("action")),
        Column("state", _states),
        Column("who", _text("who")),
        Column("reason", _text("why")),
    ),
}
