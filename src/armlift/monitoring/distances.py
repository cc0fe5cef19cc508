"""How far two samples lie apart, on counts by cell: bins of a number, or categories.

Every function takes counts of shape (..., cells), the reference's and the window's, and answers for all
leading axes at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armlift.errors import ParameterError

Floats = NDArray[np.float64]

_PSEUDO_COUNT = 0.5


class ChiSquareTest(NamedTuple):
    """Whether two samples have the same distribution over cells.

    Attributes:
        statistic: Pearson's, shape (...).
        degrees_of_freedom: Cells with any row, less 1.
        p_value: 1 where there are fewer than two cells with rows, or a sample is empty.
    """

    statistic: Floats
    degrees_of_freedom: Floats
    p_value: Floats


def population_stability_index(reference: ArrayLike, window: ArrayLike) -> Floats:
    """Sum over cells of (q - p) ln(q / p), p and q the shares of reference and window; 0 if a side is empty.

    Half a row is added to each cell that has rows on either side, so that an empty one gives a finite value.

    Source: Kullback and Leibler (1951), who call it divergence J; Siddiqi (2006) for its use and thresholds.

    Example:
        >>> population_stability_index([50, 50], [[50, 50], [30, 70]]).round(3)
        array([0.   , 0.166])
    """
    from scipy.special import xlogy

    m, n = _counts(reference, window)
    used = m + n > 0.0
    p, q = (_shares(np.where(used, counts + _PSEUDO_COUNT, 0.0)) for counts in (m, n))
    ratio = np.where(used, q, 1.0) / np.where(used, p, 1.0)
    index: Floats = xlogy(q - p, ratio).sum(-1)
    return np.where(_both(m, n), index, 0.0)


def jensen_shannon(reference: ArrayLike, window: ArrayLike) -> Floats:
    """Square root of the Jensen-Shannon divergence in bits: 0 for equal shares, 1 for no common cell.

    Source: Endres and Schindelin (2003).

    Example:
        >>> jensen_shannon([1, 1, 0], [[1, 1, 0], [0, 0, 5], [3, 1, 0]]).round(3)
        array([0.   , 1.   , 0.221])
    """
    from scipy.special import rel_entr

    m, n = _counts(reference, window)
    p, q = _shares(m), _shares(n)
    middle = 0.5 * (p + q)
    nats = 0.5 * (rel_entr(p, middle) + rel_entr(q, middle)).sum(-1)
    return np.where(_both(m, n), np.sqrt(np.clip(nats / np.log(2.0), 0.0, 1.0)), 0.0)


def chi_square_test(reference: ArrayLike, window: ArrayLike) -> ChiSquareTest:
    """Pearson's test of homogeneity of two samples, without continuity correction.

    Source: Pearson (1900).

    Example:
        >>> test = chi_square_test([50, 50], [30, 70])
        >>> print(test.statistic.round(3), test.p_value.round(4))
        8.333 0.0039
    """
    from scipy.special import chdtrc

    m, n = _counts(reference, window)
    total, cells = m.sum(-1, keepdims=True) + n.sum(-1, keepdims=True), m + n
    known = _both(m, n)
    statistic = np.zeros(known.shape)
    for counts in (m, n):
        expected = cells * counts.sum(-1, keepdims=True) / np.where(total > 0.0, total, 1.0)
        squares = np.divide(
            (counts - expected) ** 2, expected, out=np.zeros_like(cells), where=expected > 0.0
        )
        statistic = statistic + squares.sum(-1)
    freedom = np.maximum((cells > 0.0).sum(-1) - 1.0, 0.0)
    decided = known & (freedom > 0.0)
    p_value = np.where(decided, chdtrc(np.maximum(freedom, 1.0), statistic), 1.0)
    return ChiSquareTest(np.where(decided, statistic, 0.0), freedom, p_value)


def psi_false_alarms(threshold: ArrayLike, cells: int, reference_rows: float, rows: float) -> Floats:
    """Chance that the index reaches a threshold although nothing drifted.

    Then it is about (1/n + 1/m) times a chi-square variable with as many degrees of freedom as there are
    cells, less 1 (Yurdakul and Naranjo, 2020).

    Args:
        threshold: Of the index, 0 or above.
        cells: Cells with rows in the reference.
        reference_rows: Rows of the reference m.
        rows: Rows of the window n.

    Example:
        >>> psi_false_alarms([0.1, 0.25], cells=10, reference_rows=1000, rows=100).round(4)
        array([0.4289, 0.0068])
    """
    from scipy.special import chdtrc

    if cells < 2:
        return np.zeros(np.shape(threshold))
    return np.asarray(
        chdtrc(cells - 1.0, np.asarray(threshold, float) / (1.0 / reference_rows + 1.0 / rows)), float
    )


def simulated_psi_false_alarms(
    threshold: ArrayLike, reference: ArrayLike, rows: int, *, replicates: int = 2000, seed: int = 0
) -> Floats:
    """The same by simulation: reference and window are both drawn from the reference's own shares.

    Args:
        threshold: Of the index, shape (T,).
        reference: Counts of the reference by cell, shape (cells,).
        rows: Rows of the window.
        replicates: Draws; the standard error is at most half over their square root.
        seed: Seed of the draws.
    """
    counts = np.asarray(reference, float)
    m = int(counts.sum())
    if m == 0 or rows == 0:
        return np.zeros(np.shape(threshold))
    rng = np.random.default_rng(seed)
    shares = counts / m
    index = population_stability_index(
        rng.multinomial(m, shares, size=replicates), rng.multinomial(rows, shares, size=replicates)
    )
    return np.asarray((index >= np.asarray(threshold, float)[..., None]).mean(-1), float)


def _counts(reference: ArrayLike, window: ArrayLike) -> tuple[Floats, Floats]:
    m, n = np.broadcast_arrays(np.asarray(reference, float), np.asarray(window, float))
    for name, counts in (("reference", m), ("window", n)):
        if not (np.isfinite(counts) & (counts >= 0.0)).all():
            raise ParameterError(name, counts.min(), "counts of 0 or more", "Count rows by cell.")
    return m, n


def _shares(counts: Floats) -> Floats:
    total = counts.sum(-1, keepdims=True)
    return counts / np.where(total > 0.0, total, 1.0)


def _both(m: Floats, n: Floats) -> NDArray[np.bool_]:
    known: NDArray[np.bool_] = (m.sum(-1) > 0.0) & (n.sum(-1) > 0.0)
    return known
