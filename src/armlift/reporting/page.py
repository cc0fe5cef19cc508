"""The summary page: the verdict in words, the tables and all charts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from armlift.reporting.facts import BASELINE, Chart, SimulationFacts
from armlift.reporting.numerals import count, interval, lift_decimals, percent, signed_percent
from armlift.reporting.palette import arm_colours, policy_colours
from armlift.reporting.rendering import bokeh_script, fragment
from armlift.reporting.results import arm_rates, champion, policy_results
from armlift.reporting.templates import environment
from armlift.reporting.verdict import decide

_ABSENT = "–"
_WORLDS = {
    "movielens": "users and items of {source}",
    "aa": "an A/A world on {source}: all arms are the same",
    "bernoulli": "an artificial world ({source})",
}


@dataclass(frozen=True)
class PolicyRow:
    """One line of the table of policies, as text.

    Attributes:
        policy: Name.
        colour: Hex colour.
        lead: Whether the row is the champion's.
        cells: Clicks, rate, gain, interval, regret, best arm's share, decisions to the best arm.
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
    return (
        environment()
        .get_template("summary.html")
        .render(
            verdict=decide(policy_summary, arm_click_rates, facts),
            facts=facts,
            world=_WORLDS[facts.kind].format(source=facts.source),
            policies=_policy_rows(policy_summary),
            has_baseline=BASELINE in set(policy_summary["policy"]),
            arms=arms,
            segments=_segment_rows(arm_click_rates, list(arms)),
            charts=charts,
            fragments={name: fragment(chart) for name, chart in charts.items()},
            bokeh=bokeh_script(),
        )
    )


def _policy_rows(summary: pd.DataFrame) -> list[PolicyRow]:
    colours, lead = policy_colours(summary["policy"]), champion(summary)
    rows = []
    for result in sorted(policy_results(summary).values(), key=lambda result: -result.reward):
        gain, gain_interval = _ABSENT, _ABSENT
        if lift := result.lift:
            gain = signed_percent(lift.mean, lift_decimals(lift.low, lift.high))
            gain_interval = interval(lift.low, lift.high)
        needed = result.decisions_to_best
        cells = (
            count(result.reward),
            percent(result.click_rate, 2),
            gain,
            gain_interval,
            count(result.regret),
            percent(result.best_arm_share, 0),
            "not reached" if needed is None else count(needed),
        )
        rows.append(PolicyRow(result.policy, colours[result.policy], result.policy == lead, cells))
    return rows


def _segment_rows(arm_click_rates: pd.DataFrame, arms: list[str]) -> list[SegmentRow]:
    rates = arm_rates(arm_click_rates)
    rows = []
    for segment, traffic in {rate.segment: rate.traffic_share for rate in rates}.items():
        own = {rate.arm: rate for rate in rates if rate.segment == segment}
        cells = [
            (percent(own[arm].click_rate, 2), own[arm].is_best) if arm in own else (_ABSENT, False)
            for arm in arms
        ]
        rows.append(SegmentRow(segment, percent(traffic, 0), tuple(cells)))
    return rows
