"""Building blocks of the charts: backend-neutral HoloViews elements.

An element's group says which role it plays (`Line`, `Lead`, `Band`, ...), and its `name` column or label says
which policy or arm it belongs to; the style of each backend turns both into widths and colours. All lines of
a panel are one columnar `Segments` element: HoloViews spends about 20 ms on each element, whatever its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import holoviews as hv

Span = tuple[float, float]

DIRECT = "Direct"
"""Group of the panels that name their lines at the right end."""


def axis(name: str, label: str, span: Span, unit: str | None = None) -> hv.Dimension:
    """Return an axis: its label, span and unit."""
    import holoviews as hv

    return hv.Dimension((name, label), unit=unit, range=span)


def decisions_axis(decisions: int) -> hv.Dimension:
    """Return the x axis of all trends."""
    return axis("x0", "Decisions", (0, decisions))


def span_of(*values: Any, zero: bool = False) -> Span:
    """Return the span of all finite values with 4 % of room at both ends, never empty.

    Args:
        values: Arrays or series of numbers.
        zero: Whether zero belongs to the span (then without room below it, if nothing lies below).
    """
    numbers = np.concatenate([np.asarray(value, dtype=float).ravel() for value in values])
    numbers = numbers[np.isfinite(numbers)]
    low, high = (float(numbers.min()), float(numbers.max())) if len(numbers) else (0.0, 1.0)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        return (low, low + 1.0) if zero else (low - 0.5 * (abs(low) or 1.0), low + 0.5 * (abs(low) or 1.0))
    room = 0.04 * (high - low)
    return (low if zero and low == 0 else low - room), (high if zero and high == 0 else high + room)


def lines(frame: pd.DataFrame, x: hv.Dimension, y: hv.Dimension, group: str = "Line") -> hv.Segments:
    """Return one line per name.

    Args:
        frame: Columns `name`, `x`, `y`; rows without a `y` are left out.
        x: Horizontal axis.
        y: Vertical axis.
        group: Role of the lines.
    """
    pieces = []
    for name, points in frame.dropna(subset=["y"]).groupby("name", sort=False):
        xs, ys = points["x"].to_numpy(float), points["y"].to_numpy(float)
        if len(points) == 1:  # a lone checkpoint becomes a short dash, so that it can be seen
            half = 0.01 * (x.range[1] - x.range[0])
            xs, ys = np.array([xs[0] - half, xs[0] + half]), np.repeat(ys, 2)
        pieces.append(
            pd.DataFrame({"x0": xs[:-1], "y0": ys[:-1], "x1": xs[1:], "y1": ys[1:], "name": str(name)})
        )
    empty = pd.DataFrame(columns=["x0", "y0", "x1", "y1", "name"])
    return segments(pd.concat(pieces) if pieces else empty, x, y, group)


def segments(frame: pd.DataFrame, x: hv.Dimension, y: hv.Dimension, group: str) -> hv.Segments:
    """Return straight pieces from `x0`, `y0` to `x1`, `y1`, each with the `name` it belongs to."""
    import holoviews as hv

    return hv.Segments(frame, [x, y, "x1", "y1"], ["name"], group=group)


def rule(x: hv.Dimension, y: hv.Dimension, *, vertical: bool = False) -> hv.Segments:
    """Return the reference line at 0, right across the panel."""
    (left, right), (bottom, top) = ((0, 0), y.range) if vertical else (x.range, (0, 0))
    row = {"x0": left, "y0": bottom, "x1": right, "y1": top, "name": "reference"}
    return segments(pd.DataFrame([row]), x, y, "Rule")


def band(frame: pd.DataFrame, x: hv.Dimension, y: hv.Dimension, name: str) -> hv.Spread:
    """Return the area between the columns `low` and `high` around `y` of one policy or arm."""
    import holoviews as hv

    around = pd.DataFrame(
        {
            "x0": frame["x"],
            "y0": frame["y"],
            "below": frame["y"] - frame["low"],
            "above": frame["high"] - frame["y"],
        }
    )
    return hv.Spread(around, x, [y, "below", "above"], group="Band", label=name)


def points(frame: pd.DataFrame, x: hv.Dimension, y: hv.Dimension, group: str = "Dot") -> hv.Points:
    """Return dots at `x0`, `y0`, each with the `name` it belongs to."""
    import holoviews as hv

    return hv.Points(frame, [x, y], ["name"], group=group)


def panel(elements: Sequence[Any], title: str = "", group: str = "Panel") -> hv.Overlay:
    """Return one panel with its title."""
    import holoviews as hv

    return hv.Overlay(list(elements), group=group, label=title)


def layout(panels: Sequence[Any]) -> hv.Layout:
    """Return all panels of a chart, in reading order."""
    import holoviews as hv

    return hv.Layout(list(panels))


def spread(values: Sequence[float], gap: float, span: Span) -> list[float]:
    """Move labels apart: the closest positions in the same order, at least `gap` apart, inside `span`.

    Least squares under order constraints is isotonic regression of `values[i] - i * gap`, solved by pooling
    adjacent violators (Barlow et al., 1972).

    Args:
        values: Wished positions, ascending.
        gap: Least distance between neighbours.
        span: Where labels may lie.

    >>> spread([1.0, 1.0, 5.0], 1.0, (0.0, 10.0))
    [0.5, 1.5, 5.0]
    """
    pools: list[tuple[float, int]] = []
    for index, value in enumerate(values):
        total, size = value - index * gap, 1
        while pools and pools[-1][0] / pools[-1][1] >= total / size:
            before, members = pools.pop()
            total, size = total + before, size + members
        pools.append((total, size))
    shifted = [total / size for total, size in pools for _ in range(size)]
    top = span[1] - max(len(values) - 1, 0) * gap
    return [max(min(place, top), span[0]) + index * gap for index, place in enumerate(shifted)]
