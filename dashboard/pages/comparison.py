"""A/B test against bandit: what the bandit earns beside it, how sure that is, and what it is worth."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui
import param

from armlift.reporting.comparison_findings import money
from armlift.reporting.findings import Finding
from armlift.reporting.numerals import count, lift_decimals, percent, signed_percent
from dashboard import comparison_charts as live_charts
from dashboard import simulated_charts
from dashboard.comparison_data import comparison, tell
from dashboard.documents import soon
from dashboard.mlflow_history import HISTORIES, by_stretch, grain_finding, grain_of, history_finding
from dashboard.trend_figures import PERCENT, trend_figure
from dashboard.view import View
from dashboard.widgets import NothingToDraw, chart, empty_state, live, table, tile, tiles, watch

_LIVE = ("snapshot", "experiment", "range", "show", "source")
_SIMULATED = ("show", "experiment")
_RATIOS = {"ctr": ("clicks", "impressions"), "mean": ("reward_total", "decisions")}


Make = Callable[[View], Any]
Say = Callable[[View], str]


def build(view: View) -> pn.viewable.Viewable:
    """Build the page for a session."""
    history, controls = _History(view), _Controls(view)
    chosen = (*_LIVE, controls.param.choice)

    def now(name: str, make: Make, words: Say) -> pn.viewable.Viewable:
        title = f"comparison.{name}.title"
        return chart(view, title, partial(make, view), says=partial(words, view), depends=chosen)

    def then(name: str, make: Make, words: Say) -> pn.viewable.Viewable:
        title = f"comparison.simulated.{name}.title"
        return chart(view, title, partial(make, view), says=partial(words, view), depends=_SIMULATED)

    trends = {
        "reward": (live_charts.reward_chart, live_charts.reward_words),
        "ctr": (live_charts.ctr_chart, live_charts.ctr_words),
        "regret": (live_charts.regret_chart, live_charts.regret_words),
    }
    of = {
        what: (
            partial(simulated_charts.trend_chart, what=what),
            partial(simulated_charts.trend_words, what=what),
        )
        for what in trends
    }
    pairs = [
        (
            now("lift", live_charts.lift_chart, live_charts.lift_words),
            then("lift", simulated_charts.lift_chart, simulated_charts.lift_words),
        ),
        *((now(what, *made), then(what, *of[what])) for what, made in trends.items()),
        (
            now("traffic", live_charts.traffic_chart, live_charts.traffic_words),
            then("traffic", simulated_charts.traffic_chart, simulated_charts.traffic_words),
        ),
    ]
    sessions = _pair(
        now("sessions", live_charts.session_chart, live_charts.session_words),
        now("histogram", live_charts.session_histogram, live_charts.session_words),
    )
    return pn.Column(
        controls.row,
        live(view, partial(_tiles, view), depends=chosen),
        *(_sides(view, *pair) for pair in pairs),
        sessions,
        *history.parts,
        table(view, "comparison.table.title", partial(_figures, view),
              note=partial(view.say, "comparison.table.note"), depends=chosen),
        history.runs,
        sizing_mode="stretch_width",
    )  # fmt: skip


def _pair(*parts: pn.viewable.Viewable) -> pn.viewable.Viewable:
    """Parts beside each other where there is room for it."""
    for part in parts:
        part.styles = {"flex": "1 1 420px", "min-width": "0"}
    return pn.FlexBox(
        *parts, flex_wrap="wrap", gap="0 16px", align_items="stretch", sizing_mode="stretch_width"
    )


def _sides(
    view: View, live_side: pn.viewable.Viewable, simulated_side: pn.viewable.Viewable
) -> pn.viewable.Viewable:
    """Live and simulated beside each other; what the chosen traffic leaves out is hidden."""

    def choose() -> None:
        simulated_side.visible = view.source != "live"

    watch(view, ("source",), choose)
    choose()
    return _pair(live_side, simulated_side)


class _Controls(param.Parameterized):  # type: ignore[misc]  # param has no types
    """What the page itself lets choose, kept in the address: the value of a reward, and which bandit."""

    choice = param.String("")

    def __init__(self, view: View) -> None:
        super().__init__()
        self._view = view
        self._value = pmui.TextInput(  # a FloatInput's buttons have no names for those who cannot see
            label=view.say("comparison.value"),
            placeholder=view.say("comparison.value.hint"),
            value=view.extra.get("value", ""),
            width=240,
            size="small",
        )
        self._bandit = pmui.Select(width=220, size="small", visible=False)
        self.row = pn.FlexBox(
            self._value, self._bandit, flex_wrap="wrap", gap="0 12px", sizing_mode="stretch_width"
        )
        self._value.param.watch(lambda event: self._keep("value", event.new.strip() or None), "value")
        self._bandit.param.watch(lambda event: self._keep("bandit", event.new), "value")
        watch(view, ("experiment", "snapshot", "extra", "language"), self._refresh)
        self._refresh()

    def _keep(self, name: str, value: str | None) -> None:
        extra = {key: kept for key, kept in self._view.extra.items() if key != name}
        extra |= {name: value} if value else {}
        if extra != self._view.extra:
            self._view.extra = extra

    def _refresh(self) -> None:
        view, row = self._view, self._view.row
        self.choice = f"{view.extra.get('value', '')}/{view.extra.get('bandit', '')}"
        bandits = [s.id for s in row.brief.strategies if s.allocation != "fixed"] if row else []
        label = view.say("comparison.value")
        changes: dict[str, Any] = {"label": label, "value": view.extra.get("value", "")}
        self._value.param.update(**{k: v for k, v in changes.items() if getattr(self._value, k) != v})
        chosen = view.extra.get("bandit")
        options = {
            "options": bandits,
            "value": chosen if chosen in bandits else next(iter(bandits), None),
            "visible": len(bandits) > 1,
            "label": view.say("comparison.bandit"),
        }
        if options["visible"] or self._bandit.visible:
            self._bandit.param.update(**{k: v for k, v in options.items() if getattr(self._bandit, k) != v})


def _tiles(view: View) -> str:
    known = comparison(view)
    if known is None:
        return empty_state(view, "comparison.no_experiment")
    if known.series.empty:
        return empty_state(view, "comparison.no_traffic")
    if known.lift is None:
        return ""
    now, bandit = known.lift.now, known.lift.bandit
    shown = now.outcome != "unknown"
    decimals = lift_decimals(now.relative_low, now.relative_high)
    bounded = shown and abs(now.relative_low) < 1e9 and abs(now.relative_high) < 1e9
    ends = (
        {
            "low": signed_percent(now.relative_low, decimals),
            "high": signed_percent(now.relative_high, decimals),
        }
        if bounded
        else {}
    )
    value = live_charts.money_value(view)
    gained = [money(amount) if shown else "–" for amount in now.gained()]
    worth = [money(amount) if shown else "–" for amount in now.gained(value)]
    parts = [
        tile(view.say("comparison.tile.verdict"), view.say(f"comparison.verdict.{now.outcome}")),
        tile(
            view.say("comparison.tile.lift", bandit=bandit),
            signed_percent(now.relative, decimals) if bounded else "–",
            view.say("comparison.tile.lift.note", **ends)
            if bounded
            else view.say("comparison.tile.lift.open"),
        ),
        tile(
            view.say("comparison.tile.gained"),
            gained[0],
            view.say("comparison.tile.money.note", low=gained[1], high=gained[2]) if shown else "",
        ),
        tile(
            view.say("comparison.tile.money"),
            worth[0] if value else "–",
            view.say("comparison.tile.money.note", low=worth[1], high=worth[2])
            if value and shown
            else view.say("comparison.tile.money.ask"),
        ),
    ]
    baseline = known.lift.baseline or view.say("comparison.imagined")
    method = view.say(f"comparison.method.{known.lift.method}", bandit=bandit, baseline=baseline)
    return f'{tiles(parts)}<p class="note">{escape(method)}</p>'


def _figures(view: View) -> Any:
    known = comparison(view)
    columns = ("strategy", "decisions", "rewards", "reward", "mean", "impressions", "clicks", "ctr")
    import pandas as pd

    if known is None or known.series.empty:
        return pd.DataFrame(columns=list(columns))
    sums = known.series.groupby("strategy_id", sort=False)[["impressions", "clicks"]].sum()
    rows = []
    last = known.trend.groupby("strategy", sort=False).tail(1)
    for row in last[last["strategy"].isin(view.strategies())].to_dict("records"):
        own = sums.loc[row["strategy"]] if row["strategy"] in sums.index else {"impressions": 0, "clicks": 0}
        rows.append(
            (
                row["strategy"],
                count(row["decisions"]),
                count(row["rewards"]),
                f"{row['reward']:,.10g}",
                percent(row["mean"], 2) if row["mean"] == row["mean"] else "–",
                count(own["impressions"]),
                count(own["clicks"]),
                percent(row["ctr"], 2) if row["ctr"] == row["ctr"] else "–",
            )
        )
    return pd.DataFrame(rows, columns=[view.say(f"comparison.column.{name}") for name in columns])


class _History(param.Parameterized):  # type: ignore[misc]  # param has no types
    """What MLflow has: two charts and the table of runs, which follow the reader in the background."""

    version = param.String("")

    def __init__(self, view: View) -> None:
        super().__init__(version=HISTORIES.known(view).version)
        self._view = view
        self._document = pn.state.curdoc
        self._is_served = self._document is not None and self._document.session_context is not None
        depends = ("experiment", "range", "show", self.param.version)
        self.parts = [
            _pair(
                *(
                    chart(
                        view,
                        f"comparison.history.{key}",
                        partial(self._chart, what),
                        says=partial(self._words, what),
                        depends=depends,
                    )
                    for key, what in (("ctr", "ctr"), ("reward", "mean"))
                )
            )
        ]
        self.runs = live(view, self._runs, depends=("experiment", "range", self.param.version))
        watch(view, ("snapshot", "experiment", "range"), self._ask)
        self._ask()

    def _ask(self) -> None:
        self.version = HISTORIES.known(self._view).version
        HISTORIES.refresh(self._view, self._later)

    def _later(self) -> None:
        if self._is_served:
            soon(self._document, self._update)
        else:
            self._update()

    def _update(self) -> None:
        self.version = HISTORIES.known(self._view).version

    def _rows(self, what: str) -> tuple[Any, str]:
        view, known = self._view, HISTORIES.known(self._view)
        if known.record is None:
            key = "never" if known.error else "reading"
            raise NothingToDraw(view.say(f"comparison.history.{key}", error=known.error or ""))
        points = known.record.points
        points = points[points["strategy_id"].isin(view.strategies())]
        grain = grain_of(view.range, points)
        rows = by_stretch(points, grain, *_RATIOS[what])
        if rows.empty:
            raise NothingToDraw(view.say("comparison.history.no_data"))
        return rows, grain

    def _chart(self, what: str) -> Any:
        view, (rows, _) = self._view, self._rows(what)
        return trend_figure(
            rows.assign(x=view.local(rows["at"])),
            view.strategy_colours(),
            name="strategy",
            y="value",
            band=None,
            labels=(
                view.say("comparison.axis.time", zone=view.zone_name),
                view.say(f"comparison.axis.{what}"),
            ),
            number=PERCENT,
            dots=len(rows) <= 120,
        )

    def _words(self, what: str) -> str:
        view, known = self._view, HISTORIES.known(self._view)
        rows, grain = self._rows(what)
        finding: Finding = history_finding(rows, grain_finding(grain), *_RATIOS[what])
        words = tell(view, finding)
        if known.error:
            words += " " + view.say(
                "comparison.history.away", when=view.when(known.read_at), error=known.error
            )
        return words

    def _runs(self) -> str:
        from armlift.tracking.live_history import run_page

        view, known = self._view, HISTORIES.known(self._view)
        title = f"<header><h3>{escape(view.say('comparison.runs.title'))}</h3></header>"
        runs = [] if known.record is None else list(known.record.runs)
        if not runs:
            empty = escape(view.say("comparison.runs.empty"))
            return f'<section class="card">{title}<p class="note">{empty}</p></section>'
        names = ("runs.day", "column.strategy", "runs.batch", "runs.state", "runs.run")
        head = "".join(f'<th scope="col">{escape(view.say(f"comparison.{name}"))}</th>' for name in names)
        body = ""
        for run in runs[:60]:
            address = run_page(view.sources.tracking_uri, run)
            name = escape(run.run_id)
            link = (
                f'<a href="{escape(address)}" target="_blank" rel="noopener">{name}</a>'
                if address
                else f"<code>{name}</code>"
            )
            state = view.say(f"comparison.runs.{'ended' if run.ended else 'open'}")
            cells = (run.day, run.strategy_id, run.session_batch, state)
            body += "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + f"<td>{link}</td></tr>"
        label = escape(view.say("comparison.runs.title"))
        return (
            f'<section class="card">{title}<p class="sentence">{escape(view.say("comparison.runs.note"))}</p>'
            f'<div class="scroll" tabindex="0" role="region" aria-label="{label}">'
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></section>"
        )
