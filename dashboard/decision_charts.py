"""The chart of what moved a bandit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from armlift.experiments.brief import Brief

if TYPE_CHECKING:
    from dashboard.view import View


def allocation_chart(view: View, brief: Brief, table: pd.DataFrame) -> Any:
    """Probability of each arm by its strategy's allocation, and the share of decisions that it got.

    Args:
        view: The session's view.
        brief: The experiment's.
        table: Of `decision_reasons.allocation_over_time`.
    """
    import holoviews as hv

    colours = view.arm_colours()
    at = view.say("decisions.hour.at", zone=view.zone_name)
    share = view.say("decisions.hour.share")
    local = table.assign(bucket_at=view.local(table["bucket_at"]), percent=100 * table["allocation"])
    local = local.assign(chosen=100 * local["chosen"])
    parts = []
    for arm in brief.arms:
        own = local[local["arm_id"] == arm]
        line = hv.Curve(own, ("bucket_at", at), ("percent", share), label=arm)
        dots = hv.Scatter(own.dropna(subset=["chosen"]), ("bucket_at", at), ("chosen", share))
        parts += [
            line.opts(color=colours[arm], line_width=2.5, interpolation="steps-post"),
            dots.opts(color=colours[arm], size=6, alpha=0.7),
        ]
    return hv.Overlay(parts).opts(ylim=(0, 100), default_tools=["hover", "save"])
