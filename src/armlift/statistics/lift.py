"""Relative gain of one total over another, from paired replicates."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Lift(NamedTuple):
    """Relative gain with its confidence interval.

    Attributes:
        estimate: mean(treatment) / mean(control) - 1; NaN when the control's mean is 0.
        low: Lower end of the interval; NaN with fewer than two replicates.
        high: Upper end.
    """

    estimate: float
    low: float
    high: float


def paired_lift(treatment: Floats, control: Floats, confidence: float = 0.95) -> Lift:
    """Relative gain of `treatment` over `control`, replicate by replicate.

    The interval is the delta method's for a ratio of means: the residuals treatment - ratio * control are
    averaged and compared with Student's t (Deng, Knoblich and Lu, 2018).

    Args:
        treatment: One total for each replicate, shape (R,).
        control: The totals it is paired with, shape (R,).
        confidence: Coverage of the interval.

    Example:
        >>> paired_lift(np.array([11.0, 12.0, 10.0]), np.array([10.0, 10.0, 10.0])).estimate.round(3)
        np.float64(0.1)
    """
    from scipy.stats import t

    base = control.mean()
    if base == 0.0:
        return Lift(np.nan, np.nan, np.nan)
    ratio = treatment.mean() / base
    if len(treatment) < 2:
        return Lift(ratio - 1.0, np.nan, np.nan)
    residuals = treatment - ratio * control
    error = residuals.std(ddof=1) / np.sqrt(len(residuals)) / base
    margin = t.ppf(0.5 + confidence / 2.0, len(residuals) - 1) * error
    return Lift(ratio - 1.0, ratio - 1.0 - margin, ratio - 1.0 + margin)
