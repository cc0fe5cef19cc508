"""Charts that compare policies: lift, cumulative reward, click-through rate, regret."""

from __future__ import annotations

from typing import Any

import pandas as pd

from armlift.reporting.checkpoints import binned, interval_lengths, thin
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
from armlift.reporting.numerals import count, lift_decimals, percent, signed_percent
from armlift.reporting.palette import policy_colours
from armlift.reporting.results import champion, policy_results
from armlift.reporting.verdict import lift_sentence

_BANDS = "Bands: 5th to 95th percentile of the runs"
_DIGITS = 6  # where all arms are equal, the sums leave a regret of 1e-14


def lift(summary: pd.DataFrame) -> Chart:
    """Relative gain of each bandit over the fixed split, with its interval.

    Args:
        summary: The table `policy_summary`, with the fixed split in it.
    """
    lifts = {result.policy: result.lift for result in policy_results(summary).values() if result.lift}
    order = sorted(lifts, key=lambda name: lifts[name].mean)
    decimals = max(lift_decimals(gain.low, gain.high) for gain in lifts.values())
    rows = pd.DataFrame(
        [
            (name, 100 * lifts[name].low, place, 100 * lifts[name].high, place, 100 * lifts[name].mean)
            for place, name in enumerate(order)
        ],
        columns=["name", "x0", "y0", "x1", "y1", "mean"],
    )
    x = axis("x0", "Gain over the fixed split", span_of(rows["x0"], rows["x1"], zero=True), "%")
    y = axis("y0", "Policy", (-0.6, len(order) - 0.4))
    parts = [
        rule(x, y, vertical=True),
        segments(rows, x, y, "Interval"),
        points(rows.assign(x0=rows["mean"]), x, y),
    ]
    return Chart(
        "How much each bandit gains over the fixed split",
        lift_sentence(summary),
        layout([panel(parts)]),
        "Dot: relative gain in total clicks; line: its 95 % interval. Across 0 there is no difference.",
        policy_colours(summary["policy"]),
        categories=tuple(f"{name}   {signed_percent(lifts[name].mean, decimals)}" for name in order),
    )


def cumulative_reward(trend: pd.DataFrame, summary: pd.DataFrame, facts: SimulationFacts) -> Chart:
    """Total clicks of the policies that matter, and the gain of all over the fixed split.

    Args:
        trend: The table `policy_trend`.
        summary: The table `policy_summary`.
        facts: Set-up of the simulation.
    """
    colours = policy_colours(summary["policy"])
    rows = _trend(trend, "cumulative_reward")
    leaders = _leaders(summary)
    if BASELINE not in colours:
        panels = [_policies_panel(rows, leaders, facts, "Total clicks", "Clicks")]
        return Chart(
            "Clicks earned by each policy",
            lift_sentence(summary),
            layout(panels),
            f"{_BANDS}.",
            colours,
        )
    fixed = rows[rows["name"] == BASELINE].set_index("x")["y"]
    level = rows["x"].map(fixed)
    gains = rows.assign(y=rows.y - level, low=rows.low - level, high=rows.high - level)
    few = rows[rows["name"].isin(leaders)]
    panels = [
        _policies_panel(few, leaders, facts, f"In total: {' and '.join(leaders)}", "Clicks"),
        _policies_panel(gains, leaders, facts, "Gain of all policies over the fixed split", "Clicks gained"),
    ]
    return Chart(
        "Clicks earned, and clicks gained over the fixed split",
        lift_sentence(summary),
        layout(panels),
        f"{_BANDS} of {' and '.join(leaders)}.",
        colours,
        columns=2,
    )


