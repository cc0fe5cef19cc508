"""Charts that compare arms: true click rates, traffic, CUSUM."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pandas as pd

from armlift.reporting.checkpoints import binned, thin
from armlift.reporting.facts import BASELINE, Chart, SimulationFacts
from armlift.reporting.marks import (
    axis,
    band,
    decisions_axis,
    layout,
    lines,
    panel,
    points,
    rule,
    segments,
    span_of,
)
from armlift.reporting.numerals import count, percent, signed_count
from armlift.reporting.palette import arm_colours
from armlift.reporting.results import arm_rates, champion, policy_results


def click_rates(arm_click_rates: pd.DataFrame) -> Chart:
    """True click rate of each arm, by segment of the traffic.

    Args:
        arm_click_rates: The table `arm_click_rates`.
    """
    names = list(dict.fromkeys(arm_click_rates["segment"]))[::-1]
    shares = arm_click_rates.groupby("segment")["traffic_share"].first()
    ticks = tuple(
        "all traffic" if segment == "all" else f"{segment} ({percent(shares[segment], 0)})"
        for segment in names
    )
    rate = arm_click_rates["click_rate"] * 100
    x = axis("x0", "True click rate", span_of(rate), "%")
    y = axis("y0", "Segment", (-0.6, len(names) - 0.4))
    rows = pd.DataFrame(
        {
            "name": arm_click_rates["arm"],
            "x0": rate,
            "y0": arm_click_rates["segment"].map({name: place for place, name in enumerate(names)}),
        }
    )
    reach = rows.groupby("y0", as_index=False).agg(x0=("x0", "min"), x1=("x0", "max"))
    guide = segments(reach.assign(y1=reach["y0"], name="reference"), x, y, "Guide")
    best = rows[arm_click_rates["is_best"].astype(bool)]
    colours = arm_colours(dict.fromkeys(arm_click_rates["arm"]))
    return Chart(
        "True click rate of each arm, by segment",
        _rates_caption(arm_click_rates),
        layout([panel([guide, points(best, x, y, "Best"), points(rows, x, y)])]),
        "One dot per arm; a ring marks the best arm of the segment. In brackets: share of the decisions.",
        colours,
        tuple(colours),
        categories=ticks,
    )


def _rates_caption(arm_click_rates: pd.DataFrame) -> str:
    rates = arm_rates(arm_click_rates)
    overall = [rate for rate in rates if rate.segment == "all"] or rates
    top = max(overall, key=lambda rate: rate.click_rate)
    last = min(overall, key=lambda rate: rate.click_rate)
    if top.click_rate == last.click_rate:
        return f"All arms have the same click rate, {percent(top.click_rate, 2)}."
    return (
        f"Over all traffic {top.arm} is best with a click rate of {percent(top.click_rate, 2)}; "
        f"{last.arm} is last with {percent(last.click_rate, 2)}."
    )


def traffic_share(
    shares: pd.DataFrame, summary: pd.DataFrame, colours: dict[str, str], facts: SimulationFacts
) -> Chart:
    """How each policy splits the traffic between the arms over time.

    Args:
        shares: The table `traffic_share`.
        summary: The table `policy_summary`.
        colours: Colour of each arm.
        facts: Set-up of the simulation.
    """
    import holoviews as hv

    # The best arm lies at the bottom, where its share can be read off the axis.
    order = sorted(colours, key=lambda arm: arm != facts.best_arm)
    rows = binned(shares, ["policy", "arm"], "share_mean")
    rows["arm"] = pd.Categorical(rows["arm"], order, ordered=True)
    rows = rows.sort_values(["policy", "end", "arm"])
    top = rows.groupby(["policy", "end"])["value"].cumsum()
    rows = rows.assign(x0=rows["start"], x1=rows["end"], y1=top * 100, y0=(top - rows["value"]) * 100)
    rows = rows.assign(name=rows["arm"].astype(str), share=rows["value"] * 100)
    x, y = decisions_axis(facts.decisions), axis("y0", "Share of traffic", (0, 100), "%")
    columns = ["x0", "y0", "x1", "y1", "name", "share"]
    panels = [
        panel(
            [
                hv.Rectangles(
                    rows.loc[rows["policy"] == policy, columns],
                    [x, y, "x1", "y1"],
                    ["name", "share"],
                    group="Share",
                )
            ],
            policy,
        )
        for policy in dict.fromkeys(shares["policy"])
    ]
    return Chart(
        "How each policy splits the traffic between the arms",
        _traffic_caption(summary, facts),
        layout(panels),
        "Mean over the runs, share of the decisions in each stretch. The best arm lies at the bottom.",
        colours,
        tuple(order),
        min(3, len(panels)),
    )


def _traffic_caption(summary: pd.DataFrame, facts: SimulationFacts) -> str:
    if facts.kind == "aa":
        return "All arms are the same, so no split of the traffic earns more than another."
    results = policy_results(summary)
    name = champion(summary) or BASELINE
    caption = (
        f"{name} gives {percent(results[name].best_arm_share, 0)} of all its decisions "
        f"to the best arm, {facts.best_arm}"
    )
    if name == BASELINE or BASELINE not in results:
        return f"{caption}."
    return f"{caption}; the fixed split gives it {percent(results[BASELINE].best_arm_share, 0)}."


def cusum(table: pd.DataFrame, colours: dict[str, str], facts: SimulationFacts) -> Chart:
    """Cumulative difference in clicks between each arm and the control arm under the fixed split.

    Args:
        table: The table `cusum`.
        colours: Colour of each arm.
        facts: Set-up of the simulation.
    """
    control = str(table["control"].iloc[0])
    rows = thin(table[table["arm"] != control]).rename(
        columns={"decisions": "x", "cusum_mean": "y", "cusum_p05": "low", "cusum_p95": "high", "arm": "name"}
    )
    x = decisions_axis(facts.decisions)
    y = axis("y0", "Clicks ahead of control", span_of(rows["low"], rows["high"], zero=True))
    arms = list(dict.fromkeys(rows["name"]))
    panels = []
    for arm in arms:
        own = rows[rows["name"] == arm]
        parts = [band(own, x, y, arm), rule(x, y), lines(own, x, y, "Lead")]
        panels.append(panel(parts, f"{arm} minus {control}"))
    final = rows[rows["x"] == rows["x"].max()].to_dict("records")
    return Chart(
        f"CUSUM: clicks each arm is ahead of the control arm, {control}",
        _cusum_caption([row for row in final if row["low"] > 0 or row["high"] < 0], len(arms), control),
        layout(panels),
        "Fixed split only, weighted by inverse propensity. Band: 5th to 95th percentile of the runs.",
        colours,
        columns=min(3, len(panels)) if len(panels) != 4 else 2,
    )


def _cusum_caption(apart: list[dict[Hashable, Any]], arms: int, control: str) -> str:
    """Name the arm whose difference from the control is the largest, of those whose band ends clear of 0."""
    if not apart:
        return f"No band ends clear of zero: no difference from {control} shows in single runs."
    top = max(apart, key=lambda row: abs(row["y"]))
    side = "ahead of" if top["y"] > 0 else "behind"
    return (
        f"{top['name']} ends {count(abs(top['y']))} clicks {side} {control} "
        f"(90 % of runs: {signed_count(top['low'])} to {signed_count(top['high'])}); "
        f"{len(apart)} of {arms} bands end clear of zero."
    )
