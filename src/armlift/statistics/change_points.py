"""Has a metric's level changed? `cusum` answers while values come in, `change_points` afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armlift.errors import ParameterError
from armlift.statistics.effect import Reason
from armlift.statistics.moments import ratio
from armlift.statistics.trend import observed

Floats = NDArray[np.float64]

#: Median absolute deviation of a Normal variable, in standard deviations.
_MAD_OF_NORMAL = 0.6744897501960817
#: What a walk that moves in steps overshoots a bound by, at both ends together, in standard deviations.
_OVERSHOOT = 1.166


@dataclass(frozen=True, slots=True, eq=False)
class Cusum:
    """Two-sided tabular CUSUM; in standard deviations of the reference.

    Attributes:
        upper: Evidence of a rise after each value, shape (..., T).
        lower: Evidence of a fall, shape (..., T).
        alarm: Index of the first value at which one of them exceeds the threshold, shape (...); -1 if none.
        since: Index of the first value after the change, as the alarm's own sum dates it; -1 without alarm.
        direction: 1 for a rise, -1 for a fall, 0 without alarm, shape (...).
        threshold: Decision interval h.
        reason: `Reason` codes, int8: `TOO_FEW` for a reference of fewer than two values, `NO_VARIANCE` for a
            constant one, `NO_DATA` for an empty series.
    """

    upper: Floats
    lower: Floats
    alarm: NDArray[np.intp]
    since: NDArray[np.intp]
    direction: NDArray[np.int8]
    threshold: float
    reason: NDArray[np.int8]


def cusum(series: ArrayLike, reference: ArrayLike, *, shift: float = 1.0, run_length: float = 500.0) -> Cusum:
    """Watch series for a lasting change of level (Page, 1954).

    Values are standardised by mean and standard deviation of the reference; sums of what exceeds half the
    shift alarm above the threshold that gives the wanted run length.

    Args:
        series: Values in order of time, shape (..., T); NaN marks a gap and moves nothing.
        reference: Values from when all was well, shape (..., m); NaN marks a gap. Fewer than
            several hundred values leave their own error in the run length.
        shift: Smallest change worth finding, in standard deviations.
        run_length: Mean number of values to a false alarm, if values are independent.

    Raises:
        ParameterError: If `shift` or `run_length` lies outside its bound, or a value is infinite.

    Example:
        >>> quiet = np.cos(np.arange(100) ** 2)
        >>> watch = cusum([*quiet[:20], *(quiet[:10] + 2.0)], quiet)
        >>> int(watch.since), int(watch.direction)
        (20, 1)
    """
    if not 0.0 < shift < np.inf:
        raise ParameterError("shift", shift, "0 < shift < infinity", "Usual is 1.")
    values, calm = np.asarray(series, float), np.asarray(reference, float)
    if np.isinf(values).any() or np.isinf(calm).any():
        raise ParameterError(
            "series, reference", np.inf, "finite values or NaN for gaps", "Repair the value."
        )
    threshold = cusum_threshold(run_length, allowance=shift / 2.0)
    m = (~np.isnan(calm)).sum(-1)
    mean = ratio(np.nansum(calm, axis=-1), m)
    variance = ratio(np.nansum((calm - mean[..., None]) ** 2, axis=-1), np.maximum(m - 1.0, 0.0))
    flat = variance <= (1e-12 * mean) ** 2
    scale = np.where(flat, np.inf, np.sqrt(variance))
    residuals = np.nan_to_num((values - mean[..., None]) / scale[..., None])
    moves = ~np.isnan(values) * (shift / 2.0)
    upper, rises = _sum_above_minimum(residuals - moves)
    lower, falls = _sum_above_minimum(-residuals - moves)
    crossed = (upper > threshold) | (lower > threshold)
    found = crossed.any(-1)
    at = crossed.argmax(-1)[..., None]
    alarm = at[..., 0] - 1
    is_rise = _at(upper, at) > threshold
    since = np.where(found, np.where(is_rise, _at(rises, at), _at(falls, at)), -1)
    direction = np.where(found, np.where(is_rise, 1, -1), 0).astype(np.int8)
    empty = np.isnan(values).all(-1)
    reason = np.select(
        [empty, m < 2, flat], [Reason.NO_DATA, Reason.TOO_FEW, Reason.NO_VARIANCE], Reason.NONE
    )
    return Cusum(upper[..., 1:], lower[..., 1:], alarm, since, direction, threshold, reason.astype(np.int8))


def average_run_length(threshold: float, *, allowance: float = 0.5, shift: float = 0.0) -> float:
    """Mean number of independent Normal values to an alarm of the two-sided CUSUM (Siegmund, 1985).

    Args:
        threshold: Decision interval h, in standard deviations.
        allowance: Reference value k, half the shift that is looked for.
        shift: True change of the mean since the sums were 0; 0 while all is well.

    Example:
        >>> [round(average_run_length(5.0, shift=shift), 1) for shift in (0.0, 1.0)]
        [469.1, 10.3]
    """
    return 1.0 / sum(1.0 / _one_sided(threshold, drift - allowance) for drift in (shift, -shift))


def cusum_threshold(run_length: float, *, allowance: float = 0.5) -> float:
    """Decision interval h of a two-sided CUSUM whose false alarms come a run length apart on average.

    Args:
        run_length: Mean number of values to a false alarm, from 10.
        allowance: Reference value k.

    Raises:
        ParameterError: If `run_length` lies outside its bound.

    Example:
        >>> round(cusum_threshold(469.1), 3)
        5.0
    """
    from scipy.optimize import brentq

    if not 10.0 <= run_length < np.inf:
        raise ParameterError("run_length", run_length, "10 <= run_length < infinity", "Usual is 500.")
    top = 1.0
    while average_run_length(top, allowance=allowance) < run_length:
        top *= 2.0
    return float(brentq(lambda h: average_run_length(h, allowance=allowance) - run_length, 0.0, top))


@dataclass(frozen=True, slots=True, eq=False)
class ChangePoints:
    """Stretches of constant level.

    Attributes:
        starts: Index of the first value of every stretch but the first, shape (C,).
        levels: Mean of each stretch, shape (C + 1,); empty without data.
        noise: Standard deviation of a value about its level, from differences of neighbours.
        reason: `NO_DATA`, `TOO_FEW` for fewer than four values, `NO_VARIANCE` for a constant series.
    """

    starts: NDArray[np.intp]
    levels: Floats
    noise: float
    reason: Reason


def change_points(series: ArrayLike, *, penalty: float | None = None) -> ChangePoints:
    """Split a series into stretches of constant mean, by penalised least squares.

    Minimises squared residuals over the noise variance plus a penalty for each change, exactly, by dynamic
    programming with pruning (PELT; Killick, Fearnhead and Eckley, 2012). The noise's standard deviation is
    the median absolute difference of neighbours, scaled for Normal noise: changes of level leave it alone.

    Args:
        series: Independent values in order of time, shape (T,); NaN marks a gap.
        penalty: Cost of a change; 3 log T when None, which pays for a level, and for a place among T that was
            searched for (Zhang and Siegmund, 2007, modify BIC so).

    Raises:
        ParameterError: If the series is not one-dimensional or infinite, or the penalty not above 0.

    Example:
        >>> quiet = np.cos(np.arange(40) ** 2)
        >>> change_points(np.r_[quiet, quiet + 4.0]).starts
        array([40])
    """
    times, values = observed(series)
    size = len(values)
    if penalty is None:
        penalty = 3.0 * np.log(max(size, 2))
    if not 0.0 < penalty < np.inf:
        raise ParameterError("penalty", penalty, "0 < penalty < infinity", "Leave it out for 3 log T.")
    none = np.zeros(0, dtype=np.intp)
    if size == 0:
        return ChangePoints(none, np.zeros(0), 0.0, Reason.NO_DATA)
    noise = _noise(values)
    if size < 4 or noise <= 1e-12 * np.abs(values).max():
        reason = Reason.TOO_FEW if size < 4 else Reason.NO_VARIANCE
        return ChangePoints(none, np.array([values.mean()]), noise, reason)
    cuts = _cheapest_cuts((values - values.mean()) / noise, penalty)
    levels = np.array([stretch.mean() for stretch in np.split(values, cuts)])
    return ChangePoints(times[cuts], levels, noise, Reason.NONE)


def _cheapest_cuts(values: Floats, penalty: float) -> NDArray[np.intp]:
    """Indices at which new stretches begin."""
    size = len(values)
    sums, squares = np.r_[0.0, values.cumsum()], np.r_[0.0, (values**2).cumsum()]
    best = np.full(size + 1, -penalty)  # the first stretch costs no change
    previous = np.zeros(size + 1, dtype=np.intp)
    starts = np.zeros(1, dtype=np.intp)
    for end in range(1, size + 1):
        costs = best[starts] + (
            squares[end] - squares[starts] - (sums[end] - sums[starts]) ** 2 / (end - starts)
        )
        cheapest = costs.argmin()
        best[end], previous[end] = costs[cheapest] + penalty, starts[cheapest]
        # A start that already costs more than a change here can never be part of the optimum again.
        starts = np.r_[starts[costs <= best[end]], end]
    cuts = []
    end = size
    while previous[end] > 0:
        end = previous[end]
        cuts.append(end)
    return np.array(cuts[::-1], dtype=np.intp)


def _noise(values: Floats) -> float:
    if len(values) < 2:
        return 0.0
    steps = np.abs(np.diff(values)) / np.sqrt(2.0)
    typical = float(np.median(steps)) / _MAD_OF_NORMAL
    return typical or float(np.sqrt((steps**2).mean()))  # most neighbours are equal


def _one_sided(threshold: float, drift: float) -> float:
    b = threshold + _OVERSHOOT
    if abs(drift) < 1e-6:
        return b * b
    return float((np.expm1(-2.0 * drift * b) + 2.0 * drift * b) / (2.0 * drift**2))


def _sum_above_minimum(steps: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """max(0, S + step) from S = 0 on, and when it last was 0; before and after steps, shape (..., T + 1)."""
    sums = np.concatenate([np.zeros((*steps.shape[:-1], 1)), steps.cumsum(-1)], axis=-1)
    lowest = np.minimum.accumulate(sums, axis=-1)
    indices = np.broadcast_to(np.arange(sums.shape[-1]), sums.shape)
    last_zero = np.maximum.accumulate(np.where(sums <= lowest, indices, 0), axis=-1)
    return sums - lowest, last_zero


def _at(values: NDArray[Any], index: NDArray[np.intp]) -> NDArray[Any]:
    return np.take_along_axis(values, index, axis=-1)[..., 0]
