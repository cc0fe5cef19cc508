"""Charts of the quality page: readings over time beside the bound at which they ring."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from armlift.reporting.palette import arm_colours
from dashboard.theme import look, on_background

if TYPE_CHECKING:
    from dashboard.view import View

LEAST_P = 1e-6
"""Smaller p-values are drawn here: their axis is logarithmic."""
_SHORTEST = pd.Timedelta(minutes=10)


class Line(NamedTuple):
    """How the readings of a name are drawn.

    Attributes:
        colour: Colour.
        dash: Bokeh's name of its dashes.
    """

    colour: str
    dash: str = "solid"


class Scale(NamedTuple):
    """The vertical axis of readings.

    Attributes:
        label: What is read off.
        logarithmic: Whether steps of the axis are factors.
        low: Its lower end; None to fit the data.
        high: Its upper end; None to fit the data.
    """

    label: str
    logarithmic: bool = False
    low: float | None = None
    high: float | None = None


def readings_over_time(view: View, readings: pd.DataFrame, lines: Mapping[str, Line], scale: Scale) -> Any:
    """Lines of readings over time, one for each name, and their bound as a dashed line.

    Args:
        view: The session's view.
        readings: `at`, `name`, `value`, `threshold`, the oldest first.
        lines: How each name is drawn; what is left out is muted and has no entry in the legend.
        scale: The vertical axis.
    """
    import holoviews as hv

    muted = look(dark=view.dark).muted
    at = view.say("quality.axis.time", zone=view.zone_name)
    local = readings.assign(at=view.local(readings["at"]))
    if scale.logarithmic:
        local = local.assign(value=local["value"].clip(lower=LEAST_P))
    parts = []
    for name, own in local.groupby("name", sort=False):
        known = str(name) in lines
        line, label = lines.get(str(name), Line(muted)), str(name) if known else ""
        if len(own) == 1:
            dots = hv.Scatter(own, ("at", at), ("value", scale.label), label=label)
            parts.append(dots.opts(color=line.colour, size=8))
        else:
            curve = hv.Curve(own, ("at", at), ("value", scale.label), label=label)
            parts.append(curve.opts(color=line.colour, line_dash=line.dash, line_width=2.5 if known else 1))
    first, last = local["at"].min(), local["at"].max()
    if last - first < _SHORTEST:  # an axis of milliseconds says nothing
        first, last = first - _SHORTEST, last + _SHORTEST
    bounds = readings["threshold"].dropna()
    for bound in bounds.drop_duplicates():
        ends = pd.DataFrame({"at": [first, last], "value": float(bound)})
        rule = hv.Curve(ends, ("at", at), ("value", scale.label), label=view.say("quality.threshold"))
        parts.append(rule.opts(color=muted, line_width=1.5, line_dash="dashed"))
    reach = np.concatenate([local["value"].to_numpy(float), bounds.to_numpy(float)])
    return hv.Overlay(parts).opts(
        logy=scale.logarithmic,
        xlim=(first, last),
        ylim=_limits(reach, scale),
        default_tools=["hover", "save"],
    )


def lines_of(view: View, names: Iterable[str]) -> dict[str, Line]:
    """Lines in the colours that strategies and arms have everywhere; `strategy/arm` has the arm's.

    Arms of a second strategy are dotted. What is neither has a colour of its own.

    Args:
        view: The session's view.
        names: Names of readings.
    """
    strategies, arms = view.strategy_colours(), view.arm_colours()
    names = list(names)
    free = arm_colours(names)
    lines = {}
    for name in names:
        strategy, _, arm = name.partition("/")
        if arm in arms:
            later = strategy in list(strategies)[1:]
            lines[name] = Line(arms[arm], "dotted" if later else "solid")
        else:
            known = strategies.get(name) or arms.get(name)
            lines[name] = Line(known or on_background(free[name], dark=view.dark))
    return lines


def _limits(values: np.ndarray[Any, np.dtype[np.float64]], scale: Scale) -> tuple[float, float]:
    """Ends of the axis: what the scale says, and around the data where it says nothing."""
    low, high = float(values.min()), float(values.max())
    if scale.logarithmic:
        return (scale.low or low / 2, scale.high or high * 2)
    room = (high - low or abs(high) or 1.0) * 0.08
    return (
        low - room if scale.low is None else scale.low,
        high + room if scale.high is None else scale.high,
    )
