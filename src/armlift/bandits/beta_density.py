"""Densities of Beta distributions at many points in one pass of vector instructions."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from armlift.jit import jit, jit_reordering

Floats = NDArray[np.float64]

_LOG2_E, _LN_2 = 1.0 / math.log(2.0), math.log(2.0)
_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)
_NOTHING = -80.0  # log densities below are raised to it: nobody sees it, and 2^m stays a normal number


@jit
def _stirling(x: float) -> float:
    """Logarithm of the Gamma function for x >= 8; error below 1e-11."""
    r = 1.0 / x
    r2 = r * r
    series = r * (1.0 / 12.0 - r2 * (1.0 / 360.0 - r2 * (1.0 / 1260.0 - r2 * (1.0 / 1680.0))))
    return (x - 0.5) * math.log(x) - x + _HALF_LOG_TWO_PI + series


@jit
def _log_beta(a: float, b: float) -> float:
    """Logarithm of the Beta function, by way of arguments that are large enough for Stirling's series."""
    factor = 1.0  # B(a, b) = B(a + 1, b) (a + b) / a
    while a < 8.0:
        factor *= (a + b) / a
        a += 1.0
    while b < 8.0:
        factor *= (a + b) / b
        b += 1.0
    log_beta = _stirling(a) + _stirling(b) - _stirling(a + b)
    return log_beta if factor == 1.0 else log_beta + math.log(factor)


@jit_reordering
def _fill(row: Floats, logs: Floats, a: float, b: float, log_norm: float, count: int) -> None:
    for n in range(count):  # exp as 2^m e^r, because a call of `exp` would not be vectorised
        exponent = max(a * logs[0, n] + b * logs[1, n] + logs[2, n] - log_norm, _NOTHING)
        m = int(exponent * _LOG2_E + 1024.5) - 1024
        r = exponent - m * _LN_2
        high = 1.0 / 120.0 + r * (1.0 / 720.0 + r * (1.0 / 5040.0 + r * (1.0 / 40320.0)))
        series = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * high))))
        row[n] = series * np.int64((m + 1023) << 52).view(np.float64)


@jit
def fill_density(row: Floats, logs: Floats, a: float, b: float, count: int) -> None:
    """Write exp(a log x + b log(1 - x) + c) / B(a, b) for the first `count` points; relative error 1e-9.

    Args:
        row: Receives the values, shape (N,).
        logs: At each point log x, log(1 - x) and c, shape (3, N).
        a: First parameter.
        b: Second parameter.
        count: Number of points, at most N.
    """
    _fill(row, logs, a, b, _log_beta(a, b), count)
