"""The summary page: the verdict in words, the tables and all charts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from armlift.reporting.facts import BASELINE, Chart, SimulationFacts
from armlift.reporting.numerals import count, interval, lift_decimals, percent, signed_percent
from armlift.reporting.palette import arm_colours, policy_colours
from armlift.reporting.rendering import bokeh_script, fragment
from armlift.reporting.results import Lift, PolicyResult, arm_rates, champion, policy_results
from armlift.reporting.templates import environment
from armlift.reporting.verdict import decide

_ABSENT = "–"
_WORLDS = {
    "movielens": "the users and items of the data set {source}",
    "aa": "an A/A world on the data set {source}: all arms are the same",
    "bernoulli": "an artificial world with given click rates",
}


@dataclass(frozen=True)
class PolicyRow:
    """One line of the table of policies, as text.

    Attributes:
        policy: Name.
        colour: Hex colour.
        lead: Whether the row is that of the policy in the headline.
        cells: One text for each column.
    """

    policy: str
    colour: str
    lead: bool
    cells: tuple[str, ...]


@dataclass(frozen=True)
class SegmentRow:
    """One line of the table of arms by segment.

    Attributes:
        segment: Name.
        traffic: Share of the decisions, as text.
        rates: Click rate of each arm as text, and whether the arm is the segment's best.
    """

    segment: str
    traffic: str
    rates: tuple[tuple[str, bool], ...]


def summary_page(
    charts: Mapping[str, Chart],
    policy_summary: pd.DataFrame,
    arm_click_rates: pd.DataFrame,
    facts: SimulationFacts,
) -> str:
    """Write the summary page, which loads nothing from outside.

    Args:
        charts: The charts to show, by name.
        policy_summary: One row per policy.
        arm_click_rates: True click rate per segment and arm.
        facts: Set-up of the simulation.

    Returns:
        HTML.
    """
    arms = arm_colours(dict.fromkeys(arm_click_rates["arm"]))
    verdict = decide(policy_summary, arm_click_rates, facts)
    lead = champion(policy_summary) if verdict.outcome == "gain" else None
    columns = _columns(policy_summary, facts)
    return (
        environment()
        .get_template("summary.html")
        .render(
            verdict=verdict,
            facts=facts,
            world=_WORLDS[facts.kind].format(source=facts.source),
            columns=list(columns),
            policies=_policy_rows(policy_summary, columns, lead),
            has_baseline=BASELINE in set(policy_summary["policy"]),
            arms=arms,
            segments=_segment_rows(arm_click_rates, list(arms)),
            charts=charts,
            fragments={name: fragment(chart) for name, chart in charts.items()},
            bokeh=bokeh_script(),
        )
    )


def _columns(summary: pd.DataFrame, facts: SimulationFacts) -> dict[str, Callable[[PolicyResult], str]]:
    """Return the columns of the table of policies; those that would say nothing are left out."""
    columns: dict[str, Callable[[PolicyResult], str]] = {
        "Clicks": lambda result: count(result.reward),
        "Clicks per decision": lambda result: percent(result.click_rate, 2),
    }
    if BASELINE in set(summary["policy"]):
        columns["Gain over fixed split"] = lambda result: _gain(result.lift)
        columns["95\u00a0% interval"] = lambda result: (
            interval(result.lift.low, result.lift.high) if result.lift else _ABSENT
        )
    if facts.kind == "aa":  # no arm is the best one
        return columns
    columns["Regret (clicks)"] = lambda result: count(result.regret)
    columns["Traffic on best arm"] = lambda result: percent(result.best_arm_share, 0)
    if summary["decisions_to_best"].notna().any():
        columns["Decisions to best arm"] = lambda result: (
            "not reached" if result.decisions_to_best is None else count(result.decisions_to_best)
        )
    return columns


def _gain(lift: Lift | None) -> str:
    return signed_percent(lift.mean, lift_decimals(lift.low, lift.high)) if lift else _ABSENT


def _policy_rows(
    summary: pd.DataFrame, columns: Mapping[str, Callable[[PolicyResult], str]], lead: str | None
) -> list[PolicyRow]:
    colours = policy_colours(summary["policy"])
    return [
        PolicyRow(
            result.policy,
            colours[result.policy],
            result.policy == lead,
            tuple(text(result) for text in columns.values()),
        )
        for result in sorted(policy_results(summary).values(), key=lambda result: -result.reward)
    ]


def _segment_rows(arm_click_rates: pd.DataFrame, arms: list[str]) -> list[SegmentRow]:
    rates = arm_rates(arm_click_rates)
    rows = []
    for segment, traffic in {rate.segment: rate.traffic_share for rate in rates}.items():
        own = {rate.arm: rate for rate in rates if rate.segment == segment}
        tied = all(rate.is_best for rate in own.values())  # nothing is best among equals
        cells = [
            (percent(own[arm].click_rate, 2), own[arm].is_best and not tied)
            if arm in own
            else (_ABSENT, False)
            for arm in arms
        ]
        rows.append(SegmentRow(segment, percent(traffic, 0), tuple(cells)))
    return rows
