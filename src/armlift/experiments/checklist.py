"""The checklist of a good experiment, as far as its brief answers it before the start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from armlift.experiments.brief import Brief
from armlift.experiments.brief_parts import Strategy
from armlift.statistics.comparison import Baseline, Comparison
from armlift.statistics.power import sample_size


class Status(StrEnum):
    """What is known of an item."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_JUDGED = "not judged yet"


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the checklist.

    Attributes:
        id: Name for machines.
        statement: What a good experiment does.
        status: Whether this one does.
        reason: Why, in words and with numbers.
    """

    id: str
    statement: str
    status: Status
    reason: str


@dataclass(frozen=True, slots=True)
class Checklist:
    """What is known of an experiment before it starts.

    Attributes:
        items: All items.
    """

    items: tuple[Item, ...]

    @property
    def failed(self) -> tuple[Item, ...]:
        """What to mend before the start."""
        return tuple(item for item in self.items if item.status is Status.FAILED)


def check_brief(brief: Brief) -> Checklist:
    """Judge a brief by the checklist of a good experiment.

    A failed item does not make a brief invalid: it can be started, and the report will say so.

    Args:
        brief: The brief.
    """
    return Checklist(
        (
            _declared(brief),
            *_durations(brief),
            _trustworthy(brief),
            _one_metric(brief),
            _stopping_rule(brief),
            _guardrails(brief),
            _page_speed(brief),
            _report(brief),
        )
    )


def units_by_arm(brief: Brief, strategy: Strategy) -> dict[str, float]:
    """Users of each variant until the maximum duration, under the shares with which a strategy begins."""
    users = brief.daily_users * brief.maximum_duration_days * strategy.share
    return {arm: users * weight for arm, weight in zip(brief.arms, brief.weights(strategy), strict=True)}


def units_needed(brief: Brief, strategy: Strategy) -> dict[str, int]:
    """Users of each variant that one two-sided test at the end needs for the declared MDE, alpha and power.

    Rules that look often need more; `armlift plan` finds out how many.
    """
    metric = brief.primary_metric
    if metric.standard_deviation is None:
        baseline = Baseline.proportion(metric.baseline)
    else:
        baseline = Baseline.mean(metric.baseline, metric.standard_deviation)
    order = [brief.control, *(arm for arm in brief.arms if arm != brief.control)]
    weights = dict(zip(brief.arms, brief.weights(strategy), strict=True))
    comparison = Comparison(alpha=brief.alpha, weights=tuple(weights[arm] for arm in order))
    effect = metric.mde if metric.direction == "increase" else -metric.mde
    sizes = sample_size(baseline, effect, comparison, power=brief.power, relative=True).arms
    return dict(zip(order, sizes.tolist(), strict=True))


def _declared(brief: Brief) -> Item:
    metric = brief.primary_metric
    reason = (
        f"{metric.direction} of {metric.id} by {metric.mde:.1%}, at most {brief.maximum_duration_days:g} days"
    )
    return Item("declared", "Goal, MDE and duration are written down before the start", Status.PASSED, reason)


def _durations(brief: Brief) -> Iterator[Item]:
    for strategy in brief.strategies:
        name, statement = f"duration.{strategy.id}", f"{strategy.id} runs long enough to find the MDE"
        if strategy.allocation != "fixed":
            reason = "a bandit's shares move with what it learns: see `armlift plan`"
            yield Item(name, statement, Status.NOT_JUDGED, reason)
            continue
        needed, there = units_needed(brief, strategy), units_by_arm(brief, strategy)
        arm = min(needed, key=lambda arm: there[arm] / max(needed[arm], brief.minimum_sample))
        enough = there[arm] >= max(needed[arm], brief.minimum_sample)
        reason = (
            f"{arm} gets {there[arm]:,.0f} users in {brief.maximum_duration_days:g} days; "
            f"one test at the end needs {needed[arm]:,}, the minimum sample is {brief.minimum_sample:,}"
        )
        yield Item(name, statement, Status.PASSED if enough else Status.FAILED, reason)


def _trustworthy(brief: Brief) -> Item:
    quality = brief.quality
    switched = {
        "sticky assignment": quality.sticky,
        "sample-ratio alarm": quality.sample_ratio_alarm is not None,
        "bot filter": quality.bot_filter,
    }
    off = [name for name, on in switched.items() if not on]
    return Item(
        "trustworthy",
        "Sticky assignment, sample-ratio alarm and bot filter are on",
        Status.FAILED if off else Status.PASSED,
        f"off: {', '.join(off)}"
        if off
        else f"the sample-ratio alarm rings at p < {quality.sample_ratio_alarm:g}",
    )


def _one_metric(brief: Brief) -> Item:
    shown = len(brief.secondary_metrics)
    reason = f"{brief.primary_metric.id} decides; secondary metrics, {shown} of them, are only shown"
    return Item("one_metric", "One primary metric decides", Status.PASSED, reason)


def _stopping_rule(brief: Brief) -> Item:
    peeks = brief.stopping_rule == "p_best_95" and brief.number_of_looks > 1
    if peeks:
        reason = (
            f"p_best_95 at {brief.number_of_looks} looks declares false winners more often than "
            f"alpha {brief.alpha:g}: see `armlift plan`"
        )
    elif brief.stopping_rule == "fixed_horizon":
        reason = "fixed_horizon decides once, at the end"
    else:
        reason = f"{brief.stopping_rule} allows for {brief.number_of_looks} looks"
    status = Status.FAILED if peeks else Status.PASSED
    return Item("stopping_rule", "The stopping rule keeps its alpha however often it looks", status, reason)


def _guardrails(brief: Brief) -> Item:
    names = ", ".join(guardrail.metric for guardrail in brief.guardrails)
    return Item(
        "guardrails",
        "No winner that breaks a guardrail is deployed",
        Status.NOT_JUDGED if names else Status.FAILED,
        f"watched from the start: {names}" if names else "the brief declares no guardrail",
    )


def _page_speed(brief: Brief) -> Item:
    declared = any(guardrail.metric == "lcp_seconds" for guardrail in brief.guardrails)
    return Item(
        "page_speed",
        "The variants' pages are about equally fast",
        Status.NOT_JUDGED if declared else Status.FAILED,
        "measured as lcp_seconds from the start" if declared else "no guardrail measures lcp_seconds",
    )


def _report(brief: Brief) -> Item:
    names = ", ".join(brief.segments)
    return Item(
        "report",
        "The report has effects by segment and learning points",
        Status.NOT_JUDGED if names else Status.FAILED,
        f"segments declared: {names}; learning points come at the end"
        if names
        else "no segments are declared",
    )
