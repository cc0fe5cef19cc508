"""Metrics of click scores and probabilities, and the points of their curves.

A pair is clicked or not. Ranking metrics (AUC, PR-AUC, gain) take any score; log loss, Brier score and
calibration take probabilities. Pairs of one score have no order: they count half (AUC), enter a curve
together (ROC, PR) or evenly (gain).
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from armlift.errors import ParameterError

Floats = NDArray[np.float64]
Binning = Literal["equal_width", "equal_mass"]


def auc(clicked: ArrayLike, scores: ArrayLike) -> float:
    """Chance that a clicked pair scores above another, ties by half; NaN if all or none are clicked.

    Args:
        clicked: Labels, shape (P,).
        scores: Higher for likelier clicks, shape (P,); -inf is allowed.

    Example:
        >>> auc([1, 0, 1, 0], [0.9, 0.5, 0.5, 0.1])
        0.875
    """
    from scipy.stats import rankdata

    labels, values = _check(clicked, scores)
    clicks, others = labels.sum(), (~labels).sum()
    if not clicks or not others:
        return float("nan")
    wins = rankdata(values)[labels].sum() - clicks * (clicks + 1) / 2
    return float(wins / (clicks * others))


def pr_auc(clicked: ArrayLike, scores: ArrayLike) -> float:
    """Area under the precision-recall curve as average precision, by steps; NaN without a click.

    Args:
        clicked: Labels, shape (P,).
        scores: Higher for likelier clicks, shape (P,); -inf is allowed.

    Example:
        >>> round(pr_auc([1, 0, 1], [0.9, 0.8, 0.7]), 4)
        0.8333
    """
    from sklearn.metrics import average_precision_score

    labels, values = _check(clicked, scores)
    if not labels.any():
        return float("nan")
    return float(average_precision_score(labels, _finite(values)))


def log_loss(clicked: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean negative log likelihood in nats; probabilities are kept 2.2e-16 away from 0 and 1.

    Example:
        >>> round(log_loss([1, 0], [0.8, 0.4]), 4)
        0.367
    """
    from sklearn.metrics import log_loss as loss

    labels, values = _check(clicked, probabilities, probability=True)
    return float(loss(labels, values, labels=[False, True]))


