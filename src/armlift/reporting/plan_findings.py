"""What a plan shows, for readers of any language."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

import pandas as pd

from armlift.reporting.findings import Finding
from armlift.reporting.numerals import count, percent

_CLEARLY = 3.0  # standard errors beyond which a rate is not the simulation's luck


def plan_finding(record: Mapping[str, Any]) -> Finding:
    """Say whether the rule keeps its promise, and what it finds.

    Args:
        record: The plan as `plan_record` gives it.
    """
    worlds = {world["name"]: world for world in record["scenarios"]}
    null, power = worlds.get("aa"), worlds.get("mde")
    values = {"rule": record["rule"], "alpha": percent(record["alpha"], 0), "looks": str(record["looks"])}
    if null is None:
        return Finding("plan.finding.no_null", values)
    values["false"] = percent(null["declared_winner_rate"])
    if is_unsafe(null["declared_winner_rate"], record["alpha"], null["replicates"]):
        safer = record.get("safer_rule")
        return Finding(f"plan.finding.unsafe{'' if safer else '_alone'}", values | {"safer": safer or ""})
    if power is None:
        return Finding("plan.finding.no_mde", values)
    values |= {"power": percent(power["declared_winner_rate"], 0), "mde": percent(record["mde"])}
    if power["median_stop_look"] is None:
        return Finding("plan.finding.seldom", values)
    values["look"] = f"{power['median_stop_look']:g}"
    if power["mean_days"] is None:
        return Finding("plan.finding.found", values | {"users": count(power["mean_users"])})
    return Finding("plan.finding.days", values | {"days": f"{power['mean_days']:.1f}"})


def is_unsafe(rate: float, alpha: float, replicates: int) -> bool:
    """Whether a rate of false winners lies above what is declared, by more than the simulation's luck.

    >>> is_unsafe(0.055, 0.05, 4000), is_unsafe(0.38, 0.05, 4000)
    (False, True)
    """
    return rate > alpha + _CLEARLY * sqrt(alpha * (1.0 - alpha) / replicates)


def false_finding(tables: pd.DataFrame, record: Mapping[str, Any]) -> Finding:
    """Say which rules declare more false winners than they may.

    Args:
        tables: The table `operating_characteristics`.
        record: The plan as `plan_record` gives it.
    """
    null = tables[(tables["scenario"] == "aa") & (tables["declares"] == "winner")]
    broken = [
        str(row["rule"])
        for row in null.to_dict("records")
        if is_unsafe(row["declared_winner_rate"], record["alpha"], int(row["replicates"]))
    ]
    values = {"alpha": percent(record["alpha"], 0), "rules": ", ".join(broken), "number": str(len(null))}
    return Finding("plan.false.some" if broken else "plan.false.none", values)


def power_finding(tables: pd.DataFrame, record: Mapping[str, Any]) -> Finding:
    """Say which rule finds the MDE the most often, beside the planned one, among those that keep alpha."""
    winners = tables[tables["declares"] == "winner"]
    null = winners[winners["scenario"] == "aa"].set_index("rule")
    safe = [
        rule
        for rule, row in null.iterrows()
        if not is_unsafe(row["declared_winner_rate"], record["alpha"], int(row["replicates"]))
    ]
    at_mde = winners[winners["scenario"] == "mde"].set_index("rule")["declared_winner_rate"]
    known = at_mde.reindex([rule for rule in safe if rule in at_mde.index])
    if known.empty or record["rule"] not in at_mde.index:
        return Finding("plan.power.none")
    own, best = percent(at_mde[record["rule"]], 0), str(known.idxmax())
    values = {"rule": record["rule"], "power": own, "mde": percent(record["mde"])}
    if best == record["rule"]:
        return Finding("plan.power.best", values)
    return Finding("plan.power.other", {**values, "best": best, "more": percent(known.max(), 0)})


def stopping_finding(tables: pd.DataFrame, record: Mapping[str, Any]) -> Finding:
    """Say by which look half of the experiments have ended, if the effect is the MDE."""
    rows = tables[(tables["scenario"] == "mde") & (tables["rule"] == record["rule"])]
    looks = rows["median_stop_look"].dropna()
    values = {"rule": record["rule"], "looks": str(record["looks"])}
    if rows.empty or looks.empty:
        return Finding("plan.stopping.seldom", values)
    return Finding("plan.stopping.half", {**values, "look": f"{looks.iloc[0]:g}"})


def cost_finding(costs: pd.DataFrame) -> Finding:
    """Say which allocation loses the fewest conversions on the way, if the effect is the MDE.

    Args:
        costs: The table `allocation_costs`.
    """
    lost = costs[costs["scenario"] == "mde"].set_index("allocation")["expected_regret"].sort_values()
    if lost.empty:
        return Finding("plan.cost.none")
    values = {"least": str(lost.index[0]), "lost": count(lost.iloc[0])}
    if len(lost) == 1:
        return Finding("plan.cost.one", values)
    return Finding("plan.cost.some", {**values, "most": str(lost.index[-1]), "more": count(lost.iloc[-1])})
