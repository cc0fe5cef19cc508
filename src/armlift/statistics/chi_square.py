"""Chi-square test that k arms share one proportion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from armlift.errors import ParameterError
from armlift.statistics.effect import Reason
from armlift.statistics.moments import Proportion, ratio

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ChiSquare:
    """Whether arms differ at all; arrays of shape (...), never NaN.

    Attributes:
        statistic: Pearson's statistic without continuity correction; 0 where nothing can be said.
        degrees_of_freedom: Arms with data minus 1.
        p_value: Of one proportion for all arms; 1 where nothing can be said.
        cramers_v: Effect size from 0 to 1.
        smallest_expected: Smallest expected count of a cell; below 5 the p-value is rough.
        reason: `Reason` codes, int8.
    """

    statistic: Floats
    degrees_of_freedom: Floats
    p_value: Floats
    cramers_v: Floats
    smallest_expected: Floats
    reason: NDArray[np.int8]


def chi_square(arms: Proportion) -> ChiSquare:
    """Compare k arms at once; arms without data are left out.

    Args:
        arms: Proportions of shape (..., k), k >= 2.

    Raises:
        ParameterError: There are fewer than two arms.

    Source: Pearson (1900); Cramér (1946) for V.

    Example:
        >>> test = chi_square(Proportion([1000, 1000, 1000], [100, 130, 110]))
        >>> print(test.statistic.round(3), test.p_value.round(3), test.cramers_v.round(3))
        4.644 0.098 0.039
    """
    from scipy.special import chdtrc

    if arms.n.ndim == 0 or arms.n.shape[-1] < 2:
        raise ParameterError("arms", arms.n.shape, "shape (..., k) with k >= 2", "Put the arms last.")
    pooled = arms.sum(-1)
    present = arms.n > 0.0
    freedom = np.maximum(present.sum(-1) - 1.0, 0.0)
    reason = np.select(
        [pooled.n == 0.0, freedom == 0.0, pooled.variance == 0.0],
        [np.int8(Reason.NO_DATA), np.int8(Reason.EMPTY_ARM), np.int8(Reason.NO_VARIANCE)],
        default=np.int8(Reason.NONE),
    )
    share = pooled.value[..., None]
    squares = (arms.successes - arms.n * share) ** 2
    statistic = ratio(squares, arms.n * share * (1.0 - share)).sum(-1)
    statistic = np.where(reason == Reason.NONE, statistic, 0.0)
    fewest = np.where(present, arms.n, np.inf).min(-1)
    rarer = np.minimum(pooled.value, 1.0 - pooled.value)
    return ChiSquare(
        statistic=statistic,
        degrees_of_freedom=freedom,
        p_value=np.where(reason == Reason.NONE, chdtrc(np.maximum(freedom, 1.0), statistic), 1.0),
        cramers_v=np.sqrt(np.minimum(ratio(statistic, pooled.n), 1.0)),
        smallest_expected=np.where(pooled.n > 0.0, fewest, 0.0) * rarer,
        reason=reason,
    )
