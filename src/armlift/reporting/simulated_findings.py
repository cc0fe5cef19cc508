"""What the trends of a simulation show, for readers of any language."""

from __future__ import annotations

import numpy as np
import pandas as pd

from armlift.reporting.facts import BASELINE
from armlift.reporting.findings import Finding
from armlift.reporting.numerals import count, lift_decimals, percent, signed_percent
from armlift.reporting.results import champion, policy_results


def simulated_lift_finding(summary: pd.DataFrame, policy: str | None = None) -> Finding:
    """Say what a bandit gains over the fixed split in the simulation.

    Args:
        summary: The table `policy_summary`.
        policy: Bandit; the champion if None.
    """
    name = policy or champion(summary)
    if name is None:
        return Finding("comparison.simulated.lift.no_bandit")
    lift = policy_results(summary)[name].lift
    if lift is None:
        return Finding("comparison.simulated.lift.no_baseline", {"policy": name})
    decimals = lift_decimals(lift.low, lift.high)
    outcome = "gain" if lift.gains else "loss" if lift.loses else "open"
    size = signed_percent(lift.mean, decimals) if outcome == "open" else percent(abs(lift.mean), decimals)
    ends = {"low": signed_percent(lift.low, decimals), "high": signed_percent(lift.high, decimals)}
    return Finding(f"comparison.simulated.lift.{outcome}", {"policy": name, "lift": size, **ends})


def simulated_trend_finding(trend: pd.DataFrame, quantity: str, policies: list[str]) -> Finding:
    """Say which policy ends first in a quantity, and which last.

    Args:
        trend: The table `policy_trend`.
        quantity: `cumulative_reward`, `ctr` or `cumulative_regret`.
        policies: Policies that are shown.
    """
    rows = trend[trend["policy"].isin(policies)]
    last = rows[rows["decisions"] == rows["decisions"].max()]
    if last.empty:
        return Finding("comparison.simulated.no_data")
    less_is_better = quantity == "cumulative_regret"
    order = last.set_index("policy")[f"{quantity}_mean"].sort_values(ascending=less_is_better, kind="stable")

    def written(value: float) -> str:
        return percent(value, 2) if quantity == "ctr" else count(value)

    values = {
        "policy": str(order.index[0]),
        "value": written(order.iloc[0]),
        "decisions": count(last["decisions"].iloc[0]),
    }
    key = f"comparison.simulated.{quantity}"
    if len(order) == 1:
        return Finding(f"{key}.one", values)
    values |= {"other": str(order.index[-1]), "less": written(order.iloc[-1])}
    if np.isclose(order.iloc[0], order.iloc[-1], rtol=1e-9, atol=1e-6):
        return Finding(f"{key}.tie", values)
    return Finding(f"{key}.lead", values)


def simulated_traffic_finding(shares: pd.DataFrame, policy: str) -> Finding:
    """Say to which arm a policy sends its traffic at the end.

    Args:
        shares: The table `traffic_share`.
        policy: Policy.
    """
    rows = shares[shares["policy"] == policy]
    if rows.empty:
        return Finding("comparison.simulated.no_data")
    late = rows[rows["decisions"] > 0.9 * rows["decisions"].max()]
    share = late.groupby("arm", sort=False)["share_mean"].mean().sort_values(ascending=False, kind="stable")
    values = {"policy": policy, "arm": str(share.index[0]), "share": percent(share.iloc[0], 0)}
    if policy == BASELINE or share.iloc[0] - share.iloc[-1] < 0.02:
        return Finding("comparison.simulated.traffic.even", values)
    return Finding("comparison.simulated.traffic.lead", values)
