"""Plan: write a brief, see its faults by field and its operating characteristics, start it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui
import param

from armlift.reporting.facts import Chart
from armlift.reporting.numerals import count, percent
from armlift.reporting.plan_charts import plan_charts
from armlift.reporting.plan_findings import (
    cost_finding,
    false_finding,
    plan_finding,
    power_finding,
    stopping_finding,
)
from dashboard.comparison_data import tell
from dashboard.documents import soon
from dashboard.parts import Html
from dashboard.plan_draft import Draft, examples, read_draft
from dashboard.plan_start import Starter
from dashboard.plan_work import Failed, News, PlanJob, Planned, Progress
from dashboard.report_figures import report_figure
from dashboard.view import View
from dashboard.widgets import NothingToDraw, chart, live, rows_of, tile, tiles, watch

_CHARTS = ("false_declarations", "power", "stopping", "regret")


def build(view: View) -> pn.viewable.Viewable:
    """Build the page for a session."""
    return _Plan(view).part


class _Plan(param.Parameterized):  # type: ignore[misc]  # param has no types
    """A session's plan.

    Attributes:
        draft: The brief as it stands.
        version: Names the result that is shown; empty while there is none.
        state: `idle`, `waiting`, `running`, `done`, `cancelled` or `failed`.
    """

    draft = param.ClassSelector(class_=Draft, default=Draft())
    version = param.String("")
    state = param.String("idle")

    def __init__(self, view: View) -> None:
        super().__init__()
        self._view, self._document = view, pn.state.curdoc
        self._job: PlanJob | None = None
        self._result: Planned | None = None
        self._charts: dict[str, Chart] = {}
        self._failure = ""
        self._progress = Progress(0.0)
        self._closed = False
        self._is_served = self._document is not None and self._document.session_context is not None
        if self._is_served:
            self._document.on_session_destroyed(lambda _context: self._close())
        self._editor = _Editor(view, self._write)
        self._compute = pmui.Button(size="small", margin=0)
        self._cancel = pmui.Button(size="small", margin=0, variant="outlined", visible=False)
        self._bar = pmui.LinearProgress(value=0, sizing_mode="stretch_width", visible=False, margin=(8, 0))
        self._status = Html(sizing_mode="stretch_width")
        self._compute.on_click(lambda *_: self._begin())
        self._cancel.on_click(lambda *_: self._stop())
        self._results = pn.Column(sizing_mode="stretch_width", visible=False)
        self._results[:] = self._parts()
        starter = Starter(view, lambda: self.draft.brief)
        self.param.watch(lambda *_: starter.refresh(), ["draft"])
        self.part = self._layout(starter.part)
        watch(view, ("language",), self._words)
        self.param.watch(lambda *_: self._words(), ["draft", "state"])
        self._editor.begin()
        self._words()

    def _layout(self, starter: pn.viewable.Viewable) -> pn.viewable.Viewable:
        faults = live(self._view, partial(_faults, self._view, self), depends=(self.param.draft,))
        buttons = pn.FlexBox(self._compute, self._cancel, gap="8px", margin=(8, 0))
        left = pn.Column(self._editor.part, styles={"flex": "3 1 440px", "min-width": "0"})
        right = pn.Column(
            faults, buttons, self._bar, self._status, starter, styles={"flex": "2 1 340px", "min-width": "0"}
        )
        top = pn.FlexBox(left, right, flex_wrap="wrap", gap="0 20px", sizing_mode="stretch_width")
        return pn.Column(top, self._results, sizing_mode="stretch_width")

    # Writing --------------------------------------------------------------------------------------

    def _write(self, text: str) -> None:
        draft = read_draft(text)
        if draft != self.draft:
            self.draft = draft

    def _words(self) -> None:
        view, running = self._view, self.state in ("waiting", "running")
        self._compute.param.update(
            label=view.say("plan.compute"), disabled=self.draft.brief is None or running
        )
        self._cancel.param.update(label=view.say("plan.cancel"), visible=running)
        self._bar.visible = running
        self._say()

    def _say(self) -> None:
        view = self._view
        rule, scenario = self._progress.rule, self._progress.scenario
        values: dict[str, object] = {"rule": rule}
        if self.state == "running":
            values["percent"] = f"{100 * self._progress.share:.0f}"
            if not rule:
                self._status.html = _note(view.say("plan.state.starting"))
                return
            values["scenario"] = view.say(f"plan.scenario.{scenario}")
        if self.state == "failed":
            words = view.say("plan.state.failed", error=self._failure)
            self._status.html = f'<div class="notice bad" role="alert">{escape(words)}</div>'
            return
        self._status.html = _note(view.say(f"plan.state.{self.state}", **values))

    # Computing ------------------------------------------------------------------------------------

    def _begin(self) -> None:
        brief = self.draft.brief
        if brief is None:
            return
        self._stop()
        self._progress, self.state = Progress(0.0), "waiting"
        name = f"{brief.content_hash[:16]}"
        self._job = PlanJob(brief.canonical_json, lambda news: self._hear(name, news))
        self._job.start()

    def _stop(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._job = None
            self.state = "cancelled"
            self._bar.value = 0

    def _close(self) -> None:
        self._closed = True
        if self._job is not None:
            self._job.cancel()

    def _hear(self, name: str, news: News) -> None:
        """News of a job, in its thread."""
        if self._closed:
            return
        if self._is_served:
            soon(self._document, lambda: self._heard(name, news))
        else:
            self._heard(name, news)

    def _heard(self, name: str, news: News) -> None:
        if self._job is None:  # it was stopped meanwhile
            return
        if isinstance(news, Progress):
            self._progress = news
            self.state = "waiting" if news.share < 0 else "running"
            self._bar.value = round(100 * max(news.share, 0.0))
            self._say()
        elif isinstance(news, Failed):
            self._failure, self._job, self.state = news.words, None, "failed"
        else:
            self._result = news
            self._charts = plan_charts(*news.tables, news.record)
            self.version = f"{name}/{news.replicates}/{news.final}"
            self._results.visible = True
            if news.final:
                self._job, self.state = None, "done"

    # Results --------------------------------------------------------------------------------------

    def _parts(self) -> list[pn.viewable.Viewable]:
        view, depends = self._view, (self.param.version,)
        words: dict[str, Callable[[Planned], Any]] = {
            "false_declarations": lambda found: false_finding(
                found.tables.operating_characteristics, found.record
            ),
            "power": lambda found: power_finding(found.tables.operating_characteristics, found.record),
            "stopping": lambda found: stopping_finding(found.tables.operating_characteristics, found.record),
            "regret": lambda found: cost_finding(found.tables.allocation_costs),
        }
        parts = [
            chart(
                view,
                f"plan.{name}.title",
                partial(self._figure, name),
                says=partial(self._sentence, words[name]),
                depends=depends,
            )
            for name in _CHARTS
        ]
        for part in parts[1:]:
            part.styles = {"flex": "1 1 400px", "min-width": "0"}
        below = pn.FlexBox(*parts[1:], flex_wrap="wrap", gap="0 16px", sizing_mode="stretch_width")
        return [live(view, partial(_outcome, view, self), depends=depends), parts[0], below]

    @property
    def result(self) -> Planned | None:
        """The result that is shown."""
        return self._result

    def _figure(self, name: str) -> Any:
        drawn = self._charts.get(name)
        if drawn is None:
            raise NothingToDraw(self._view.say("plan.no_chart" if self._result else "plan.state.idle"))
        return report_figure(self._view, drawn)

    def _sentence(self, words: Callable[[Planned], Any]) -> str:
        return tell(self._view, words(self._result)) if self._result else ""


class _Editor:
    """Where the brief comes from: an example, a file, or the keyboard."""

    def __init__(self, view: View, write: Callable[[str], None]) -> None:
        self._view, self._write = view, write
        self._examples = examples(view.sources.root)
        self._example = pmui.Select(
            options=list(self._examples), size="small", width=240, margin=(0, 0, 8, 0)
        )
        self._file = pmui.FileInput(accept=".yml,.yaml,.json", size="small", margin=(0, 0, 8, 0))
        self._text = pmui.TextAreaInput(
            rows=24,
            max_rows=36,
            auto_grow=False,
            max_length=70_000,
            sizing_mode="stretch_width",
            margin=0,
            sx={"& textarea": {"fontFamily": "ui-monospace, Menlo, Consolas, monospace", "fontSize": "13px"}},
        )
        chooser = pn.FlexBox(self._example, self._file, flex_wrap="wrap", gap="0 12px", align_items="center")
        self.part = pn.Column(chooser, self._text, sizing_mode="stretch_width")
        self._example.param.watch(lambda event: self._take(event.new), "value")
        self._file.param.watch(lambda event: self._upload(event.new), "value")
        self._text.param.watch(lambda *events: write(events[-1].new or ""), ["value_input", "value"])
        watch(view, ("language",), self._words)
        self._words()

    def begin(self) -> None:
        """Take the brief that the address names, or the first example."""
        wanted = self._view.extra.get("brief")
        name = wanted if wanted in self._examples else next(iter(self._examples), None)
        if name is not None:
            self._example.value = name
            self._take(name)

    def _words(self) -> None:
        say = self._view.say
        self._example.label, self._file.label = say("plan.example"), say("plan.upload")
        self._text.label = say("plan.brief")

    def _take(self, name: str | None) -> None:
        if name is None:
            return
        try:
            text = self._examples[name].read_text("utf-8")
        except OSError:
            text = ""
        self._put(text)
        if self._view.extra.get("brief", next(iter(self._examples), None)) != name:
            self._view.extra = {**self._view.extra, "brief": name}

    def _upload(self, content: bytes | None) -> None:
        if content:
            self._put(content.decode("utf-8", "replace"))

    def _put(self, text: str) -> None:
        self._text.param.update(value=text, value_input=text)
        self._write(text)


def _faults(view: View, plan: _Plan) -> str:
    draft = plan.draft
    title = f"<header><h3>{escape(view.say('plan.faults.title'))}</h3></header>"
    if draft.brief is not None:
        brief = draft.brief
        parts = [
            tile(view.say("plan.tile.arms"), str(len(brief.arms)), ", ".join(brief.arms)),
            tile(
                view.say("plan.tile.rule"),
                brief.stopping_rule,
                view.say("plan.tile.alpha", alpha=f"{brief.alpha:g}"),
            ),
            tile(
                view.say("plan.tile.mde"),
                percent(brief.primary_metric.mde),
                view.say(
                    "plan.tile.metric",
                    metric=brief.primary_metric.id,
                    baseline=percent(brief.primary_metric.baseline),
                ),
            ),
            tile(
                view.say("plan.tile.duration"),
                view.say("plan.tile.days", days=f"{brief.maximum_duration_days:g}"),
                view.say("plan.tile.users", users=count(brief.daily_users)),
            ),
        ]
        sound = (
            f'<p class="sentence" role="status">✓ {escape(view.say("plan.faults.none", name=brief.id))}</p>'
        )
        return f"{sound}{tiles(parts)}"
    if not draft.faults:
        empty = escape(view.say("plan.faults.empty"))
        return f'<section class="card">{title}<p class="note">{empty}</p></section>'
    lines = "".join(
        f"<tr><td><code>{escape(fault.field or view.say('plan.faults.whole'))}</code></td>"
        f"<td>{escape(fault.message)}</td></tr>"
        for fault in draft.faults
    )
    said = escape(view.say("plan.faults.some", number=str(len(draft.faults))))
    label = escape(view.say("plan.faults.title"))
    return (
        f'<section class="card">{title}<p class="sentence" role="status">{said}</p>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table>'
        f'<thead><tr><th scope="col">{escape(view.say("plan.faults.field"))}</th><th scope="col">'
        f"{escape(view.say('plan.faults.wrong'))}</th></tr></thead><tbody>{lines}</tbody></table></div></section>"
    )


def _outcome(view: View, plan: _Plan) -> str:
    import pandas as pd

    found = plan.result
    if found is None:
        return ""
    names = ("scenario", "effect", "winners", "error", "look", "users", "days", "harm", "futile")
    rows = [
        (
            view.say(f"plan.scenario.{world['name']}"),
            percent(world["effect"]),
            percent(world["declared_winner_rate"]),
            percent(world["standard_error"]),
            "–" if world["median_stop_look"] is None else f"{world['median_stop_look']:g}",
            count(world["mean_users"]),
            "–" if world["mean_days"] is None else f"{world['mean_days']:.1f}",
            percent(world["harm_rate"]),
            percent(world["futility_rate"]),
        )
        for world in found.record["scenarios"]
    ]
    frame = pd.DataFrame(rows, columns=[view.say(f"plan.column.{name}") for name in names])
    words = tell(view, plan_finding(found.record))
    note = view.say(
        "plan.outcome.final" if found.final else "plan.outcome.first", replicates=count(found.replicates)
    )
    title = view.say("plan.outcome.title")
    return (
        f'<section class="card"><header><h3>{escape(title)}</h3>'
        f'<p class="sentence">{escape(words)}</p></header>'
        f'{rows_of(frame, title)}<p class="note">{escape(note)}</p></section>'
    )


def _note(words: str) -> str:
    return f'<p class="note" role="status">{escape(words)}</p>'
