"""Effects by segment, corrected for their number, and whether they differ from each other.

A segment that wins alone among many is most often luck. The question to ask first is whether the effects
differ by more than noise, which Cochran's Q answers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from armlift.errors import ParameterError
from armlift.statistics.effect import Alternative, Effect, Reason
from armlift.statistics.effects import difference, relative_difference
from armlift.statistics.moments import Sample, ratio
from armlift.statistics.multiplicity import Correction, adjust

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Heterogeneity:
    """Whether effects differ between segments; arrays of shape (...), never NaN.

    Attributes:
        statistic: Cochran's Q, 0 with fewer than two segments that can be compared.
        degrees_of_freedom: Segments that can be compared, minus 1.
        p_value: Of one effect for all segments; 1 where nothing can be said.
        i_squared: Share of the variation between segments that is not noise, 0 to 1.
        pooled: Effect averaged over the segments with weights 1 / squared standard error.
    """

    statistic: Floats
    degrees_of_freedom: Floats
    p_value: Floats
    i_squared: Floats
    pooled: Floats


@dataclass(frozen=True, slots=True, eq=False)
class SegmentEffects:
    """Effects of shape (..., S), the segments last.

    Attributes:
        effect: Effect in each segment. Its intervals hold for all segments at once (Bonferroni), so its
            confidence is that of one of them.
        adjusted_p_value: P-values after the correction, shape (..., S).
        correction: Name of the correction.
        heterogeneity: Test of whether the effects differ, shape (...).
    """

    effect: Effect
    adjusted_p_value: Floats
    correction: Correction
    heterogeneity: Heterogeneity


def segment_effects(
    treatment: Sample,
    control: Sample,
    *,
    confidence: float = 0.95,
    alternative: Alternative = "two-sided",
    relative: bool = False,
    correction: Correction = "holm",
) -> SegmentEffects:
    """Compare treatment and control in each segment.

    Args:
        treatment: Statistics of shape (..., S), the segments last.
        control: Statistics of the same shape.
        confidence: Of all intervals together.
        alternative: As for `difference`.
        relative: Whether effects are relative to the control's value in the segment.
        correction: How p-values are adjusted: `bonferroni`, `holm`, `hochberg` or `benjamini_hochberg`.

    Raises:
        ParameterError: `confidence`, `alternative` or `correction` is out of bounds, or the segments' axis is
            missing.

    Example:
        >>> from armlift.statistics.moments import Proportion
        >>> phone_desktop = Proportion([4000, 1000], [520, 95]), Proportion([4000, 1000], [400, 100])
        >>> result = segment_effects(*phone_desktop)
        >>> print(result.effect.estimate, result.adjusted_p_value.round(2))
        [ 0.03  -0.005] [0.   0.71]
        >>> print(result.heterogeneity.p_value.round(3))
        0.02
    """
    if not 0.0 < confidence < 1.0:
        raise ParameterError("confidence", confidence, "0 < confidence < 1", "95 % is 0.95.")
    shape = np.broadcast_shapes(treatment.n.shape, control.n.shape)
    if not shape or shape[-1] == 0:
        raise ParameterError("treatment, control", shape, "shape (..., S), S >= 1", "Put the segments last.")
    compare = relative_difference if relative else difference
    each = 1.0 - (1.0 - confidence) / shape[-1]
    effect = compare(treatment, control, confidence=each, alternative=alternative)
    return SegmentEffects(effect, adjust(effect.p_value, correction), correction, heterogeneity(effect))


def heterogeneity(effect: Effect) -> Heterogeneity:
    """Cochran's Q test that effects on the last axis are one effect.

    Args:
        effect: Effects of shape (..., S) from units that no two segments share; those with a `Reason` are
            left out.

    Source: Cochran (1954); Higgins and Thompson (2002) for I squared.
    """
    from scipy.special import chdtrc

    usable = (effect.reason == Reason.NONE) & (effect.standard_error > 0.0)
    weights = ratio(usable.astype(float), effect.standard_error**2)
    pooled = ratio((weights * effect.estimate).sum(-1), weights.sum(-1))
    freedom = np.maximum(usable.sum(-1) - 1.0, 0.0)
    statistic = (weights * (effect.estimate - pooled[..., None]) ** 2).sum(-1)
    statistic = np.where(freedom > 0.0, statistic, 0.0)
    p_value = np.where(freedom > 0.0, chdtrc(np.maximum(freedom, 1.0), statistic), 1.0)
    i_squared = ratio(np.maximum(statistic - freedom, 0.0), statistic)
    return Heterogeneity(statistic, freedom, p_value, i_squared, pooled)
