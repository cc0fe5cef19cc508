"""How much one arm is believed to exceed another: probabilities and credible intervals of the difference.

Both the absolute and the relative difference ask whether (treatment, control) lies above a line. Under Beta
posteriors the density of one arm is integrated with the other's distribution function by the double
exponential rule (Takahasi and Mori, 1974), between the points where the line leaves the unit square, since it
bears whatever these functions do at the ends. Under Normal posteriors everything has a closed form.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armlift.errors import ParameterError
from armlift.statistics.moments import Proportion, Sample, ratio
from armlift.statistics.posteriors import (
    BetaPosterior,
    Interval,
    NormalPosterior,
    Prior,
    beta_posterior,
    normal_beats,
    normal_posterior,
    tail_of,
)

Floats = NDArray[np.float64]

#: Mass of a posterior left out at either end.
_NEGLIGIBLE = 1e-12
_TINY = np.finfo(float).tiny
_T = 0.06 * np.arange(-56, 57)
_POINTS = 1.0 / (1.0 + np.exp(-np.pi * np.sinh(_T)))  # on [0, 1]
_WEIGHTS = np.cosh(_T) * _POINTS * _POINTS[::-1]  # up to a constant


def probability_above(
    treatment: Sample,
    control: Sample,
    threshold: ArrayLike = 0.0,
    *,
    relative: bool = False,
    prior: Prior | None = None,
) -> Floats:
    """P(treatment - control > threshold), or P(treatment > (1 + threshold) control) if `relative`.

    Args:
        treatment: Arms of shape (...).
        control: Arms that broadcast with them, of the same metric.
        threshold: Difference that matters, in the metric's unit or as a share of control; may be negative.
        relative: Compare with a multiple of control.
        prior: Of both; see `beta_posterior`, `normal_posterior`.

    Raises:
        ParameterError: A relative threshold is not above -1, where nothing is left of control.

    Example:
        >>> probability_above(Proportion(1000, 120), Proportion(1000, 100), 0.1, relative=True).round(3)
        np.float64(0.75)
    """
    level = np.asarray(threshold, float)
    if not np.isfinite(level).all() or (relative and (level <= -1.0).any()):
        bound = "-1 < threshold < infinity" if relative else "finite"
        raise ParameterError("threshold", threshold, bound, "Use 0.1 for a gain of 10 %.")
    slope, shift = (1.0 + level, np.zeros_like(level)) if relative else (np.ones_like(level), level)
    if isinstance(treatment, Proportion) and isinstance(control, Proportion):
        return _above_line(beta_posterior(treatment, prior), beta_posterior(control, prior), slope, shift)
    first, second = normal_posterior(treatment, prior), normal_posterior(control, prior)
    return normal_beats(first.mean - slope * second.mean - shift, np.hypot(first.sd, slope * second.sd))


def difference_interval(
    treatment: Sample,
    control: Sample,
    *,
    confidence: float = 0.95,
    relative: bool = False,
    prior: Prior | None = None,
) -> Interval:
    """Equal-tailed credible interval of treatment - control, or of treatment / control - 1 if `relative`.

    For Normal posteriors the relative interval is Fieller's (1954); it is the whole line where control's own
    interval holds 0.

    Args:
        treatment: Arms of shape (...).
        control: Arms that broadcast with them, of the same metric.
        confidence: Posterior probability inside.
        relative: Ask for the difference as a share of control.
        prior: Of both; see `beta_posterior`, `normal_posterior`.
    """
    from scipy.special import ndtri

    tail = tail_of(confidence)
    if isinstance(treatment, Proportion) and isinstance(control, Proportion):
        return _beta_interval(
            beta_posterior(treatment, prior), beta_posterior(control, prior), tail, relative
        )
    first, second = normal_posterior(treatment, prior), normal_posterior(control, prior)
    z = -float(ndtri(tail))
    if relative:
        return _fieller(first, second, z)
    difference, margin = first.mean - second.mean, z * np.hypot(first.sd, second.sd)
    return Interval(difference - margin, difference + margin)


def _above_line(first: BetaPosterior, second: BetaPosterior, slope: Floats, shift: Floats) -> Floats:
    """P(x > slope y + shift) of independent Betas x and y, with slope > 0."""
    a, b, c, d, slope, shift = np.broadcast_arrays(*first, *second, slope, shift)
    # Exchange x and y where x is the narrower: the other's distribution function is smooth there.
    swap = _variance(a, b) < slope**2 * _variance(c, d)
    a, b, c, d = (np.where(swap, *pair) for pair in ((c, a), (d, b), (a, c), (b, d)))
    slope, shift = np.where(swap, 1.0 / slope, slope), np.where(swap, -shift / slope, shift)
    # Count from 1 where y lies near 1: numbers near 0 have more digits.
    turn = c > d
    a, b, c, d = (np.where(turn, *pair) for pair in ((b, a), (a, b), (d, c), (c, d)))
    shift = np.where(turn, 1.0 - slope - shift, shift)
    above = _above_line_of_narrow(a, b, c, d, slope, shift)
    return np.where(swap != turn, 1.0 - above, above)[()]


def _above_line_of_narrow(a: Floats, b: Floats, c: Floats, d: Floats, slope: Floats, shift: Floats) -> Floats:
    """As `_above_line`, where y is not wider than x and lies near 0."""
    from scipy.special import betainc, betaincc, betaincinv

    enters, leaves = (np.clip((edge - shift) / slope, 0.0, 1.0) for edge in (0.0, 1.0))
    low = np.maximum(enters, betaincinv(c, d, _NEGLIGIBLE))
    high = np.maximum(1.0 - low, 0.0)  # counted from 1, as a posterior may be dense there
    high = np.minimum(high, np.maximum(1.0 - leaves, betaincinv(d, c, _NEGLIGIBLE)))
    below, inside = betainc(c, d, low), betaincc(d, c, high)
    mean = c / (c + d)
    a, b, c, d, slope, shift, low, high, mean = (
        array[..., None] for array in (a, b, c, d, slope, shift, low, high, mean)
    )
    length = np.maximum(1.0 - high - low, 0.0)
    y, rest = (np.maximum(end + length * at, _TINY) for end, at in ((low, _POINTS), (high, _POINTS[::-1])))
    log_density = (c - 1.0) * np.log(y / mean) + (d - 1.0) * np.log(rest / (1.0 - mean))
    mass = np.exp(log_density) * _WEIGHTS
    beyond = betaincc(a, b, np.clip(slope * y + shift, 0.0, 1.0))
    share = ratio((mass * beyond).sum(axis=-1), mass.sum(axis=-1))
    return np.asarray(below + share * (inside - below))


def _variance(a: Floats, b: Floats) -> Floats:
    return a * b / ((a + b) ** 2 * (a + b + 1.0))


def _beta_interval(first: BetaPosterior, second: BetaPosterior, tail: float, relative: bool) -> Interval:
    """Roots of `_above_line`, bracketed by quantiles of both arms (the union bound)."""
    from scipy.optimize.elementwise import find_root
    from scipy.special import betaincinv

    low_x, high_x = (betaincinv(*first, share) for share in (0.5 * tail, 1.0 - 0.5 * tail))
    low_y, high_y = (betaincinv(*second, share) for share in (0.5 * tail, 1.0 - 0.5 * tail))
    if relative:
        bracket = np.log(low_x / high_y), np.log(high_x / low_y)
    else:
        bracket = low_x - high_y, high_x - low_y

    def exceedance(at: Floats, *arguments: Floats) -> Floats:
        target, a, b, c, d = arguments
        slope, shift = (np.exp(at), np.zeros_like(at)) if relative else (np.ones_like(at), at)
        return _above_line(BetaPosterior(a, b), BetaPosterior(c, d), slope, shift) - target

    ends = [
        find_root(
            exceedance,
            bracket,
            args=(target, *first, *second),
            tolerances={"xatol": 0.0, "xrtol": 1e-13, "fatol": 1e-10, "frtol": 0.0},
        ).x
        for target in (1.0 - tail, tail)
    ]
    return Interval(*(np.expm1(end) for end in ends)) if relative else Interval(*ends)


def _fieller(first: NormalPosterior, second: NormalPosterior, z: float) -> Interval:
    """Roots r of (first - r second)^2 = z^2 (variance of first + r^2 variance of second), less 1."""
    known = np.isfinite(first.sd) & (np.abs(second.mean) > z * second.sd)
    x, e = np.where(known, first.mean, 0.0), np.where(known, z * first.sd, 0.0)
    y, f = np.where(known, second.mean, 1.0), np.where(known, z * second.sd, 0.0)
    leading = y**2 - f**2
    middle = x * y / leading
    # x^2 y^2 - (x^2 - e^2)(y^2 - f^2), in terms that do not cancel
    margin = np.sqrt(e**2 * leading + x**2 * f**2) / leading
    low, high = middle - margin - 1.0, middle + margin - 1.0
    return Interval(np.where(known, low, -np.inf), np.where(known, high, np.inf))