def click_through_rate(trend: pd.DataFrame, summary: pd.DataFrame, facts: SimulationFacts) -> Chart:
    """Clicks per decision so far.

    Args:
        trend: The table `policy_trend`.
        summary: The table `policy_summary`.
        facts: Set-up of the simulation.
    """
    rows = _trend(trend, "ctr", scale=100)
    leaders = _leaders(summary)
    # The first checkpoints rest on a handful of clicks; they must not stretch the axis.
    settled = rows[rows["x"] >= 0.05 * facts.decisions]
    in_bands = settled[settled["name"].isin(leaders)]
    span = span_of(settled["y"], in_bands["low"], in_bands["high"])
    rows.loc[~rows.index.isin(settled.index), ["low", "high"]] = float("nan")
    final = summary.set_index("policy")["ctr_mean"]
    best, worst = str(final.idxmax()), str(final.idxmin())
    return Chart(
        "Click-through rate of each policy",
        f"{best} ends with the highest click-through rate, {percent(final[best], 2)}; "
        f"{worst} with the lowest, {percent(final[worst], 2)}"
        + ("; by chance, for all arms are the same." if facts.kind == "aa" else "."),
        layout([_policies_panel(rows, leaders, facts, "", "Click-through rate so far", "%", span)]),
        f"{_BANDS} of {' and '.join(leaders)}. The axis does not start at 0.",
        policy_colours(summary["policy"]),
    )


def cumulative_regret(trend: pd.DataFrame, summary: pd.DataFrame, facts: SimulationFacts) -> Chart:
    """Clicks lost against the best choice: in total, and per 1,000 decisions over time.

    Args:
        trend: The table `policy_trend`.
        summary: The table `policy_summary`.
        facts: Set-up of the simulation.
    """
    rows = _trend(trend, "cumulative_regret")
    leaders = _leaders(summary)
    pace = binned(
        trend.assign(pace=1000 * trend["interval_regret_mean"] / interval_lengths(trend["decisions"])),
        ["policy"],
        "pace",
    ).rename(columns={"policy": "name", "value": "y", "end": "x"})
    pace["y"] = pace["y"].round(_DIGITS)
    final = summary.set_index("policy")["regret_mean"].round(_DIGITS)
    least, most = str(final.idxmin()), str(final.idxmax())
    total = _policies_panel(rows, leaders, facts, "In total", "Clicks lost", zero=True)
    speed = _policies_panel(
        pace, leaders, facts, "Per 1,000 decisions", "Clicks lost per 1,000 decisions", zero=True
    )
    return Chart(
        "Regret: clicks lost against always playing the best choice",
        f"{least} loses {count(final[least])} clicks in {count(facts.decisions)} decisions, the fewest; "
        f"{most} loses {count(final[most])}."
        if final[most] > 0
        else "No policy loses a click: every choice is the best one.",
        layout([total, speed]),
        f"{_BANDS} of {' and '.join(leaders)}. Low on the right: the policy has learnt.",
        policy_colours(summary["policy"]),
        columns=2,
    )


def _trend(trend: pd.DataFrame, quantity: str, scale: float = 1) -> pd.DataFrame:
    rows = thin(trend)
    return pd.DataFrame(
        {
            "name": rows["policy"],
            "x": rows["decisions"],
            "y": (rows[f"{quantity}_mean"] * scale).round(_DIGITS),
            "low": (rows[f"{quantity}_p05"] * scale).round(_DIGITS),
            "high": (rows[f"{quantity}_p95"] * scale).round(_DIGITS),
        }
    )


def _leaders(summary: pd.DataFrame) -> list[str]:
    """Policies drawn with emphasis and a band: the champion and the fixed split."""
    names = [champion(summary), BASELINE if BASELINE in set(summary["policy"]) else None]
    return [name for name in names if name]


def _policies_panel(
    rows: pd.DataFrame,
    leaders: list[str],
    facts: SimulationFacts,
    title: str,
    label: str,
    unit: str | None = None,
    span: tuple[float, float] | None = None,
    *,
    zero: bool = False,
) -> Any:
    lead = rows[rows["name"].isin(leaders)]
    bounds = [lead[side] for side in ("low", "high") if side in rows]
    x = decisions_axis(facts.decisions)
    y = axis("y0", label, span or span_of(rows["y"], *bounds, zero=zero), unit)
    bands = [band(lead[lead["name"] == name].dropna(), x, y, name) for name in leaders if bounds]
    others = lines(rows[~rows["name"].isin(leaders)], x, y)
    return panel([*bands, others, lines(lead, x, y, "Lead")], title, DIRECT)
