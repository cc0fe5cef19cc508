"""Adjusted p-values for several tests at once.

Each function takes p-values of shape (..., m), the m tests on the last axis, and returns adjusted ones of the
same shape, to be compared with alpha itself. Bonferroni and Holm bound the chance of any false rejection
whatever the dependence; Hochberg needs independent or positively dependent tests, and so does
Benjamini-Hochberg, which bounds the expected share of false ones among the rejections.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armlift.errors import ParameterError

Floats = NDArray[np.float64]
Correction = Literal["bonferroni", "holm", "hochberg", "benjamini_hochberg"]


def bonferroni(p_values: ArrayLike) -> Floats:
    """Every p-value times m.

    Source: Dunn (1961).

    Example:
        >>> bonferroni([0.01, 0.02, 0.5])
        array([0.03, 0.06, 1.  ])
    """
    p = _check(p_values)
    adjusted: Floats = np.minimum(p * p.shape[-1], 1.0)
    return adjusted


def weighted_bonferroni(p_values: ArrayLike, weights: ArrayLike) -> Floats:
    """Every p-value over its test's share of alpha.

    Args:
        p_values: Shape (..., m).
        weights: Shares of alpha, shape (m,), above 0, summing to 1; see `primary_weights`.

    Raises:
        ParameterError: The shares are not positive or do not sum to 1.

    Source: Rosenthal and Rubin (1983).

    Example:
        >>> weighted_bonferroni([0.01, 0.01, 0.5], primary_weights(3, primary_share=0.8)).round(4)
        array([0.0125, 0.1   , 1.    ])
    """
    p, share = _check(p_values), np.asarray(weights, float)
    if share.shape != (p.shape[-1],) or not (np.all(share > 0.0) and np.isclose(share.sum(), 1.0)):
        raise ParameterError("weights", weights, "one above 0 for each test, sum 1", "Divide by their sum.")
    adjusted: Floats = np.minimum(p / share, 1.0)
    return adjusted


def primary_weights(tests: int, *, primary_share: float = 0.8) -> Floats:
    """Shares of alpha that leave most of it to the primary metric, which comes first.

    Args:
        tests: Number of tests m, at least 1.
        primary_share: The primary metric's share; the others divide the rest equally.

    Raises:
        ParameterError: `tests` or `primary_share` is out of bounds.

    Example:
        >>> primary_weights(5)
        array([0.8 , 0.05, 0.05, 0.05, 0.05])
    """
    if tests < 1:
        raise ParameterError("tests", tests, "tests >= 1", "Count the primary metric too.")
    if not 0.0 < primary_share < 1.0:
        raise ParameterError("primary_share", primary_share, "0 < primary_share < 1", "The default is 0.8.")
    if tests == 1:
        return np.ones(1)
    weights = np.full(tests, (1.0 - primary_share) / (tests - 1))
    weights[0] = primary_share
    return weights


def holm(p_values: ArrayLike) -> Floats:
    """Step-down Bonferroni: the k-th smallest p-value times m - k + 1, made monotone upward.

    Source: Holm (1979).

    Example:
        >>> holm([0.01, 0.02, 0.5])
        array([0.03, 0.04, 0.5 ])
    """
    p = _check(p_values)
    order, ascending = _sorted(p)
    factors = np.arange(p.shape[-1], 0, -1)
    return _unsorted(np.maximum.accumulate(ascending * factors, axis=-1), order)


def hochberg(p_values: ArrayLike) -> Floats:
    """Step-up counterpart of Holm with the same factors, never less powerful.

    Source: Hochberg (1988).

    Example:
        >>> hochberg([0.03, 0.04])
        array([0.04, 0.04])
    """
    p = _check(p_values)
    order, ascending = _sorted(p)
    factors = np.arange(p.shape[-1], 0, -1)
    return _unsorted(_from_above(ascending * factors), order)


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """False discovery rate: the k-th smallest p-value times m / k, made monotone downward.

    Source: Benjamini and Hochberg (1995).

    Example:
        >>> benjamini_hochberg([0.01, 0.02, 0.5])
        array([0.03, 0.03, 0.5 ])
    """
    p = _check(p_values)
    order, ascending = _sorted(p)
    m = p.shape[-1]
    return _unsorted(_from_above(ascending * (m / np.arange(1, m + 1))), order)


def adjust(p_values: ArrayLike, correction: Correction = "holm") -> Floats:
    """Adjust p-values by the correction's name.

    Raises:
        ParameterError: There is no such correction.

    Example:
        >>> adjust([0.01, 0.02, 0.5], "bonferroni")
        array([0.03, 0.06, 1.  ])
    """
    if correction not in get_args(Correction):
        allowed = ", ".join(get_args(Correction))
        raise ParameterError("correction", correction, f"one of {allowed}", "Choose one of them.")
    adjusted = {
        "bonferroni": bonferroni,
        "holm": holm,
        "hochberg": hochberg,
        "benjamini_hochberg": benjamini_hochberg,
    }
    return adjusted[correction](p_values)


def _check(p_values: ArrayLike) -> Floats:
    p = np.atleast_1d(np.asarray(p_values, float))
    inside = (p >= 0.0) & (p <= 1.0)
    if not inside.all():
        wrong = float(p[~inside].flat[0])
        raise ParameterError("p_values", wrong, "0 <= p <= 1", "Pass 1 for a test that says nothing.")
    return p


def _sorted(p: Floats) -> tuple[NDArray[np.intp], Floats]:
    order = np.argsort(p, axis=-1, kind="stable")
    return order, np.take_along_axis(p, order, axis=-1)


def _from_above(ascending: Floats) -> Floats:
    """Running minimum from the largest p-value down."""
    return np.minimum.accumulate(ascending[..., ::-1], axis=-1)[..., ::-1]


def _unsorted(adjusted: Floats, order: NDArray[np.intp]) -> Floats:
    result = np.empty_like(adjusted)
    np.put_along_axis(result, order, np.minimum(adjusted, 1.0), axis=-1)
    return result
