"""Does a metric's series rise or fall, when neighbouring values resemble each other?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armlift.errors import ParameterError
from armlift.statistics.effect import Reason

Floats = NDArray[np.float64]

#: Values needed to tell noise, its autocorrelation and a slope apart.
_LEAST_VALUES = 10
#: Largest autocorrelation that is taken out; beyond it a slope cannot be told from drift.
_MOST_AUTOCORRELATION = 0.97


@dataclass(frozen=True, slots=True)
class Trend:
    """Straight line through a series; never NaN.

    Attributes:
        slope: Change of the metric from one value to the next; 0 where it is not defined.
        standard_error: Of the slope, with which the interval was made; 0 where it is not defined.
        low: Lower end of the interval; `-inf` where nothing can be said.
        high: Upper end.
        p_value: Of a slope of 0, two-sided; 1 where nothing can be said.
        autocorrelation: Estimated correlation of the noise of neighbouring values.
        reason: `NO_DATA`, `TOO_FEW` for fewer than 10 values, `NO_VARIANCE` for a perfect line.
        confidence: Coverage of the interval.
    """

    slope: float
    standard_error: float
    low: float
    high: float
    p_value: float
    autocorrelation: float
    reason: Reason
    confidence: float


def trend(series: ArrayLike, *, confidence: float = 0.95) -> Trend:
    """Trend of equally spaced values, by least squares after the noise was whitened.

    The first autocorrelation of the residuals, corrected for its bias, is taken out of series and regressors
    (Prais and Winsten, 1954). The slope's error on what remains is estimated twice: by ordinary least
    squares, right if the noise was autoregressive of first order, and from the scores' projections on the
    first 0.4 T^(2/3) cosines, right for any short memory (Lazarus, Lewis, Stock and Watson, 2018). The wider
    interval and the larger p-value count.

    Args:
        series: Values in order of time, shape (T,); NaN marks a gap, and neighbours across it count as next
            to each other for the autocorrelation, but not for the slope.
        confidence: Coverage of the interval.

    Raises:
        ParameterError: If the series is not one-dimensional or infinite, or `confidence` outside (0, 1).

    Example:
        >>> days = np.arange(60)
        >>> found = trend(0.1 + 0.001 * days + 0.005 * np.cos(days**2))
        >>> round(found.slope, 4), found.low > 0
        (0.001, True)
    """
    from scipy.stats import t as student
    from statsmodels.api import OLS

    if not 0.0 < confidence < 1.0:
        raise ParameterError("confidence", confidence, "0 < confidence < 1", "Usual is 0.95.")
    times, values = observed(series)
    size = len(values)
    if size < _LEAST_VALUES:
        return _silent(Reason.TOO_FEW if size else Reason.NO_DATA, confidence)
    line = np.stack([np.ones(size), times - times.mean()], axis=1)
    plain = OLS(values, line).fit()
    noise = plain.resid
    if noise @ noise <= (1e-12 * np.abs(values).max()) ** 2 * size:
        slope = float(plain.params[1]) if np.ptp(values) > 0.0 else 0.0
        return Trend(slope, 0.0, slope, slope, float(slope == 0.0), 0.0, Reason.NO_VARIANCE, confidence)
    first = (noise[1:] @ noise[:-1]) / (noise @ noise)
    corrected = (size * first + 2.0) / (size - 4.0)
    rho = float(np.clip(corrected, -_MOST_AUTOCORRELATION, _MOST_AUTOCORRELATION))
    white = _whitened(line, rho)
    fit = OLS(_whitened(values[:, None], rho)[:, 0], white).fit()
    slope = float(fit.params[1])
    scores = np.linalg.pinv(white)[1] * fit.resid
    cosines = int(0.4 * size ** (2.0 / 3.0))
    waves = np.cos(np.pi * np.outer(np.arange(1, cosines + 1), np.arange(size) + 0.5) / size)
    long_run = np.sqrt(2.0 * np.mean((waves @ scores) ** 2))
    errors = np.array([float(fit.bse[1]), float(long_run)])
    freedom = np.array([size - 4.0, float(cosines)])
    margins = student.ppf(0.5 + confidence / 2.0, freedom) * errors
    wider = int(margins.argmax())
    p_value = float(np.max(2.0 * student.sf(abs(slope) / errors, freedom)))
    low, high = slope - float(margins[wider]), slope + float(margins[wider])
    return Trend(slope, float(errors[wider]), low, high, p_value, rho, Reason.NONE, confidence)


def observed(series: ArrayLike) -> tuple[NDArray[np.intp], Floats]:
    """Positions and values of a series without its gaps.

    Args:
        series: Values in order of time, shape (T,); NaN marks a gap.

    Raises:
        ParameterError: If the series is not one-dimensional, or a value is infinite.
    """
    values = np.asarray(series, float)
    if values.ndim != 1:
        raise ParameterError("series", values.shape, "shape (T,)", "Pass one series at a time.")
    if np.isinf(values).any():
        raise ParameterError("series", np.inf, "finite values or NaN for gaps", "Repair the value.")
    there = np.flatnonzero(~np.isnan(values))
    return there, values[there]


def _whitened(columns: Floats, rho: float) -> Floats:
    first = np.sqrt(1.0 - rho**2) * columns[:1]
    return np.concatenate([first, columns[1:] - rho * columns[:-1]])


def _silent(reason: Reason, confidence: float) -> Trend:
    return Trend(0.0, 0.0, -np.inf, np.inf, 1.0, 0.0, reason, confidence)
