"""Curves of predicted clicks as one tidy table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from armlift.evaluation import ClickResult

_POINTS = 201
_COLUMNS = ["model", "curve", "x", "y", "base"]


def click_curves(results: Mapping[str, ClickResult]) -> pd.DataFrame:
    """ROC, precision and recall, gain and lift of each recommender; of probabilities calibration too.

    Args:
        results: Scores of all test pairs, by recommender.

    Returns:
        model, curve, x, y (both from 0 to 1, but for the lift) and base, the share of clicks; no row if all
        or none of the pairs are clicked. ROC and precision-recall keep at most about 200 of their points.
    """
    tables = [
        points.set_axis(["x", "y"], axis=1).assign(
            model=model, curve=curve, base=float(result.pairs["clicked"].mean())
        )
        for model, result in results.items()
        for curve, points in _curves(result)
    ]
    return pd.concat(tables, ignore_index=True)[_COLUMNS] if tables else pd.DataFrame(columns=_COLUMNS)


def _curves(result: ClickResult) -> Iterator[tuple[str, pd.DataFrame]]:
    from armlift.evaluation import clicks

    clicked, scores = result.pairs["clicked"].to_numpy(), result.pairs["score"].to_numpy()
    if clicked.all() or not clicked.any():
        return
    gain = clicks.gain_points(clicked, scores)
    yield "roc", _thinned(clicks.roc_points(clicked, scores))
    yield "precision_recall", _thinned(clicks.pr_points(clicked, scores))
    yield "gain", gain[["share", "gain"]]
    yield "lift", gain[["share", "lift"]]
    if result.calibrated:
        bins = clicks.calibration_points(clicked, scores, binning="equal_mass")
        yield "calibration", bins[["probability", "click_rate"]]


def _thinned(points: pd.DataFrame) -> pd.DataFrame:
    """Points about equally far apart along the x axis, both ends among them."""
    x = points.iloc[:, 0].to_numpy()
    wished = np.searchsorted(x, np.linspace(x[0], x[-1], _POINTS)).clip(max=len(x) - 1)
    return points.iloc[np.unique([0, *wished, len(x) - 1])]
