"""Whether the data can be trusted: traffic, guardrails, drift, freshness, the design of the experiment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from html import escape
from typing import Any

import pandas as pd
import panel as pn

from armlift.errors import DataFileError
from dashboard.background import looked_up
from dashboard.quality_charts import LEAST_P, Scale, lines_of, readings_over_time
from dashboard.quality_figures import (
    bucket_width,
    drift_readings,
    exclusion_trend,
    exclusions,
    flag_reasons,
    last_of_each,
    of_metric,
)
from dashboard.quality_tables import checklist_card, freshness_card, split_card
from dashboard.quality_words import (
    alarms_in_words,
    drift_in_words,
    exclusions_in_words,
    guardrail_in_words,
    p_in_words,
    reasons_in_words,
)
from dashboard.several import charts_of_each
from dashboard.theme import on_background
from dashboard.view import View
from dashboard.widgets import NothingToDraw, chart, empty_state, grid, live, section

_READINGS = ("snapshot", "experiment", "range")
_TRAFFIC = ("snapshot", "experiment", "range", "source")
_NOW = ("snapshot", "experiment")
_COLOURED = 6  # features of a drift chart with a colour of their own
_NEWEST = 2000  # decisions whose flags are counted by reason


def build(view: View) -> pn.viewable.Viewable:
    """Build the page for a session."""
    p_values = partial(chart, view, depends=_READINGS, height=220)
    return pn.Column(
        looked_up(view, "alarms", partial(_subject, view), partial(_alarms, view), depends=_NOW),
        live(view, partial(_heading, view, "traffic"), depends=()),
        grid(
            p_values(
                "quality.sample_ratio.title",
                partial(_p_chart, view, "sample_ratio", "sample_ratio"),
                says=partial(_p_sentence, view, "sample_ratio", "sample_ratio"),
            ),
            looked_up(view, "split", partial(_subject, view), partial(split_card, view), depends=_NOW),
            chart(
                view,
                "quality.exclusions.title",
                partial(_exclusions, view),
                says=partial(_exclusions_sentence, view),
                depends=_TRAFFIC,
                height=220,
            ),
            p_values(
                "quality.aa.title",
                partial(_p_chart, view, "aa_p_value", "aa"),
                says=partial(_p_sentence, view, "aa_p_value", "aa"),
            ),
        ),
        live(view, partial(_heading, view, "guardrails"), depends=()),
        charts_of_each(
            view,
            "quality.guardrail.title",
            partial(_guardrails, view),
            partial(_guardrail, view),
            partial(_guardrail_sentence, view),
            empty_key="quality.guardrail.none",
            depends=_READINGS,
            height=220,
        ),
        live(view, partial(_heading, view, "data"), depends=()),
        charts_of_each(
            view,
            "quality.drift.title",
            partial(_drift_sources, view),
            partial(_drift, view),
            partial(_drift_sentence, view),
            empty_key="quality.drift.empty",
            depends=("snapshot",),
        ),
        looked_up(view, "freshness", lambda: datetime.now(UTC).minute, partial(freshness_card, view)),
        live(view, partial(_heading, view, "design"), depends=()),
        looked_up(view, "checklist", partial(_subject, view), partial(checklist_card, view), depends=_NOW),
        sizing_mode="stretch_width",
    )


def _heading(view: View, name: str) -> str:
    return section(view.say(f"quality.section.{name}"))


def _own_readings(view: View) -> pd.DataFrame:
    """The experiment's readings in the chosen range, newest first."""
    readings = view.snapshot.monitoring
    if view.row is None or readings.empty:
        raise NothingToDraw(view.say("quality.alarms.unmeasured"))
    own: pd.DataFrame = readings[readings["experiment_id"] == view.row.id]
    since = view.since()
    return own if since is None else own[own["at"] >= since]


def _subject(view: View) -> str | None:
    return view.row.id if view.row else None


def _alarms(view: View, _subject: str | None) -> str:
    if view.row is None:
        return empty_state(view, "quality.empty")
    readings = view.snapshot.monitoring
    own = readings[readings["experiment_id"] == view.row.id] if len(readings) else readings
    rings, words = alarms_in_words(own, view.say)
    if len(own):
        words += " " + view.say("quality.measured", at=view.when(own["at"].iloc[0]))
    tone = "bad" if rings else "good" if len(own) else "info"
    role = "alert" if rings else "status"
    return f'<div class="notice {tone}" role="{role}">{escape(words)}</div>'


