"""The probability that one Beta variable exceeds another, at the price of a few dozen elementary functions.

The logit of Beta(a, b) is a difference of logarithms of Gamma variables, with characteristic function
Gamma(a + it) Gamma(b - it) / (Gamma(a) Gamma(b)). The difference D of two logits therefore has one in closed
form, and P(D > 0) is an integral over it (Gil-Pelaez, 1951). By the midpoint rule of step 2 pi / R that
integral misses nothing but the mass beyond |D| > R (Davies, 1973), so a bound on the tails of D is all that
is needed: D is sub-gamma (Boucheron, Lugosi and Massart, 2013, section 2.4), its variance the sum of the four
trigammas and its scale the inverse of the smallest parameter that makes the tail.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from armlift.jit import jit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

#: exp(-26) = 5e-12 is the mass that may be neglected in a tail.
_TAIL = 26.0
#: Characteristic functions are neglected below this, relative to their value 1 at 0.
_NEGLIGIBLE = 1e-12
#: Stirling's series is used from here on; with five terms its error is below 1e-12.
_LARGE = 7.0


@jit
def _stirling_remainder(z: complex) -> complex:
    """What log Gamma(z) exceeds (z - 1/2) log z - z + log(2 pi) / 2 by; |z| >= 7 for 12 digits."""
    inverse = 1.0 / z
    square = inverse * inverse
    series = 1.0 / 1260.0 - square * (1.0 / 1680.0 - square / 1188.0)
    return inverse * (1.0 / 12.0 - square * (1.0 / 360.0 - square * series))


@jit
def _log_gamma_excess(a: float) -> float:
    """As `_stirling_remainder`, for any a > 0."""
    if a >= _LARGE:
        return _stirling_remainder(complex(a, 0.0)).real
    return math.lgamma(a) - (a - 0.5) * math.log(a) + a - 0.5 * math.log(2.0 * math.pi)


@jit
def log_beta_excess(a: float, b: float) -> float:
    """Logarithm of the Beta function over its approximation by Stirling's formula."""
    return _log_gamma_excess(a) + _log_gamma_excess(b) - _log_gamma_excess(a + b)


@jit
def _gamma_ratio(a: float, t: float) -> tuple[complex, float, float]:
    """Gamma(a + it) / Gamma(a) as a divisor, and the logarithm and the phase of the dividend.

    The phase lacks t log(a): the caller adds it for all arms at once, where it all but cancels.
    """
    divisor = complex(1.0, 0.0)
    shifted = a
    while shifted < _LARGE:
        divisor *= complex(1.0, t / shifted)
        shifted += 1.0
    slope = t / shifted
    angle, growth = math.atan(slope), 0.5 * math.log1p(slope * slope)
    rest = _stirling_remainder(complex(shifted, t)) - _stirling_remainder(complex(shifted, 0.0))
    real = (shifted - 0.5) * growth - t * angle + rest.real
    phase = t * growth + (shifted - 0.5) * angle - t + rest.imag
    return divisor, real, phase + t * math.log(shifted / a)


@jit
def _reach(a: float, b: float, c: float, d: float) -> float:
    """A bound that logit Beta(a, b) - logit Beta(c, d) exceeds with probability below exp(-_TAIL)."""
    mean = math.log(a / b) + math.log(d / c) - 0.5 / a + 1.0 / b + 1.0 / c - 0.5 / d
    inverse = 1.0 / a + 1.0 / b + 1.0 / c + 1.0 / d
    squares = 1.0 / (a * a) + 1.0 / (b * b) + 1.0 / (c * c) + 1.0 / (d * d)
    return mean + math.sqrt(2.0 * _TAIL * (inverse + squares)) + _TAIL / min(b, c)


@jit
def beta_exceeds(a: float, b: float, c: float, d: float) -> float:
    """P(Beta(a, b) > Beta(c, d)) of independent variables; below 0.01 a parameter takes long."""
    above, below = _reach(a, b, c, d), _reach(c, d, a, b)
    if above <= 0.0:
        return 0.0
    if below <= 0.0:
        return 1.0
    step = 2.0 * math.pi / max(above, below)
    centre = math.log(a / b) + math.log(d / c)
    total, t = 0.5, 0.5 * step
    while True:
        divisor_a, log_a, phase_a = _gamma_ratio(a, t)
        divisor_b, log_b, phase_b = _gamma_ratio(b, t)
        divisor_c, log_c, phase_c = _gamma_ratio(c, t)
        divisor_d, log_d, phase_d = _gamma_ratio(d, t)
        divisor = divisor_a * divisor_d * (divisor_b * divisor_c).conjugate()
        size = abs(divisor)
        modulus = math.exp(log_a + log_b + log_c + log_d) / size
        phase = t * centre + phase_a - phase_b - phase_c + phase_d
        wave = (math.sin(phase) * divisor.real - math.cos(phase) * divisor.imag) / size
        total += step * modulus * wave / (math.pi * t)
        if not modulus >= _NEGLIGIBLE:  # ends on NaN, too
            return min(max(total, 0.0), 1.0)
        t += step


@jit
def fill_beta_exceeds(a: Floats, b: Floats, c: Floats, d: Floats, out: Floats) -> None:
    """Write `beta_exceeds` of flat arrays into `out`."""
    for i in range(out.size):
        out[i] = beta_exceeds(a[i], b[i], c[i], d[i])
