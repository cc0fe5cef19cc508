"""In words: why a decision fell as it did, and what moved a bandit in its last hour."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from armlift.experiments.brief import Brief
from armlift.experiments.brief_parts import Strategy
from armlift.reporting.numerals import count, percent
from dashboard.decision_reasons import Knowledge, decisions_by_arm, knowledge
from dashboard.widgets import rows_of

if TYPE_CHECKING:
    from armlift.storage import Readings
    from dashboard.view import View

Say = Callable[..., str]
HOUR = timedelta(hours=1)
_BUCKET = pd.Timedelta(minutes=5)
_DAY = timedelta(days=1)


class LastHour(NamedTuple):
    """What happened in the last hour that an experiment had decisions in.

    Attributes:
        start: Its start, UTC.
        end: Its end: that of the last bucket with decisions.
        before: Sums up to its start.
        series: Sums of its buckets.
    """

    start: pd.Timestamp
    end: pd.Timestamp
    before: pd.DataFrame
    series: pd.DataFrame


def last_hour(readings: Readings, experiment: str, simulated: bool | None) -> LastHour | None:
    """Read the last hour with decisions; None if none were summed yet.

    Args:
        readings: Where to read.
        experiment: Id of the experiment.
        simulated: Whether of simulated users; None for all.
    """
    newest = readings.decisions(experiment, limit=1)
    if newest.empty:
        return None
    end = newest["at"].iloc[0].floor(_BUCKET) + _BUCKET
    series = readings.series(experiment, since=end - _DAY, until=end, simulated=simulated)
    series = series[series["decisions"] > 0]
    if series.empty:
        return None
    end = series["bucket_at"].max() + _BUCKET
    start = end - HOUR
    before = readings.series(experiment, until=start, width=_DAY, simulated=simulated)
    return LastHour(start, end, before, series[series["bucket_at"] >= start])


def hour_in_words(view: View, brief: Brief, strategy: Strategy, hour: LastHour) -> str:
    """Say what a strategy did in its last hour, and what it had learned at its start and end."""
    own = hour.series[hour.series["strategy_id"] == strategy.id]
    chosen = decisions_by_arm(own)
    total = sum(chosen.values())
    when = {"start": view.when(hour.start), "end": view.when(hour.end)}
    if not total:
        return view.say("decisions.hour.none", strategy=strategy.id, **when)
    first = knowledge(brief, strategy, hour.before)
    last = knowledge(brief, strategy, pd.concat([hour.before, hour.series]))
    arm = next(iter(chosen))
    before, after = _of(first, arm), _of(last, arm)
    words = view.say(
        "decisions.hour.chose",
        strategy=strategy.id,
        total=count(total),
        arm=arm,
        share=percent(chosen[arm] / total),
        **when,
    )
    moved = view.say(
        "decisions.hour.moved",
        arm=arm,
        before=percent(before.allocation),
        after=percent(after.allocation),
        rewards=count(after.rewards - before.rewards),
        mean_before=_reward(brief, before.mean, view.say),
        mean_after=_reward(brief, after.mean, view.say),
    )
    return f"{words} {moved} {view.say('decisions.hour.marks')}"


def why_in_words(view: View, brief: Brief, decision: pd.Series, known: Sequence[Knowledge]) -> list[str]:
    """Say why a decision fell as it did, sentence by sentence.

    Args:
        view: The session's view.
        brief: The experiment's.
        decision: Its row of the log.
        known: What its strategy knew of each arm shortly before; empty where no strategy decided.
    """
    say, arm, propensity = view.say, str(decision["arm_id"]), percent(float(decision["propensity"]))
    strategy = next((each for each in brief.strategies if each.id == decision["strategy_id"]), None)
    at = view.when(decision["at"], seconds=True)
    if strategy is None:
        return [say("decisions.why.settled", at=at, arm=arm)]
    said = [
        say(
            "decisions.why.chose",
            at=at,
            strategy=strategy.id,
            arm=arm,
            propensity=propensity,
            version=count(int(decision["allocation_version"])),
        ),
        say(f"decisions.why.by.{strategy.allocation}", floor=percent(strategy.floor), arm=arm),
    ]
    mine = _of(known, arm)
    if strategy.allocation != "fixed":
        said.append(_knew(brief, mine, say))
        leader = max(known, key=lambda each: each.allocation)
        if leader.arm != arm:
            said.append(
                say("decisions.why.leader", leader=leader.arm, share=percent(leader.allocation), arm=arm)
            )
        if brief.quality.sticky:
            said.append(say("decisions.why.sticky"))
    if decision["flag_reasons"]:
        said.append(say("decisions.why.flagged", reasons=str(decision["flag_reasons"]).replace(",", ", ")))
    return said


def knowledge_table(view: View, brief: Brief, strategy: Strategy, known: Sequence[Knowledge]) -> str:
    """What a strategy knew, arm by arm, as an HTML table."""
    say = view.say
    bounds = {"ucb": "bound"}.get(strategy.allocation, "interval")
    rows = [
        (
            each.arm,
            count(each.rewards),
            _reward(brief, each.mean, say),
            _interval(brief, each, say),
            percent(each.allocation),
        )
        for each in known
    ]
    names = ("arm", "rewards", "mean", bounds, "allocation")
    columns = [say(f"decisions.knew.{name}") for name in names]
    return rows_of(pd.DataFrame(rows, columns=columns), say("decisions.knew.title"))


def paragraphs(sentences: Sequence[str]) -> str:
    """Sentences as HTML paragraphs."""
    return "".join(f'<p class="sentence">{escape(sentence)}</p>' for sentence in sentences)


def known_at(readings: Readings, experiment: str, at: datetime) -> tuple[datetime, pd.DataFrame]:
    """Sums as they were shortly before a moment: up to the start of its bucket.

    Returns:
        That start, and the sums.
    """
    start = pd.Timestamp(at).floor(_BUCKET).to_pydatetime()
    midnight = start.replace(hour=0, minute=0)
    days = readings.series(experiment, until=midnight, width=_DAY)
    today = readings.series(experiment, since=midnight, until=start)
    return start, pd.concat([days, today], ignore_index=True)


def _knew(brief: Brief, mine: Knowledge, say: Say) -> str:
    if mine.mean is None:
        return say("decisions.why.unknown", arm=mine.arm)
    key = "interval" if mine.low is not None else "bound" if mine.high is not None else "mean"
    return say(
        f"decisions.why.knew.{key}",
        arm=mine.arm,
        rewards=count(mine.rewards),
        mean=_reward(brief, mine.mean, say),
        low=_reward(brief, mine.low, say),
        high=_reward(brief, mine.high, say),
    )


def _of(known: Sequence[Knowledge], arm: str) -> Knowledge:
    """What was known of an arm; of one that left the brief, nothing."""
    return next((each for each in known if each.arm == arm), Knowledge(arm, 0, None, None, None, 0.0))


def _interval(brief: Brief, each: Knowledge, say: Say) -> str:
    if each.low is None:
        return _reward(brief, each.high, say)
    return f"{_reward(brief, each.low, say)} – {_reward(brief, each.high, say)}"


def _reward(brief: Brief, value: float | None, say: Say) -> str:
    """A mean reward: a share, unless rewards may be amounts."""
    if value is None:
        return say("decisions.unknown")
    return f"{value:,.2f}" if brief.any_reward else percent(value, 2)
