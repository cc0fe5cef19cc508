"""How an experiment stands: its verdict in a sentence, its badges, the figures of its card."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from armlift.reporting.live_beliefs import beliefs
from armlift.reporting.live_effects import LiveVerdict, live_verdict
from armlift.reporting.live_rewards import trial_of
from armlift.reporting.numerals import count
from dashboard.experiment_words import Words, probability
from dashboard.widgets import badge

if TYPE_CHECKING:
    from armlift.storage import ExperimentRow
    from dashboard.experiment_data import ExperimentData
    from dashboard.view import View
    from dashboard.widgets import Tone

_STALE = timedelta(minutes=15)
_CURRENT = timedelta(hours=24)  # older readings of the monitoring say nothing about today
_STATES: dict[str, Tone] = {
    "draft": "quiet",
    "running": "good",
    "hold": "warn",
    "completed": "info",
    "archived": "quiet",
}
_TRAFFIC = ("sample_ratio", "srm")
_BOTS = ("excluded", "exclusions", "bot_share", "excluded_share")


def days_running(row: ExperimentRow) -> float:
    """How long it runs, or ran, in days; 0 for a draft."""
    if row.started_ts is None:
        return 0.0
    ended = row.completed_ts if row.completed_ts is not None else datetime.now(UTC).timestamp() * 1e6
    return (ended - row.started_ts) / 86_400e6


def totals_of(view: View, row: ExperimentRow) -> pd.DataFrame:
    """Sums of an experiment since its start."""
    totals: pd.DataFrame = view.snapshot.totals
    return totals[totals["experiment_id"] == row.id] if len(totals) else totals


def alarms(view: View, row: ExperimentRow) -> pd.DataFrame:
    """The newest reading of each metric and segment that alarms."""
    readings: pd.DataFrame = view.snapshot.monitoring
    if readings.empty:
        return readings
    since = pd.Timestamp(datetime.now(UTC) - _CURRENT)
    own = readings[(readings["experiment_id"] == row.id) & (readings["at"] >= since)]
    newest = own.drop_duplicates(["metric", "segment"])  # newest first
    return newest[newest["alarm"].astype(bool)]


def _alarming(view: View, row: ExperimentRow) -> list[str]:
    """Metrics that alarm."""
    found = alarms(view, row)
    return [] if found.empty else [str(name) for name in found["metric"]]


def badges(view: View, row: ExperimentRow) -> str:
    """State, sample ratio, bots, guardrails and stale data, as HTML."""
    say = view.say
    shown = [badge(say(f"state.{row.state}"), _STATES.get(row.state, "quiet"))]
    guardrails = {guardrail.metric for guardrail in row.brief.guardrails}
    for name in _alarming(view, row):
        if name in _TRAFFIC:
            shown.append(badge(say("badge.sample_ratio"), "bad", say("badge.sample_ratio.hint")))
        elif name in _BOTS:
            shown.append(badge(say("badge.bots"), "warn", say("badge.bots.hint")))
        elif name in guardrails:
            shown.append(badge(say("badge.guardrail", metric=name), "bad", say("badge.guardrail.hint")))
        else:
            shown.append(badge(say("badge.alarm", metric=name), "warn"))
    if view.snapshot.store_error:
        shown.append(badge(say("badge.stale"), "warn", view.snapshot.store_error))
    return f'<div class="badges">{"".join(dict.fromkeys(shown))}</div>'


def verdict_words(view: View, row: ExperimentRow, found: LiveVerdict) -> tuple[str, str]:
    """What to do, as a sentence, and its kind for the look."""
    say, words = view.say, Words(view)
    stopping = _alarming(view, row)
    guardrails = {guardrail.metric for guardrail in row.brief.guardrails}
    if row.state == "draft":
        return say("verdict.draft"), "draft"
    if row.state in ("completed", "archived"):
        key = "verdict.winner" if row.winner else "verdict.completed"
        return say(key, arm=row.winner or found.control), "done"
    if any(name in _TRAFFIC for name in stopping):
        return say("verdict.sample_ratio"), "alarm"
    if broken := [name for name in stopping if name in guardrails]:
        return say("verdict.guardrail", metric=", ".join(dict.fromkeys(broken))), "alarm"
    text = say(
        f"verdict.{found.outcome}",
        arm=found.arm or "–",
        control=found.control,
        n=count(found.n),
        minimum=count(found.minimum),
        interval=words.interval(
            found.low if np.isfinite(found.low) else np.nan, found.high if np.isfinite(found.high) else np.nan
        ),
        confidence=f"{found.confidence:.0%}".replace("%", "\u00a0%"),
    )
    if row.state == "hold":
        return f"{say('verdict.hold')} {text}", found.outcome
    return text, found.outcome


def summary(view: View, data: ExperimentData) -> str:
    """The head of an experiment's page, as HTML."""
    row, brief = data.row, data.row.brief
    words, kind = verdict_words(view, row, data.verdict())
    started = view.when(row.started_ts) if row.started_ts else view.say("never")
    facts = view.say(
        "experiment.facts",
        started=started,
        days=f"{data.days:.1f}",
        maximum=f"{brief.maximum_duration_days:g}",
        control=brief.control,
        trial=trial_of(brief) or view.say("word.none"),
    )
    return (
        f'<section class="card verdict {kind}" aria-label="{escape(view.say("word.verdict"))}">'
        f'<header><h2>{escape(row.id)}</h2></header><p class="note">{escape(brief.objective)}</p>'
        f'{badges(view, row)}<p class="words">{escape(words)}</p>'
        f'<p class="note">{escape(facts)}</p></section>'
    )


