"""The simulated charts of the page "A/B test against bandit", from the tables of the pipeline."""

from __future__ import annotations

from typing import Any

import pandas as pd

from armlift.reporting.checkpoints import binned, thin
from armlift.reporting.facts import BASELINE
from armlift.reporting.findings import Finding
from armlift.reporting.palette import arm_colours, policy_colours
from armlift.reporting.results import champion, policy_results
from armlift.reporting.simulated_findings import (
    simulated_lift_finding,
    simulated_traffic_finding,
    simulated_trend_finding,
)
from dashboard.comparison_data import tell
from dashboard.theme import on_background
from dashboard.trend_figures import COUNT, PERCENT, interval_figure, stacked_figure, trend_figure
from dashboard.view import View
from dashboard.widgets import NothingToDraw

_QUANTITIES = {"reward": "cumulative_reward", "ctr": "ctr", "regret": "cumulative_regret"}


def simulated(view: View, name: str) -> pd.DataFrame:
    """A table of the simulation.

    Raises:
        NothingToDraw: No simulation was run yet.
    """
    table = view.sources.table(name)
    if table is None or table.empty:
        raise NothingToDraw(view.say("comparison.no_simulation").replace("`", ""))
    return table


def policies_shown(view: View) -> list[str]:
    """Policies that are drawn: the fixed split, the live experiment's bandits, and the champion."""
    summary = simulated(view, "policy_summary")
    every = [str(name) for name in summary["policy"]]
    live = [s.allocation for s in view.row.brief.strategies] if view.row else []
    best = champion(summary)
    wanted = [BASELINE, *("ucb1" if name == "ucb" else name for name in live), *([best] if best else [])]
    chosen = [name for name in dict.fromkeys(wanted) if name in every]
    bandits = [name for name in chosen if name != BASELINE]
    return {"ab": [name for name in chosen if name == BASELINE], "bandit": bandits}.get(view.show, chosen)


def colours_of(view: View) -> dict[str, str]:
    """Colour of each policy: that of the live strategy with this allocation, or another one."""
    every = [str(name) for name in simulated(view, "policy_summary")["policy"]]
    live = [s.allocation for s in view.row.brief.strategies if s.allocation != "fixed"] if view.row else []
    first = [name for name in ("ucb1" if name == "ucb" else name for name in live) if name in every]
    colours = policy_colours(dict.fromkeys([BASELINE, *first, *every]))
    return {name: on_background(colours[name], dark=view.dark) for name in every}


def lift_chart(view: View) -> Any:
    """Lift of every bandit over the fixed split, with its interval."""
    results = policy_results(simulated(view, "policy_summary")).values()
    rows = [(each.policy, each.lift.mean, each.lift.low, each.lift.high) for each in results if each.lift]
    if not rows:
        raise NothingToDraw(lift_words(view))
    table = pd.DataFrame(rows, columns=["name", "estimate", "low", "high"]).sort_values("estimate")
    return interval_figure(table, colours_of(view), view.say("comparison.axis.lift"), dark=view.dark)


def lift_words(view: View) -> str:
    """What the chart of lifts shows."""
    return tell(view, simulated_lift_finding(simulated(view, "policy_summary")))


def trend_chart(view: View, what: str) -> Any:
    """Trend of `reward`, `ctr` or `regret` over decisions, with its band over replicates."""
    quantity, shown = _QUANTITIES[what], policies_shown(view)
    trend = simulated(view, "policy_trend")
    rows = thin(trend[trend["policy"].isin(shown)])
    if rows.empty:
        raise NothingToDraw(view.say("comparison.simulated.no_data"))
    return trend_figure(
        rows.rename(columns={"decisions": "x"}),
        colours_of(view),
        name="policy",
        y=f"{quantity}_mean",
        band=(f"{quantity}_p05", f"{quantity}_p95"),
        labels=(view.say("comparison.axis.decisions"), view.say(f"comparison.axis.{what}")),
        number=PERCENT if what == "ctr" else COUNT,
        zero=what != "ctr",
    )


def trend_words(view: View, what: str) -> str:
    """What such a chart shows."""
    trend = simulated(view, "policy_trend")
    return tell(view, simulated_trend_finding(trend, _QUANTITIES[what], policies_shown(view)))


def traffic_chart(view: View) -> Any:
    """Traffic by arm of each policy that is drawn, below each other."""
    from bokeh.layouts import column

    shares = simulated(view, "traffic_share")
    arms = [str(arm) for arm in shares["arm"].unique()]
    every = arm_colours(dict.fromkeys([*view.arm_colours(), *arms]))  # those of the experiment keep theirs
    colours = {arm: on_background(colour, dark=view.dark) for arm, colour in every.items()}
    figures = []
    for policy in policies_shown(view):
        rows = binned(shares[shares["policy"] == policy], ["arm"], "share_mean")
        drawn = pd.DataFrame({"x": rows["start"], "name": rows["arm"], "share": rows["value"]})
        width = float((rows["end"] - rows["start"]).iloc[-1]) if len(rows) else 1.0
        labels = (view.say("comparison.axis.decisions"), view.say("comparison.axis.share"))
        figures.append(stacked_figure(drawn, colours, width, labels, policy))
        figures[-1].height = 190
    if not figures:
        raise NothingToDraw(view.say("comparison.simulated.no_data"))
    for figure in figures[:-1]:
        figure.xaxis.axis_label = None
    return figures[0] if len(figures) == 1 else column(*figures)


def traffic_words(view: View) -> str:
    """What the chart of traffic shows."""
    shown = policies_shown(view)
    bandits = [name for name in shown if name != BASELINE] or shown
    if not bandits:
        return tell(view, Finding("comparison.simulated.no_data"))
    return tell(view, simulated_traffic_finding(simulated(view, "traffic_share"), bandits[0]))
