"""Effect sizes without a unit, for comparing effects across metrics."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from armlift.statistics.moments import Proportion, Sample, ratio

Floats = NDArray[np.float64]


def cohens_d(treatment: Sample, control: Sample) -> Floats:
    """Difference of the values in standard deviations of a unit.

    The standard deviation is pooled over the arms with n - 1 weights. Around 0.2 is called small, 0.5 medium
    and 0.8 large; effects in experiments are often below 0.05.

    Args:
        treatment: Statistics of shape (...).
        control: Statistics that broadcast with them.

    Returns:
        Shape (...); 0 where an arm has fewer than two units or nothing varies.

    Source: Cohen (1988), chapter 2.

    Example:
        >>> from armlift.statistics.moments import Mean
        >>> cohens_d(Mean.from_columns([2.0, 4.0, 6.0]), Mean.from_columns([1.0, 3.0, 5.0]))
        array(0.5)
    """
    freedom_t, freedom_c = np.maximum(treatment.n - 1.0, 0.0), np.maximum(control.n - 1.0, 0.0)
    pooled = ratio(treatment.variance * freedom_t + control.variance * freedom_c, freedom_t + freedom_c)
    known = (freedom_t > 0.0) & (freedom_c > 0.0)
    return ratio(np.where(known, treatment.value - control.value, 0.0), np.sqrt(pooled))


def cohens_h(treatment: Proportion, control: Proportion) -> Floats:
    """Difference of the arcsine-transformed proportions, on which equal steps are equally easy to detect.

    Args:
        treatment: Proportions of shape (...).
        control: Proportions that broadcast with them.

    Returns:
        Between -pi and pi, shape (...); 0 where an arm is empty.

    Source: Cohen (1988), chapter 6.

    Example:
        >>> cohens_h(Proportion(1000, 130), Proportion(1000, 100)).round(4)
        np.float64(0.0942)
    """
    angle_t, angle_c = (2.0 * np.arcsin(np.sqrt(arm.value)) for arm in (treatment, control))
    known = (treatment.n > 0.0) & (control.n > 0.0)
    return np.where(known, angle_t - angle_c, 0.0)
