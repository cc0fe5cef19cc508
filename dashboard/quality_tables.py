"""Tables of the quality page: the split of traffic, the age of everything, the checklist."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

from armlift.experiments.checklist import Status
from armlift.reporting.numerals import count, percent
from dashboard.quality_checklist import checklist
from dashboard.quality_figures import traffic_split
from dashboard.widgets import Tone, badge, rows_of

if TYPE_CHECKING:
    from dashboard.view import View

TABLES = ("ratings", "policy_summary", "model_comparison", "drift_report", "live_standing")
"""Tables whose age says when their pipeline last ran."""

_TONES: Mapping[Status, Tone] = {
    Status.PASSED: "good",
    Status.FAILED: "bad",
    Status.NOT_JUDGED: "quiet",
}
_NO_READINGS = pd.DataFrame(columns=["metric", "segment", "alarm"])


def split_card(view: View, _subject: str | None) -> str:
    """What each strategy sent where, and what was planned, as HTML."""
    row, totals = view.row, view.snapshot.totals
    say = view.say
    title, note = say("quality.split.title"), say("quality.split.note")
    if row is None or totals.empty:
        return _card(title, note, f'<p class="note">{escape(say("quality.split.empty"))}</p>')
    brief = row.brief
    planned = {
        (strategy.id, arm): percent(weight / sum(brief.weights(strategy)))
        for strategy in brief.strategies
        if strategy.allocation == "fixed"
        for arm, weight in zip(brief.arms, brief.weights(strategy), strict=True)
    }
    counted = traffic_split(totals[totals["experiment_id"] == row.id], brief.arms)
    adaptive = say("quality.split.adaptive")
    cells = [
        (strategy, arm, count(decisions), percent(share), planned.get((strategy, arm), adaptive))
        for strategy, arm, decisions, share in counted.itertuples(index=False)
    ]
    names = ("strategy", "arm", "decisions", "share", "planned")
    table = pd.DataFrame(cells, columns=[say(f"quality.split.{name}") for name in names])
    return _card(title, note, rows_of(table, title))


def freshness_card(view: View, _minute: int) -> str:
    """How old the newest of everything is, as HTML."""
    say, rows = view.say, []
    readings = view.sources.readings
    if readings is not None:
        for what, last, age, note in readings.freshness().itertuples(index=False):
            waits = say("quality.fresh.waiting", n=note) if note and note != "0" else ""
            rows.append((say(f"quality.fresh.{what}"), *_age(view, last, age), waits))
    for name in TABLES:
        file = view.sources.path(name)
        last = datetime.fromtimestamp(file.stat().st_mtime, UTC) if file.exists() else None
        age = (datetime.now(UTC) - last).total_seconds() if last else None
        rows.append((say("quality.fresh.table", name=name), *_age(view, last, age), ""))
    columns = [say(f"quality.fresh.{name}") for name in ("what", "last", "age", "remark")]
    title = say("quality.fresh.title")
    table = rows_of(pd.DataFrame(rows, columns=columns), title)
    return _card(title, say("quality.fresh.note"), table)


def _age(view: View, last: Any, age: float | None) -> tuple[str, str]:
    if last is None or pd.isna(last) or age is None:
        return view.say("quality.fresh.never"), ""
    return view.when(last), view.span(age)


def checklist_card(view: View, _subject: str | None) -> str:
    """The checklist of a good experiment, as HTML."""
    if view.row is None:
        return ""
    say, readings = view.say, view.snapshot.monitoring
    own = readings[readings["experiment_id"] == view.row.id] if len(readings) else _NO_READINGS
    lines = checklist(view.row.brief, own, say)
    met, missed = (sum(line.status is status for line in lines) for status in (Status.PASSED, Status.FAILED))
    note = say("quality.check.note", passed=met, failed=missed, n=len(lines))
    items = "".join(
        f"<tr><td>{badge(say(f'quality.status.{line.status.name.lower()}'), _TONES[line.status])}</td>"
        f"<td>{escape(line.statement)}</td><td>{escape(line.reason)}</td></tr>"
        for line in lines
    )
    names = ("status", "item", "reason")
    head = "".join(f'<th scope="col">{escape(say(f"quality.check.{name}"))}</th>' for name in names)
    title = say("quality.check.title")
    table = (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(title)}"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{items}</tbody></table></div>"
    )
    return _card(title, note, table)


def _card(title: str, sentence: str, content: str) -> str:
    head = f'<header><h3>{escape(title)}</h3><p class="sentence">{escape(sentence)}</p></header>'
    return f'<section class="card">{head}{content}</section>'
