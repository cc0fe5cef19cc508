"""Single values of a metric's series that do not fit its season and its level."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armlift.errors import ParameterError
from armlift.statistics.effect import Reason
from armlift.statistics.trend import observed

Floats = NDArray[np.float64]

#: Seasons that must have been seen: with fewer, an anomaly is half of what its place in the season is.
_LEAST_SEASONS = 3
#: False alarms in the simulation behind a threshold, whose rate is thus known to about a fifth.
_SIMULATED_ALARMS = 20
#: Median absolute deviation of a Normal variable, in standard deviations.
_MAD_OF_NORMAL = 0.6744897501960817


@dataclass(frozen=True, slots=True, eq=False)
class Anomalies:
    """A series against what its season and level let expect; T values, never NaN.

    Attributes:
        expected: Season plus level, shape (T,); the series' median where nothing can be said.
        score: Distance from it in robust standard deviations, shape (T,); 0 at gaps.
        is_anomaly: Whether its absolute value exceeds the threshold, shape (T,).
        threshold: Scores beyond it are anomalies; infinite where nothing can be said.
        reason: `NO_DATA`, `TOO_FEW` for less than three seasons of values, `NO_VARIANCE` for a series that
            repeats itself exactly.
    """

    expected: Floats
    score: Floats
    is_anomaly: NDArray[np.bool_]
    threshold: float
    reason: Reason


def anomalies(series: ArrayLike, *, period: int, rate: float = 0.001) -> Anomalies:
    """Values far from season and level, both found robustly (STL; Cleveland and others, 1990).

    Residuals are divided by their median absolute deviation. A robust fit makes most residuals small and so
    the others look large: the threshold is not the Normal distribution's quantile but that of the same
    procedure on simulated Normal noise of the same length and season, with a fixed seed.

    Args:
        series: Values in order of time, shape (T,); NaN marks a gap, which is bridged by a straight line.
        period: Values in a season, from 2, such as 7 for days of the week.
        rate: Share of values that are called anomalies although there is only independent Normal noise; heavy
            tails and autocorrelation raise it.

    Raises:
        ParameterError: If an argument lies outside its bound.

    Example:
        >>> days = np.arange(56)
        >>> clicks = 100.0 + 20.0 * (days % 7 > 4) + np.cos(days**2)
        >>> clicks[30] = 80.0
        >>> np.flatnonzero(anomalies(clicks, period=7).is_anomaly)
        array([30])
    """
    if period < 2:
        raise ParameterError("period", period, "period >= 2", "Use 7 for days, 24 for hours.")
    if not 1e-5 <= rate <= 0.1:
        raise ParameterError("rate", rate, "0.00001 <= rate <= 0.1", "Usual is 0.001.")
    times, values = observed(series)
    size = np.size(series)
    if len(values) < _LEAST_SEASONS * period:
        return _silent(size, values, Reason.TOO_FEW if len(values) else Reason.NO_DATA)
    whole = np.interp(np.arange(size), times, values)
    residuals = _residuals(whole, period)
    scale = _scale(residuals[times])
    if scale <= 1e-12 * np.abs(values).max():
        return _silent(size, values, Reason.NO_VARIANCE)
    score = np.zeros(size)
    score[times] = residuals[times] / scale
    threshold = _threshold(size, period, rate)
    return Anomalies(whole - residuals, score, np.abs(score) > threshold, threshold, Reason.NONE)


def _residuals(series: Floats, period: int) -> Floats:
    from statsmodels.tsa.seasonal import STL

    # A season that is a mean over years, not a line, leaves the last value its residual.
    seasonal = 2 * (len(series) // period) + 1
    trend = int(np.ceil(1.5 * period / (1.0 - 1.5 / seasonal))) | 1
    fit = STL(
        series,
        period=period,
        seasonal=max(seasonal, 7),
        seasonal_deg=0,
        trend=trend,
        robust=True,
        trend_jump=max(trend // 10, 1),
        low_pass_jump=max(period // 10, 1),
    ).fit(outer_iter=6)
    return np.asarray(fit.resid, float)


def _scale(residuals: Floats) -> float:
    return float(np.median(np.abs(residuals))) / _MAD_OF_NORMAL


@lru_cache(maxsize=64)
def _threshold(size: int, period: int, rate: float) -> float:
    """Score that a share `rate` of Normal values exceeds."""
    rng = np.random.default_rng([size, period])
    series = int(np.ceil(_SIMULATED_ALARMS / rate / size))
    noise = (_residuals(rng.standard_normal(size), period) for _ in range(series))
    scores = np.concatenate([np.abs(residuals) / _scale(residuals) for residuals in noise])
    return float(np.quantile(scores, 1.0 - rate))


def _silent(size: int, values: Floats, reason: Reason) -> Anomalies:
    middle = float(np.median(values)) if len(values) else 0.0
    return Anomalies(np.full(size, middle), np.zeros(size), np.zeros(size, dtype=np.bool_), np.inf, reason)
