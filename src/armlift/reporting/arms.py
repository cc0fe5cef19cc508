"""Charts that compare arms: true click rates, traffic, CUSUM."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from armlift.reporting.checkpoints import binned, thin
from armlift.reporting.facts import BASELINE, Chart, SimulationFacts
from armlift.reporting.marks import (
    DIRECT,
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

_STRIP = 0.84  # height of a strip, of the distance between two


def click_rates(arm_click_rates: pd.DataFrame) -> Chart:
    """True click rate of each arm, by segment of the traffic.

    Args:
        arm_click_rates: The table `arm_click_rates`.
    """
    names = list(dict.fromkeys(arm_click_rates["segment"]))[::-1]
    colours = arm_colours(dict.fromkeys(arm_click_rates["arm"]))
    shares = arm_click_rates.groupby("segment")["traffic_share"].first()
    ticks = tuple(
        "all traffic" if segment == "all" else f"{segment} ({percent(shares[segment], 0)})"
        for segment in names
    )
    rate = arm_click_rates["click_rate"] * 100
    x = axis("x0", "True click rate", span_of(rate), "%")
    y = axis("y0", "Segment", (-0.6, len(names) - 0.4))
    place = arm_click_rates["segment"].map({name: place for place, name in enumerate(names)})
    # Arms of a segment stand below each other, so that close or equal ones do not hide each other.
    steps = pd.Series(np.linspace(0.22, -0.22, len(colours)), index=list(colours))
    rows = pd.DataFrame(
        {"name": arm_click_rates["arm"], "x0": rate, "y0": place + arm_click_rates["arm"].map(steps)}
    )
    reach = rows.assign(place=place).groupby("place", as_index=False).agg(x0=("x0", "min"), x1=("x0", "max"))
    guide = segments(reach.assign(y0=reach["place"], y1=reach["place"], name="reference"), x, y, "Guide")
    is_best = arm_click_rates["is_best"].astype(bool)
    best = rows[is_best & ~is_best.groupby(place).transform("all")]  # nothing is best among equals
    return Chart(
        "True click rate of each arm, by segment",
        _rates_caption(arm_click_rates),
        layout([panel([guide, *([points(best, x, y, "Best")] if len(best) else []), points(rows, x, y)])]),
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
    if all(rate.is_best for rate in overall):
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

    results = policy_results(summary)
    policies = sorted(results, key=lambda name: results[name].reward)
    # The best arm starts every strip, where its share can be compared along one line.
    order = sorted(colours, key=lambda arm: arm != facts.best_arm)
    rows = binned(shares, ["policy", "arm"], "share_mean")
    rows["arm"] = pd.Categorical(rows["arm"], order, ordered=True)
    rows = rows.sort_values(["policy", "end", "arm"])
    top = rows.groupby(["policy", "end"])["value"].cumsum()
    floor = rows["policy"].map({name: place for place, name in enumerate(policies)}) - _STRIP / 2
    strips = pd.DataFrame(
        {
            "x0": rows["start"],
            "y0": floor + _STRIP * (top - rows["value"]),
            "x1": rows["end"],
            "y1": floor + _STRIP * top,
            "name": rows["arm"].astype(str),
            "share": rows["value"] * 100,
        }
    )
    x, y = decisions_axis(facts.decisions), axis("y0", "Policy", (-0.6, len(policies) - 0.4))
    names: tuple[str, ...] = tuple(policies)
    reading = (
        "One strip per policy, most clicks on top: share of each arm in each stretch, mean over the runs."
    )
    if facts.kind != "aa":
        names = tuple(f"{name}   {percent(results[name].best_arm_share, 0)}" for name in policies)
        reading += " Behind the name and at the bottom of the strip: the best arm."
    return Chart(
        "How each policy splits the traffic between the arms",
        _traffic_caption(summary, facts),
        layout([panel([hv.Rectangles(strips, [x, y, "x1", "y1"], ["name", "share"], group="Share")])]),
        reading,
        colours,
        tuple(order),
        categories=names,
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
    bands = [band(rows[rows["name"] == arm], x, y, arm) for arm in arms]
    final = rows[rows["x"] == rows["x"].max()].to_dict("records")
    return Chart(
        f"CUSUM: clicks each arm is ahead of the control arm, {control}",
        _cusum_caption([row for row in final if row["low"] > 0 or row["high"] < 0], len(arms), control),
        layout([panel([*bands, rule(x, y), lines(rows, x, y, "Lead")], group=DIRECT)]),
        "Fixed split only, weighted by inverse propensity. Bands: 5th to 95th percentile of the runs.",
        {arm: colours[arm] for arm in arms},
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
