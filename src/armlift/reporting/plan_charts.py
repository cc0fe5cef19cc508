"""Charts of a plan: false winners, power, stopping, regret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from armlift.reporting.facts import Chart
from armlift.reporting.marks import DIRECT, axis, layout, lines, panel, segments, span_of
from armlift.reporting.numerals import count, percent
from armlift.reporting.palette import policy_colours


def plan_charts(
    operating_characteristics: pd.DataFrame,
    stopping_curves: pd.DataFrame,
    allocation_costs: pd.DataFrame,
    regret_curves: pd.DataFrame,
    record: Mapping[str, Any],
) -> dict[str, Chart]:
    """Draw a plan.

    Args:
        operating_characteristics: One row for each rule and scenario.
        stopping_curves: Share that had declared by each look, for each rule and scenario.
        allocation_costs: One row for each allocation and scenario.
        regret_curves: Conversions lost up to each look, for each allocation and scenario.
        record: The plan as `armlift plan --json` prints it.

    Returns:
        Charts by name; the name suits as a file name.
    """
    rules = operating_characteristics
    winners = rules[rules["declares"] == "winner"]
    decides = stopping_curves["rule"].isin(winners["rule"])
    charts = {
        "false_declarations": _false_declarations(rules, stopping_curves, record),
        "power": _power(winners, record),
    }
    at_mde = stopping_curves[decides & (stopping_curves["scenario"] == "mde")]
    if len(at_mde):
        charts["stopping"] = _stopping(at_mde, winners, record)
        charts["regret"] = _regret(
            regret_curves[regret_curves["scenario"] == "mde"],
            allocation_costs[allocation_costs["scenario"] == "mde"],
            record,
        )
    return charts


def _false_declarations(rules: pd.DataFrame, curves: pd.DataFrame, record: Mapping[str, Any]) -> Chart:
    null = rules[rules["scenario"] == "aa"].set_index("rule")
    rows = _from_zero(curves[curves["scenario"] == "aa"], "rule", "declared_rate", 100.0)
    decides = rows["name"].isin(null.index[null["declares"] == "winner"])
    panels = [
        _false_panel(rows[decides], "Winners", record),
        _false_panel(rows[~decides], "Alarms and rollbacks", record),
    ]
    own = null.loc[record["rule"], "declared_winner_rate"]
    return Chart(
        "Experiments without any difference in which a rule declares something",
        f"{record['rule']} does so in {percent(own)} of them by look {record['looks']}; "
        f"declared are {percent(record['alpha'], 0)}.",
        layout(panels),
        f"Thin line: the declared alpha. Simulated {count(null['replicates'].iloc[0])} times for each rule.",
        policy_colours(null.index),
        columns=2,
    )


def _false_panel(rows: pd.DataFrame, title: str, record: Mapping[str, Any]) -> Any:
    alpha = 100.0 * record["alpha"]
    x = _looks(record)
    y = axis("y0", "Experiments with a false declaration", span_of(rows["y"], alpha, zero=True), "%")
    level = {"x0": x.range[0], "y0": alpha, "x1": x.range[1], "y1": alpha, "name": "reference"}
    parts = [segments(pd.DataFrame([level]), x, y, "Rule"), *_emphasised(rows, record["rule"], x, y)]
    return panel(parts, title, DIRECT)


def _power(winners: pd.DataFrame, record: Mapping[str, Any]) -> Chart:
    rows = pd.DataFrame(
        {
            "name": winners["rule"],
            "x": 100.0 * winners["effect"],
            "y": 100.0 * winners["declared_winner_rate"],
        }
    ).sort_values(["name", "x"])
    x = axis("x0", "True effect, relative", span_of(rows["x"], zero=True), "%")
    y = axis("y0", "Experiments that declare a winner", (0.0, 100.0), "%")
    at_mde = winners[winners["scenario"] == "mde"].set_index("rule")["declared_winner_rate"]
    found = f"; {at_mde.idxmax()} the most often, in {percent(at_mde.max())}" if len(at_mde) else ""
    named = record["rule"] if record["rule"] in at_mde else at_mde.index[0] if len(at_mde) else None
    caption = (
        f"At the MDE {named} declares a winner in {percent(at_mde[named])} of experiments{found}."
        if named
        else "No scenario at the MDE: its rate would exceed 100 %."
    )
    return Chart(
        "Power: how often each rule declares a winner, by the true effect",
        caption,
        layout([panel(_emphasised(rows, record["rule"], x, y), group=DIRECT)]),
        "At an effect of 0 every winner is false: a rule that is high there buys its power with them.",
        policy_colours(dict.fromkeys(winners["rule"])),
    )


def _stopping(curves: pd.DataFrame, winners: pd.DataFrame, record: Mapping[str, Any]) -> Chart:
    rows = _from_zero(curves, "rule", "declared_rate", 100.0)
    x, y = _looks(record), axis("y0", "Experiments that have declared a winner", (0.0, 100.0), "%")
    median = winners[winners["scenario"] == "mde"].set_index("rule")["median_stop_look"]
    reached = median.dropna().sort_values()
    caption = (
        "Half of the experiments have ended "
        + ", ".join(f"by look {look:g} with {rule}" for rule, look in reached.items())
        + "."
        if len(reached)
        else "No rule ends half of the experiments within the planned looks."
    )
    return Chart(
        "When each rule stops, if the effect is the MDE",
        caption,
        layout([panel(_emphasised(rows, record["rule"], x, y), group=DIRECT)]),
        "Share of experiments that have declared a winner by each look: the distribution of the stop.",
        policy_colours(dict.fromkeys(winners["rule"])),
    )


def _regret(curves: pd.DataFrame, costs: pd.DataFrame, record: Mapping[str, Any]) -> Chart:
    rows = _from_zero(curves, "allocation", "regret_mean", 1.0)
    x, y = _looks(record), axis("y0", "Conversions lost", span_of(rows["y"], zero=True))
    lost = costs.set_index("allocation")["expected_regret"]
    worse = costs.set_index("allocation")["users_worse_arm"]
    least, most = str(lost.idxmin()), str(lost.idxmax())
    others = f"; {most} {count(lost[most])} and {count(worse[most])}" if most != least else ""
    return Chart(
        "Conversions lost on the way, by allocation, if the effect is the MDE",
        f"{least} loses {count(lost[least])} conversions and shows {count(worse[least])} users a worse arm"
        f"{others}.",
        layout([panel([lines(rows, x, y)], group=DIRECT)]),
        "Each allocation gets all users of the plan; a bandit changes its weights at the looks.",
        policy_colours(lost.index),
    )


def _from_zero(curves: pd.DataFrame, name: str, value: str, scale: float) -> pd.DataFrame:
    """Curves by look as columns name, x, y, each beginning at look 0 with 0."""
    rows = pd.DataFrame({"name": curves[name], "x": curves["look"], "y": scale * curves[value]})
    start = rows[["name"]].drop_duplicates().assign(x=0, y=0.0)
    return pd.concat([start, rows]).sort_values(["name", "x"], kind="stable")


def _emphasised(rows: pd.DataFrame, rule: str, x: Any, y: Any) -> list[Any]:
    """Lines, the planned rule's on top and thicker."""
    is_planned = rows["name"] == rule
    planned = [lines(rows[is_planned], x, y, "Lead")] if is_planned.any() else []
    return [lines(rows[~is_planned], x, y), *planned]


def _looks(record: Mapping[str, Any]) -> Any:
    return axis("x0", "Look", (0, record["looks"]))
