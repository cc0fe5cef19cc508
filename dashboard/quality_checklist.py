"""The checklist of a good experiment in the reader's language, with what was measured since its start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import pandas as pd

from armlift.experiments.brief import Brief
from armlift.experiments.brief_parts import Strategy
from armlift.experiments.checklist import Item, Status, check_brief, units_by_arm, units_needed
from armlift.reporting.numerals import count, percent

Say = Callable[..., str]
_Reason = tuple[str, Mapping[str, object]]
_SPEED = "lcp_seconds"


class Line(NamedTuple):
    """One line of the checklist.

    Attributes:
        id: Name for machines.
        status: What is known.
        statement: What a good experiment does.
        reason: Why the status is what it is.
    """

    id: str
    status: Status
    statement: str
    reason: str


def checklist(brief: Brief, readings: pd.DataFrame, say: Say) -> tuple[Line, ...]:
    """Judge an experiment by its brief and by what was measured.

    Args:
        brief: What was declared.
        readings: The experiment's readings, newest first: `metric`, `segment`, `alarm`.
        say: Message by key.
    """
    latest = readings.drop_duplicates(["metric", "segment"])
    lines = [_line(brief, item, latest, say) for item in check_brief(brief).items]
    ratio = latest[latest["metric"] == "sample_ratio"]
    if not ratio.empty:
        lines.insert(2, _measured("sample_ratio", ratio, say))
    return tuple(lines)


def _line(brief: Brief, item: Item, latest: pd.DataFrame, say: Say) -> Line:
    kind, _, strategy_id = item.id.partition(".")
    watched = {guardrail.metric for guardrail in brief.guardrails}
    if kind == "page_speed":
        watched &= {_SPEED}
    measured = latest[latest["metric"].isin(watched)]
    if kind in ("guardrails", "page_speed") and not measured.empty:
        return _measured(kind, measured, say)
    key, values = _REASONS[kind](brief, item)
    statement = say(f"dash.quality.check.{kind}", strategy=strategy_id)
    return Line(item.id, item.status, statement, say(f"dash.quality.because.{key}", **values))


def _measured(kind: str, latest: pd.DataFrame, say: Say) -> Line:
    """A line about readings: each metric's and segment's last one."""
    broken = sorted(set(latest.loc[latest["alarm"].astype(bool), "metric"]))
    names = ", ".join(broken or sorted(set(latest["metric"])))
    key = f"dash.quality.because.{kind}.{'broken' if broken else 'kept'}"
    status = Status.FAILED if broken else Status.PASSED
    return Line(kind, status, say(f"dash.quality.check.{kind}"), say(key, names=names))


def _declared(brief: Brief, _: Item) -> _Reason:
    metric = brief.primary_metric
    return f"declared.{metric.direction}", {
        "metric": metric.id,
        "mde": percent(metric.mde),
        "days": f"{brief.maximum_duration_days:g}",
    }


def _duration(brief: Brief, item: Item) -> _Reason:
    strategy = _strategy(brief, item.id.partition(".")[2])
    if strategy.allocation != "fixed":
        return "duration.bandit", {}
    needed, there = units_needed(brief, strategy), units_by_arm(brief, strategy)
    arm = min(needed, key=lambda arm: there[arm] / max(needed[arm], brief.minimum_sample))
    return "duration.fixed", {
        "arm": arm,
        "users": count(there[arm]),
        "days": f"{brief.maximum_duration_days:g}",
        "needed": count(needed[arm]),
        "minimum": count(brief.minimum_sample),
    }


def _trustworthy(brief: Brief, item: Item) -> _Reason:
    if item.status is Status.FAILED:
        return "trustworthy.off", {}
    return "trustworthy.on", {"threshold": f"{brief.quality.sample_ratio_alarm:g}"}


def _one_metric(brief: Brief, _: Item) -> _Reason:
    return "one_metric", {"metric": brief.primary_metric.id, "n": len(brief.secondary_metrics)}


def _stopping_rule(brief: Brief, item: Item) -> _Reason:
    values = {"rule": brief.stopping_rule, "looks": brief.number_of_looks, "alpha": f"{brief.alpha:g}"}
    if item.status is Status.FAILED:
        return "stopping_rule.peeks", values
    return f"stopping_rule.{'once' if brief.stopping_rule == 'fixed_horizon' else 'allows'}", values


def _guardrails(brief: Brief, item: Item) -> _Reason:
    names = ", ".join(guardrail.metric for guardrail in brief.guardrails)
    return f"guardrails.{'none' if item.status is Status.FAILED else 'waiting'}", {"names": names}


def _page_speed(_: Brief, item: Item) -> _Reason:
    return f"page_speed.{'none' if item.status is Status.FAILED else 'waiting'}", {}


def _report(brief: Brief, item: Item) -> _Reason:
    return f"report.{'none' if item.status is Status.FAILED else 'waiting'}", {
        "names": ", ".join(brief.segments)
    }


def _strategy(brief: Brief, strategy_id: str) -> Strategy:
    return next(strategy for strategy in brief.strategies if strategy.id == strategy_id)


_REASONS: Mapping[str, Callable[[Brief, Item], _Reason]] = {
    "declared": _declared,
    "duration": _duration,
    "trustworthy": _trustworthy,
    "one_metric": _one_metric,
    "stopping_rule": _stopping_rule,
    "guardrails": _guardrails,
    "page_speed": _page_speed,
    "report": _report,
}