def brier(clicked: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean squared distance of probability and click. Source: Brier (1950).

    Example:
        >>> round(brier([1, 0], [0.8, 0.4]), 4)
        0.1
    """
    labels, values = _check(clicked, probabilities, probability=True)
    return float(np.mean((values - labels) ** 2))


def calibration_error(
    clicked: ArrayLike, probabilities: ArrayLike, *, bins: int = 10, binning: Binning = "equal_width"
) -> float:
    """Expected calibration error: mean distance of click rate and probability over bins, by their pairs.

    Args:
        clicked: Labels, shape (P,).
        probabilities: Of a click, shape (P,).
        bins: Number of bins, at least 1.
        binning: `equal_width` cuts [0, 1] into equal parts, `equal_mass` the pairs, equal ones together.

    Raises:
        ParameterError: A value is out of its bound.

    Source: Naeini, Cooper and Hauskrecht (2015).

    Example:
        >>> round(calibration_error([1, 0, 1, 1], [0.15, 0.15, 0.9, 0.9]), 4)
        0.225
    """
    table = calibration_points(clicked, probabilities, bins=bins, binning=binning)
    gap = (table["click_rate"] - table["probability"]).abs()
    return float((gap * table["pairs"]).sum() / table["pairs"].sum())


def calibration_points(
    clicked: ArrayLike, probabilities: ArrayLike, *, bins: int = 10, binning: Binning = "equal_width"
) -> pd.DataFrame:
    """Points of the calibration curve, one for each bin that holds pairs; see `calibration_error`.

    Returns:
        Ascending: `probability` and `click_rate`, the means of the bin, and `pairs`, their number.
    """
    labels, values = _check(clicked, probabilities, probability=True)
    if bins < 1:
        raise ParameterError("bins", bins, "bins >= 1", "Choose 10.")
    if binning not in get_args(Binning):
        raise ParameterError("binning", binning, f"one of {', '.join(get_args(Binning))}", "Choose one.")
    position = values
    if binning == "equal_mass":
        from scipy.stats import rankdata

        position = (rankdata(values) - 0.5) / len(values)
    own = np.minimum((position * bins).astype(np.int64), bins - 1)
    table = pd.DataFrame({"probability": values, "click_rate": labels.astype(float)}).groupby(own)
    return table.mean().assign(pairs=table.size()).reset_index(drop=True)


def roc_points(clicked: ArrayLike, scores: ArrayLike) -> pd.DataFrame:
    """Points of the ROC curve from (0, 0) to (1, 1), one for each score that bends it.

    Returns:
        `false_positive_rate` and `true_positive_rate`, the coordinates.

    Raises:
        ParameterError: All or none of the pairs are clicked.
    """
    from sklearn.metrics import roc_curve

    labels, values = _check(clicked, scores)
    _check_both(labels)
    false_rate, true_rate, _ = roc_curve(labels, _finite(values))
    return pd.DataFrame({"false_positive_rate": false_rate, "true_positive_rate": true_rate})


def pr_points(clicked: ArrayLike, scores: ArrayLike) -> pd.DataFrame:
    """Points of the precision-recall curve by ascending recall, from recall 0.

    Returns:
        `recall` and `precision`, the coordinates.

    Raises:
        ParameterError: All or none of the pairs are clicked.
    """
    from sklearn.metrics import precision_recall_curve

    labels, values = _check(clicked, scores)
    _check_both(labels)
    precision, recall, _ = precision_recall_curve(labels, _finite(values), drop_intermediate=True)
    return pd.DataFrame({"recall": recall[::-1], "precision": precision[::-1]})


def gain_points(clicked: ArrayLike, scores: ArrayLike, *, steps: int = 100) -> pd.DataFrame:
    """Points of the gain and lift curves: what the best-scored pairs hold of all clicks.

    Args:
        clicked: Labels, shape (P,).
        scores: Higher for likelier clicks, shape (P,).
        steps: Points, at equal shares of the pairs.

    Returns:
        `share` of the pairs, best first, in (0, 1]; `gain`, the share of the clicks among them; `lift`, gain
        over share: 1 is chance.

    Raises:
        ParameterError: All or none of the pairs are clicked.

    Example:
        >>> gain_points([1, 0, 0, 1], [0.9, 0.8, 0.2, 0.1], steps=4)["gain"].tolist()
        [0.5, 0.5, 0.5, 1.0]
    """
    labels, values = _check(clicked, scores)
    _check_both(labels)
    _, group, pairs = np.unique(-values, return_inverse=True, return_counts=True)
    clicks = np.bincount(group, labels)
    # Straight through ties: their pairs come in no order.
    share = np.arange(1, steps + 1) / steps
    reached = np.concatenate([[0.0], np.cumsum(pairs) / pairs.sum()])
    gain = np.interp(share, reached, np.concatenate([[0.0], np.cumsum(clicks) / clicks.sum()]))
    return pd.DataFrame({"share": share, "gain": gain, "lift": gain / share})


def _check(
    clicked: ArrayLike, scores: ArrayLike, *, probability: bool = False
) -> tuple[NDArray[np.bool_], Floats]:
    labels, values = np.asarray(clicked, bool), np.asarray(scores, float)
    if labels.ndim != 1 or labels.shape != values.shape or not labels.size:
        raise ParameterError(
            "scores", f"shape {values.shape}", f"shape {labels.shape} of the clicks, not empty", "Score all."
        )
    wrong = ~((values >= 0) & (values <= 1)) if probability else np.isnan(values)
    if wrong.any():
        bound = "0 <= probability <= 1" if probability else "no NaN"
        raise ParameterError("scores", float(values[wrong][0]), bound, "Check the recommender.")
    return labels, values


def _check_both(labels: NDArray[np.bool_]) -> None:
    if labels.all() or not labels.any():
        raise ParameterError(
            "clicked", f"{labels.sum()} of {labels.size}", "some clicked, some not", "Move the threshold."
        )


def _finite(scores: Floats) -> Floats:
    """Scores as ranks, which scikit-learn takes where it refuses -inf; no curve changes by that."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(scores, method="dense"), float)