def _p_readings(view: View, metric: str, what: str) -> pd.DataFrame:
    own = of_metric(_own_readings(view), metric)
    if own.empty:
        raise NothingToDraw(view.say(f"quality.{what}.empty"))
    everybody = view.say("quality.everybody")
    return own.assign(name=[segment or everybody for segment in own["segment"]])


def _p_chart(view: View, metric: str, what: str) -> Any:
    readings = _p_readings(view, metric, what)
    lines = lines_of(view, readings["name"].unique())
    low = min(float(readings["value"].min()), float(readings["threshold"].min())) / 3
    scale = Scale(view.say("quality.axis.p"), logarithmic=True, low=max(low, LEAST_P / 2), high=1.5)
    return readings_over_time(view, readings, lines, scale)


def _p_sentence(view: View, metric: str, what: str) -> str:
    return p_in_words(last_of_each(_p_readings(view, metric, what)), what, view.say)


def _span(view: View) -> timedelta:
    """How far back the chosen range goes."""
    began = view.row.started_ts or view.row.created_ts if view.row else 0
    start = view.since() or datetime.fromtimestamp(began / 1e6, UTC)
    return datetime.now(UTC) - start


def _exclusion_sums(view: View) -> pd.DataFrame:
    row, readings = view.row, view.sources.readings
    if row is None or readings is None:
        raise NothingToDraw(view.say("quality.exclusions.empty"))
    return readings.series(
        row.id, since=view.since(), width=bucket_width(_span(view)), simulated=view.simulated
    )


def _exclusions(view: View) -> Any:
    import holoviews as hv

    trend = exclusion_trend(_exclusion_sums(view))
    if trend.empty:
        raise NothingToDraw(view.say("quality.exclusions.empty"))
    drawn = trend.assign(at=view.local(trend["bucket_at"]), percent=100 * trend["share"])
    colour = on_background("#D55E00", dark=view.dark)
    at, share = view.say("quality.axis.time", zone=view.zone_name), view.say("quality.axis.share")
    high = max(1.0, 1.1 * float(drawn["percent"].max()))
    return (
        hv.Area(drawn, ("at", at), ("percent", share)).opts(color=colour, alpha=0.25, line_alpha=0)
        * hv.Curve(drawn, ("at", at), ("percent", share)).opts(color=colour, line_width=2)
        * hv.Scatter(drawn, ("at", at), ("percent", share)).opts(color=colour, size=5)
    ).opts(ylim=(0, high), default_tools=["hover", "save"])


def _exclusions_sentence(view: View) -> str:
    row, readings = view.row, view.sources.readings
    words = exclusions_in_words(exclusions(_exclusion_sums(view)), view.say)
    if row is None or readings is None:
        return words
    newest = readings.decisions(row.id, since=view.since(), limit=_NEWEST)
    return f"{words} {reasons_in_words(flag_reasons(newest), len(newest), view.say)}".strip()


def _guardrails(view: View) -> tuple[str, ...]:
    brief = view.row.brief if view.row else None
    return tuple(dict.fromkeys(guardrail.metric for guardrail in brief.guardrails)) if brief else ()


def _guardrail_readings(view: View, metric: str) -> pd.DataFrame:
    own = of_metric(_own_readings(view), metric)
    if own.empty:
        raise NothingToDraw(view.say("quality.guardrail.empty", metric=metric))
    everybody = view.say("quality.everybody")
    return own.assign(name=[segment or everybody for segment in own["segment"]])


def _guardrail(view: View, metric: str) -> Any:
    readings = _guardrail_readings(view, metric)
    return readings_over_time(view, readings, lines_of(view, readings["name"].unique()), Scale(metric))


def _guardrail_sentence(view: View, metric: str) -> str:
    return guardrail_in_words(last_of_each(_guardrail_readings(view, metric)), metric, view.say)


def _drift_table(view: View) -> pd.DataFrame:
    return drift_readings(view.sources.table("drift_report"), view.snapshot.monitoring)


def _drift_sources(view: View) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(_drift_table(view)["source"]))
    except DataFileError:
        return ("",)  # its chart says what is wrong with the table


def _drift(view: View, source: str) -> Any:
    readings = _drift_table(view)
    own = readings[readings["source"] == source]
    top = own.groupby("name")["value"].max().nlargest(_COLOURED).index
    return readings_over_time(view, own, lines_of(view, top), Scale(view.say("quality.axis.psi"), low=0.0))


def _drift_sentence(view: View, source: str) -> str:
    readings = _drift_table(view)
    return drift_in_words(last_of_each(readings[readings["source"] == source]), view.say)
