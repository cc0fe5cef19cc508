"""Bounds that a standardised Brownian motion crosses with given probabilities, look by look.

The density of the process among the paths that have crossed no bound is carried from look to look by
quadrature (Armitage, McPherson and Rowe, 1969; Jennison and Turnbull, 2000, chapter 19). Gauss-Legendre
nodes stand closer than the density's scale, so the error of a bound is far below 1e-6.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_REACH = 8.0  # standard deviations a bound can reach
_BELOW = 5.5  # standard deviations on the open side beyond which paths are left out: 2e-8 of them
_LEAST = 1e-15  # a look that may spend less than this has no bound
_HALVINGS = 52
_DENSITY = 1.0 / np.sqrt(2.0 * np.pi)


def spending_bounds(fractions: Floats, spent: Floats, *, two_sided: bool) -> Floats:
    """Critical values of the standardised statistic.

    Args:
        fractions: Share of the information at each look, rising to 1 or less, shape (L,).
        spent: Probability, under no effect, of having crossed up to each look, shape (A, L): A plans at once.
        two_sided: Whether either sign crosses.

    Returns:
        Bounds of shape (A, L), `inf` where a look has nothing to spend.
    """
    bounds = np.full(spent.shape, np.inf)
    steps = np.diff(fractions, prepend=0.0)
    crossed = np.zeros(len(spent))
    paths, mass = np.zeros((len(spent), 1)), np.ones((len(spent), 1))
    for look, (fraction, step) in enumerate(zip(fractions, steps, strict=True)):
        scale, spread = np.sqrt(fraction), np.sqrt(step)
        due = spent[:, look] - crossed
        open_now = due > _LEAST
        found = _crossing_at(np.where(open_now, due, 0.5), paths, mass, scale, spread, two_sided)
        bounds[:, look] = np.where(open_now, found, np.inf)
        crossed += np.where(open_now, due, 0.0)
        if look + 1 < len(fractions):
            high = np.minimum(bounds[:, look], _REACH) * scale
            low = -high if two_sided else np.full_like(high, -_BELOW * scale)
            detail = 1.0 / np.hypot(1.0 / spread, 1.0 / np.sqrt(steps[look + 1]))
            nodes, weights = _nodes(low, high, detail)
            deviates = (nodes[:, :, None] - paths[:, None, :]) / spread
            kernel = np.exp(-0.5 * deviates * deviates)
            paths, mass = nodes, weights * (kernel @ mass[:, :, None])[:, :, 0] * (_DENSITY / spread)
    return bounds


def _crossing_at(
    due: Floats, paths: Floats, mass: Floats, scale: float, spread: float, two_sided: bool
) -> Floats:
    """Bounds that paths, of given masses at the look before, cross with probability `due`; by bisection."""
    from scipy.special import ndtr

    low: Floats = np.full(len(due), 0.0 if two_sided else -_REACH)
    high: Floats = np.full(len(due), _REACH)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        edge = (middle * scale)[:, None]
        beyond: Floats = ndtr((paths - edge) / spread)
        if two_sided:
            beyond = beyond + ndtr((-edge - paths) / spread)
        too_low = np.einsum("am,am->a", beyond, mass) > due
        low, high = np.where(too_low, middle, low), np.where(too_low, high, middle)
    return 0.5 * (low + high)


def _nodes(low: Floats, high: Floats, detail: float) -> tuple[Floats, Floats]:
    """Gauss-Legendre nodes and weights on each plan's interval, at most `detail` apart."""
    half = 0.5 * (high - low)
    nodes, weights = _gauss_legendre(16 + 16 * int(np.ceil(np.pi * half.max() / detail / 16.0)))
    return 0.5 * (low + high)[:, None] + half[:, None] * nodes, half[:, None] * weights


@lru_cache(maxsize=128)
def _gauss_legendre(count: int) -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return np.asarray(nodes, float), np.asarray(weights, float)
