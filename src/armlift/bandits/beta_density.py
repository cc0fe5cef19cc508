"""Logarithms, Beta functions and Beta densities at many points in one pass of vector instructions.

A call of `log` or `exp` would keep a loop from being vectorised, so both are written out.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from armlift.jit import jit_fusing, jit_inlined

Floats = NDArray[np.float64]

_LN_2 = math.log(2.0)
_LN_2_HIGH, _LN_2_LOW = (
    6.93147180369123816490e-01,
    1.90821492927058770002e-10,
)  # the high part has trailing zeros
_SQRT_HALF_BITS = int(np.float64(math.sqrt(0.5)).view(np.int64))
_ROUND = 1.5 * 2.0**52  # added to a number, it leaves the nearest whole one in the low bits
_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)
_NOTHING = -80.0  # log densities below are raised to it: nobody sees it, and 2^m stays a normal number


@jit_inlined
def log(x: float) -> float:
    """Natural logarithm of a normal number above 0, to 5e-16 of its value.

    x = 2^e m with m between sqrt(1/2) and sqrt(2), and log m = 2 artanh s with s = (m - 1) / (m + 1).
    """
    bits = np.float64(x).view(np.int64)
    e = (bits - _SQRT_HALF_BITS) >> 52
    m = np.int64(bits - (e << 52)).view(np.float64)
    s, k = (m - 1.0) / (m + 1.0), float(e)
    z = s * s
    tail = 2.0 / 13.0 + z * (2.0 / 15.0 + z * (2.0 / 17.0 + z * (2.0 / 19.0 + z * (2.0 / 21.0))))
    series = z * (
        2.0 / 3.0 + z * (2.0 / 5.0 + z * (2.0 / 7.0 + z * (2.0 / 9.0 + z * (2.0 / 11.0 + z * tail))))
    )
    return k * _LN_2_HIGH + (2.0 * s + (s * series + k * _LN_2_LOW))


@jit_inlined
def sine(x: float) -> float:
    """Sine of x in [0, pi / 2], by its power series, to 1e-15 of its value."""
    z = x * x
    tail = 1.0 - z / 156.0 * (1.0 - z / 210.0 * (1.0 - z / 272.0 * (1.0 - z / 342.0 * (1.0 - z / 420.0))))
    head = 1.0 - z / 42.0 * (1.0 - z / 72.0 * (1.0 - z / 110.0 * tail))
    return x * (1.0 - z / 6.0 * (1.0 - z / 20.0 * head))


@jit_inlined
def _stirling(x: float) -> float:
    """Logarithm of the Gamma function for x >= 8; error below 1e-11."""
    r = 1.0 / x
    r2 = r * r
    series = r * (1.0 / 12.0 - r2 * (1.0 / 360.0 - r2 * (1.0 / 1260.0 - r2 * (1.0 / 1680.0))))
    return (x - 0.5) * log(x) - x + _HALF_LOG_TWO_PI + series


@jit_inlined
def _rising(x: float) -> float:
    """Γ(x + 8) / Γ(x)."""
    return (x * (x + 7.0)) * ((x + 1.0) * (x + 6.0)) * ((x + 2.0) * (x + 5.0)) * ((x + 3.0) * (x + 4.0))


@jit_inlined
def log_beta(a: float, b: float) -> float:
    """Logarithm of the Beta function for a, b below 1e16, from arguments that suit Stirling's series."""
    size = a + b
    factor = (_rising(size) / _rising(a)) * (_rising(size + 8.0) / _rising(b))
    return _stirling(a + 8.0) + _stirling(b + 8.0) - _stirling(size + 16.0) + log(factor)


@jit_fusing
def fill_log_beta(a: Floats, b: Floats, out: Floats) -> None:
    """Write `log_beta` of each pair into `out`."""
    for k in range(a.shape[0]):
        out[k] = log_beta(a[k], b[k])


@jit_fusing
def fill_density(row: Floats, logs: Floats, a: float, b: float, log_norm: float, count: int) -> None:
    """Write exp(a log x + b log(1 - x) + c) / B(a, b) for the first `count` points; relative error 1e-9.

    Args:
        row: Receives the values, shape (N,).
        logs: At each point log x, log(1 - x) and c, shape (3, N).
        a: First parameter.
        b: Second parameter.
        log_norm: `log_beta(a, b)`.
        count: Number of points, at most N.
    """
    for n in range(count):  # exp as 2^m e^r
        exponent = max(a * logs[0, n] + b * logs[1, n] + logs[2, n] - log_norm, _NOTHING)
        rounded = exponent * (1.0 / _LN_2) + _ROUND
        r = exponent - (rounded - _ROUND) * _LN_2
        high = 1.0 / 120.0 + r * (1.0 / 720.0 + r * (1.0 / 5040.0 + r * (1.0 / 40320.0)))
        series = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * high))))
        row[n] = series * np.int64((np.float64(rounded).view(np.int64) + 1023) << 52).view(np.float64)