def card(view: View, row: ExperimentRow, spark: str) -> str:
    """An experiment on the overview, as HTML.

    Args:
        view: The session's view.
        row: The experiment.
        spark: Its traffic as a small picture, SVG.
    """
    say, sums = view.say, totals_of(view, row)
    link = escape(view.link(page="experiment", experiment=row.id))
    days = days_running(row)
    words, kind = verdict_words(
        view, row, live_verdict(sums, row.brief, days=days) if len(sums) else _nothing(row)
    )
    leader, p_best = "–", "–"
    if len(sums) and sums["rewards"].sum():
        found = beliefs(sums, row.brief)
        best = found.iloc[int(found["p_best"].argmax())]
        leader, p_best = str(best["arm"]), probability(float(best["p_best"]))
    facts = {
        "card.days": f"{days:.1f}" if row.started_ts else "–",
        "card.traffic": count(float(sums["decisions"].sum()) if len(sums) else 0.0),
        "card.leader": leader,
        "card.p_best": p_best,
    }
    listed = "".join(
        f"<div><dt>{escape(say(key))}</dt><dd>{escape(text)}</dd></div>" for key, text in facts.items()
    )
    return (
        f'<article class="card experiment verdict {kind}">'
        f'<header><h2><a id="card-{escape(row.id)}" href="{link}">{escape(row.id)}</a></h2>'
        f"{badges(view, row)}</header>"
        f'<p class="objective">{escape(row.brief.objective)}</p><p>{escape(words)}</p>'
        f'<dl class="facts">{listed}</dl>{spark}</article>'
    )


def _nothing(row: ExperimentRow) -> LiveVerdict:
    return LiveVerdict("collecting", None, row.brief.control, 0, row.brief.minimum_sample)


def sparkline(values: list[float], label: str) -> str:
    """Values as a small line, SVG with a name; empty for fewer than two."""
    if len(values) < 2:
        return ""
    top = max(values) or 1.0
    points = [(at * 240 / (len(values) - 1), 40 - 36 * value / top) for at, value in enumerate(values)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (
        '<svg class="spark" viewBox="0 0 240 44" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(label)}">'
        f'<polygon points="0,44 {line} 240,44" fill="currentColor" opacity=".13"/>'
        f'<polyline points="{line}" fill="none" stroke="currentColor" stroke-width="1.6" '
        'vector-effect="non-scaling-stroke"/></svg>'
    )
