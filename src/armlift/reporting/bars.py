"""Panels with a category for each name: bars with their values, and boxes with their points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from armlift.reporting.marks import axis, panel, points, segments, span_of

if TYPE_CHECKING:
    import holoviews as hv

_THICKNESS = 0.72  # of a bar, of the distance between two


def bar_panel(values: pd.Series[float], names: Sequence[str], title: str, label: str, decimals: int) -> Any:
    """Draw one bar for each name, from 0, with its value; a dash where there is none.

    Args:
        values: Values by name.
        names: All names, from the lowest bar to the highest.
        title: Title of the panel.
        label: Label of the x axis.
        decimals: Digits of the values behind the point; from 10 on one suffices.
    """
    import holoviews as hv

    own = values.reindex(list(names)).astype(float)
    low, high = span_of(own, zero=True)
    x = axis("x0", label, (low - 0.13 * (high - low) * (low < 0), high + 0.16 * (high - low)))
    y = names_axis(names)
    place = np.arange(len(names), dtype=float)
    drawn = own.fillna(0.0).to_numpy()
    decimals = decimals if np.abs(drawn).max(initial=0.0) < 10 else 1
    frame = pd.DataFrame({"x0": 0.0, "y0": place - _THICKNESS / 2, "x1": drawn, "y1": place + _THICKNESS / 2})
    frame["name"] = list(names)
    text = [" –" if np.isnan(value) else f" {value:.{decimals}f}".replace("-", "−") for value in own]
    labels = pd.DataFrame({"x0": np.maximum(drawn, 0.0), "y0": place, "text": text})
    bars = hv.Rectangles(frame[own.notna().to_numpy()], [x, y, "x1", "y1"], ["name"], group="Bar")
    return panel([bars, hv.Labels(labels, [x, y], ["text"], group="Value")], title)


def box_panel(frame: pd.DataFrame, names: Sequence[str], title: str, label: str) -> Any:
    """Draw one box for each name: quartiles, median and range, and every value as a dot.

    Args:
        frame: Columns `name` and `value`.
        names: All names, from the lowest box to the highest.
        title: Title of the panel.
        label: Label of the x axis.
    """
    import holoviews as hv

    x, y = axis("x0", label, span_of(frame["value"])), names_axis(names)
    known = frame[frame["name"].isin(names)]
    by_name = known.groupby("name")["value"]
    shares = {"least": 0.0, "lower": 0.25, "median": 0.5, "upper": 0.75, "most": 1.0}
    quartiles = pd.DataFrame({part: by_name.quantile(share) for part, share in shares.items()})
    place = pd.Series(np.arange(len(names), dtype=float), index=list(names)).reindex(quartiles.index)
    own = quartiles.assign(name=quartiles.index, y=place).reset_index(drop=True)
    box = pd.DataFrame(
        {
            "x0": own["lower"], "y0": own["y"] - _THICKNESS / 2,
            "x1": own["upper"], "y1": own["y"] + _THICKNESS / 2, "name": own["name"],
        }
    )  # fmt: skip
    whisker = pd.DataFrame(
        {"x0": own["least"], "y0": own["y"], "x1": own["most"], "y1": own["y"], "name": own["name"]}
    )
    median = box.assign(x0=own["median"], x1=own["median"])
    dots = pd.DataFrame({"x0": known["value"], "y0": known["name"].map(place), "name": known["name"]})
    return panel(
        [
            segments(whisker, x, y, "Bound"),
            hv.Rectangles(box, [x, y, "x1", "y1"], ["name"], group="Box"),
            segments(median, x, y, "Interval"),
            points(dots, x, y, "Fold"),
        ],
        title,
    )


def names_axis(names: Sequence[str]) -> hv.Dimension:
    """Return the y axis on which the names stand at 0, 1, 2, ..."""
    return axis("y0", "Recommender", (-0.6, len(names) - 0.4))
