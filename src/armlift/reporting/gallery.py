"""All charts of one simulation."""

from __future__ import annotations

import pandas as pd

from armlift.reporting import arms, beliefs, trends
from armlift.reporting.facts import BASELINE, Chart, SimulationFacts
from armlift.reporting.palette import arm_colours


def build_charts(
    policy_trend: pd.DataFrame,
    traffic_share: pd.DataFrame,
    posterior_snapshots: pd.DataFrame,
    cusum: pd.DataFrame,
    policy_summary: pd.DataFrame,
    arm_click_rates: pd.DataFrame,
    facts: SimulationFacts,
) -> dict[str, Chart]:
    """Build every chart that the tables allow, in the order of a report.

    Charts without data are left out: the lift without the fixed split or without a bandit, the posteriors
    without Thompson sampling, the bounds without a UCB policy, the CUSUM without rows.

    Args:
        policy_trend: Mean and percentiles of rate, reward and regret per policy and checkpoint.
        traffic_share: Share of traffic per policy, checkpoint and arm.
        posterior_snapshots: Beliefs of the first replicate per policy, checkpoint and arm.
        cusum: Cumulative weighted difference to the control arm, per arm and checkpoint.
        policy_summary: One row per policy.
        arm_click_rates: True click rate per segment and arm.
        facts: Set-up of the simulation.

    Returns:
        Charts by name; the name suits as a file name.
    """
    colours = arm_colours(dict.fromkeys(arm_click_rates["arm"]))
    policies = set(policy_summary["policy"])
    charts: dict[str, Chart | None] = {
        "lift": trends.lift(policy_summary) if BASELINE in policies and len(policies) > 1 else None,
        "cumulative_reward": trends.cumulative_reward(policy_trend, policy_summary, facts),
        "click_through_rate": trends.click_through_rate(policy_trend, policy_summary, facts),
        "cumulative_regret": trends.cumulative_regret(policy_trend, policy_summary, facts),
        "traffic_share": arms.traffic_share(traffic_share, policy_summary, colours, facts),
        "posteriors": beliefs.posteriors(posterior_snapshots, policy_summary, arm_click_rates, colours),
        "confidence_bounds": beliefs.confidence_bounds(posterior_snapshots, colours, facts),
        "cusum": arms.cusum(cusum, colours, facts) if (cusum["arm"] != cusum["control"]).any() else None,
        "click_rates": arms.click_rates(arm_click_rates),
    }
    return {name: chart for name, chart in charts.items() if chart is not None}
