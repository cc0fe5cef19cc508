"""What was decided and why, what happened after, who changed what: the logs, to look through and to keep."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui

from armlift.experiments.brief import Brief
from armlift.experiments.brief_parts import Strategy
from armlift.experiments.log_rows import EVENT_TYPES
from dashboard.background import looked_up
from dashboard.decision_charts import allocation_chart
from dashboard.decision_reasons import allocation_over_time, knowledge
from dashboard.decision_words import (
    LastHour,
    hour_in_words,
    knowledge_table,
    known_at,
    last_hour,
    paragraphs,
    why_in_words,
)
from dashboard.exports import FORMATS, MOST_ROWS
from dashboard.log_tables import log_table
from dashboard.logs import FILTERS, LOGS, LogFilter, decision_name, find_decision, log_filter, read_log
from dashboard.parts import NOT_PRINTED
from dashboard.several import charts_of_each
from dashboard.view import View
from dashboard.widgets import NothingToDraw, empty_state, live, watch

SHOWN = 100
"""Rows of a log on the page; a file has more."""

_LOG = ("snapshot", "experiment", "range", "source", "extra")
_HOUR = ("snapshot", "experiment", "source")
_CURRENT = ' aria-current="true"'


def build(view: View) -> pn.viewable.Viewable:
    """Build the page for a session."""
    return pn.Column(
        looked_up(view, "why", partial(_why_question, view), partial(_why, view), depends=_LOG),
        charts_of_each(
            view,
            "decisions.hour.title",
            partial(_bandits, view),
            partial(_hour_chart, view),
            partial(_hour_sentence, view),
            empty_key="decisions.hour.no_bandit",
            depends=_HOUR,
        ),
        live(view, partial(_logs, view), depends=_LOG),
        _Filters(view).row,
        looked_up(view, "log", partial(log_filter, view), partial(_log, view), depends=_LOG),
        sizing_mode="stretch_width",
    )


class _Filters:
    """What is looked for in a log; all of it is in the address."""

    def __init__(self, view: View) -> None:
        self._view, self._updating = view, False
        self._text = pmui.TextInput(size="small", margin=0, width=280)
        self._selects: dict[str, Any] = {
            name: pmui.Select(size="small", margin=0, width=180) for name in FILTERS if name != "q"
        }
        self.row = pn.FlexBox(
            self._text,
            *self._selects.values(),
            gap="10px",
            align_items="end",
            margin=(12, 0, 4, 0),
            stylesheets=[NOT_PRINTED],
        )
        for name, widget in (("q", self._text), *self._selects.items()):
            widget.param.watch(self._chosen(name), "value")
        self._refresh()
        watch(view, ("experiment", "extra", "snapshot", "language"), self._refresh)

    def _chosen(self, name: str) -> Callable[[Any], None]:
        def chosen(event: Any) -> None:
            if not self._updating:
                kept = {key: value for key, value in self._view.extra.items() if key != name}
                self._view.extra = {**kept, name: event.new} if event.new else kept

        return chosen

    def _refresh(self) -> None:
        view, wanted = self._view, log_filter(self._view)
        self._updating = True
        try:
            self.row.visible = wanted is not None and wanted.log in ("decisions", "events")
            if wanted is None or view.row is None:
                return
            brief = view.row.brief
            choices = {
                "arm": (brief.arms, wanted.arm),
                "strategy": ([strategy.id for strategy in brief.strategies], wanted.strategy),
                "type": (EVENT_TYPES, wanted.event_type),
            }
            _change(self._text, label=view.say("decisions.filter.q"), value=wanted.text or "")
            for name, (values, value) in choices.items():
                options = {view.say("decisions.filter.any"): "", **{each: each for each in values}}
                label = view.say(f"decisions.filter.{name}")
                _change(self._selects[name], label=label, options=options, value=value or "")
            self._selects["type"].visible = wanted.log == "events"
        finally:
            self._updating = False


def _change(widget: Any, **values: object) -> None:
    widget.param.update(**{name: new for name, new in values.items() if getattr(widget, name) != new})


def _logs(view: View) -> str:
    """The logs to choose from, and where to take the chosen one as a file."""
    wanted = log_filter(view)
    if wanted is None:
        return empty_state(view, "decisions.empty")
    links = "".join(
        f'<li><a id="log-{name}" href="{escape(view.link(log=name, why=None))}"'
        f"{_CURRENT if name == wanted.log else ''}>{escape(view.say(f'decisions.log.{name}'))}</a></li>"
        for name in LOGS
    )
    files = "".join(
        f'<li><a id="export-{kind}" download href="{escape(_export(view, wanted, kind))}">'
        f"{escape(view.say(f'decisions.export.{kind}'))}</a></li>"
        for kind in FORMATS
    )
    note = view.say("decisions.export.note", rows=f"{MOST_ROWS:,}")
    return (
        f'<nav class="links" aria-label="{escape(view.say("decisions.logs"))}"><ul>{links}</ul></nav>'
        f'<div class="links"><ul>{files}</ul><span>{escape(note)}</span></div>'
    )


def _export(view: View, wanted: LogFilter, kind: str) -> str:
    return f"export/{wanted.log}.{kind}{view.link(log=wanted.log, why=None)}"


def _log(view: View, wanted: LogFilter | None) -> str:
    readings = view.sources.readings
    if wanted is None or readings is None:
        return ""
    rows = read_log(readings, wanted, SHOWN)
    title = escape(view.say(f"decisions.log.{wanted.log}"))
    note = view.say("decisions.rows.all" if len(rows) < SHOWN else "decisions.rows.some", rows=len(rows))
    searched = rows.attrs.get("searched_since")
    if searched is not None:
        note += " " + view.say("decisions.rows.searched", since=view.when(searched))
    head = f'<section class="card"><header><h3>{title}</h3><p class="sentence">{escape(note)}</p></header>'
    if rows.empty:
        return f'{head}<p class="note">{escape(view.say("decisions.rows.none"))}</p></section>'
    return f"{head}{log_table(view, wanted.log, rows)}</section>"


def _why_question(view: View) -> tuple[str | None, str | None]:
    return (view.row.id if view.row else None, view.extra.get("why"))


def _why(view: View, question: tuple[str | None, str | None]) -> str:
    name, row, readings = decision_name(question[1]), view.row, view.sources.readings
    if question[1] is None or row is None or readings is None:
        return ""
    title, close = escape(view.say("decisions.why.title")), escape(view.say("decisions.why.close"))
    head = (
        f'<section class="card why"><header><h3>{title}</h3>'
        f'<a class="close" href="{escape(view.link(why=None))}">{close}</a></header>'
    )
    decision = find_decision(readings, row.id, name) if name else None
    if decision is None:
        return f'{head}<p class="note">{escape(view.say("decisions.why.gone"))}</p></section>'
    strategy = next((each for each in row.brief.strategies if each.id == decision["strategy_id"]), None)
    start, sums = known_at(readings, row.id, decision["at"])
    known = knowledge(row.brief, strategy, sums) if strategy else ()
    words = paragraphs(why_in_words(view, row.brief, decision, known))
    if strategy is None:
        return f"{head}{words}</section>"
    as_of = f'<p class="note">{escape(view.say("decisions.knew.as_of", at=view.when(start)))}</p>'
    return f"{head}{words}{knowledge_table(view, row.brief, strategy, known)}{as_of}</section>"


def _bandits(view: View) -> tuple[str, ...]:
    row = view.row
    return tuple(each.id for each in row.brief.strategies if each.allocation != "fixed") if row else ()


def _hour(view: View, strategy_id: str) -> tuple[Brief, Strategy, LastHour]:
    row, readings = view.row, view.sources.readings
    hour = last_hour(readings, row.id, view.simulated) if row and readings else None
    if row is None or hour is None:
        raise NothingToDraw(view.say("decisions.hour.empty"))
    strategy = next(each for each in row.brief.strategies if each.id == strategy_id)
    return row.brief, strategy, hour


def _hour_chart(view: View, strategy_id: str) -> Any:
    brief, strategy, hour = _hour(view, strategy_id)
    table = allocation_over_time(brief, strategy, hour.before, hour.series)
    return allocation_chart(view, brief, table)


def _hour_sentence(view: View, strategy_id: str) -> str:
    return hour_in_words(view, *_hour(view, strategy_id))
