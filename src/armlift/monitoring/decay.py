"""Whether a model does worse than it did, by a test that may be looked at every day.

A model's performance since some window is compared with its own reference by a confidence sequence, which
holds at all looks together. Since nobody knows when the decay began, one is started at every window; the
k-th has 1 / (k (k + 1)) of alpha, and these shares sum to 1. So, without decay, the chance that an alarm is
ever raised is alpha at most, however long it is watched.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armlift.errors import ParameterError
from armlift.statistics.moments import Mean
from armlift.statistics.sequential import confidence_sequence

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Decay:
    """A metric of which more is better, window by window; W windows.

    Attributes:
        reference: Its mean in the reference.
        value: Its mean in each window, shape (W,); NaN without units.
        since: Window from which on the evidence is strongest, shape (W,).
        change: Mean since that window, less the reference's, shape (W,).
        p_value: Always-valid p-value of a decay beyond the tolerance, corrected for the unknown start; it
            never rises, shape (W,).
        decayed: Whether it is below alpha, shape (W,).
        decided: Whether there were units enough for any look, shape (W,).
    """

    reference: float
    value: Floats
    since: Integers
    change: Floats
    p_value: Floats
    decayed: Booleans
    decided: Booleans


def performance_decay(
    reference: Mean, windows: Mean, *, alpha: float = 0.05, tolerance: float = 0.0, minimum_units: int = 200
) -> Decay:
    """Watch a metric for decay.

    Args:
        reference: Its units in the reference, shape ().
        windows: Its units in each window since then, in order, shape (W,).
        alpha: Accepted chance of ever raising a false alarm.
        tolerance: Loss that is accepted, as a share of the reference, 0 to 1.
        minimum_units: Units that reference and watched windows must have for a look.

    Raises:
        ParameterError: An argument is out of its bound.

    Example:
        >>> def clicks(n, rate):
        ...     total = np.multiply(n, rate)
        ...     return Mean.from_sums(n, total[..., None], total[..., None, None])
        >>> days = clicks(np.full(4, 2000.0), np.array([0.10, 0.10, 0.07, 0.07]))
        >>> found = performance_decay(clicks(np.float64(6000), 0.1), days)
        >>> found.decayed, found.since
        (array([False, False,  True,  True]), array([0, 0, 2, 2]))
    """
    if not 0.0 < alpha < 0.5:
        raise ParameterError("alpha", alpha, "0 < alpha < 0.5", "Try 0.05.")
    if not 0.0 <= tolerance < 1.0:
        raise ParameterError("tolerance", tolerance, "0 <= tolerance < 1", "Give a share such as 0.05.")
    if minimum_units < 2:
        raise ParameterError("minimum_units", minimum_units, "minimum_units >= 2", "Try 200.")
    looks = len(windows.n)
    watched = _from_each_start(windows)
    enough = (watched.n >= minimum_units) & bool(reference.n >= minimum_units)
    value = np.where(windows.n > 0, windows.value, np.nan)
    if not enough.any():
        nothing = np.zeros(looks)
        never = np.zeros(looks, dtype=bool)
        return Decay(
            float(reference.value), value, np.zeros(looks, np.int64), nothing, nothing + 1.0, never, never
        )
    effect = confidence_sequence(
        watched,
        reference,
        confidence=1.0 - alpha,
        alternative="less",
        tuned_at=float(reference.n),
        margin=-tolerance * abs(float(reference.value)),
    )
    starts = np.arange(1, looks + 1)
    p_values = np.where(enough, effect.p_value, 1.0) * (starts * (starts + 1.0))[:, None]
    strongest = p_values.argmin(axis=0)
    each = np.arange(looks)
    p_value = np.minimum.accumulate(np.minimum(p_values[strongest, each], 1.0))
    return Decay(
        float(reference.value),
        value,
        strongest.astype(np.int64),
        np.where(watched.n[strongest, each] > 0, watched.value[strongest, each] - reference.value, 0.0),
        p_value,
        p_value < alpha,
        np.logical_or.accumulate(enough.any(axis=0)),
    )


def unit_sums(values: ArrayLike, numbers: Integers, windows: int) -> Mean:
    """Add up units by window.

    Args:
        values: A value of each unit, shape (units,).
        numbers: Window of each unit, 0 <= number < windows, shape (units,).
        windows: Number of windows W.

    Returns:
        Statistics of shape (W,).
    """
    x = np.asarray(values, dtype=float)
    n, total, squares = (np.bincount(numbers, weight, windows) for weight in (np.ones_like(x), x, x * x))
    return Mean.from_sums(n, total[:, None], squares[:, None, None])


def _from_each_start(windows: Mean) -> Mean:
    """Statistics from window j up to window t at [j, t], shape (W, W); nothing where t < j."""
    n, mean = windows.n, windows.value
    total = n * mean
    squares = windows.scatter[..., 0, 0] + total * mean
    units, sums, products = (np.append(0.0, column.cumsum()) for column in (n, total, squares))
    since = np.triu(np.ones((len(n), len(n))))
    return Mean.from_sums(
        (units[1:] - units[:-1, None]) * since,
        ((sums[1:] - sums[:-1, None]) * since)[..., None],
        ((products[1:] - products[:-1, None]) * since)[..., None, None],
    )
