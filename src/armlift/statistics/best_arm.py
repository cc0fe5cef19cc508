"""The probability that each arm is the best, by quadrature.

P(arm k is best) is the integral of its density times the other arms' distribution functions. Beta posteriors
are integrated on the logit scale, where the density is smooth and log-concave on the whole line for any
a, b > 0. The line is halved into panels until each is narrow for every arm that varies in it; densities are
evaluated at Gauss-Legendre nodes, and the distribution functions are their running integrals, so that one
set of evaluations serves all arms. `docs/statistics.md` states the error.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from armlift.jit import jit, jit_allocating
from armlift.statistics.two_betas import log_beta_excess

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_NODES = 8
_MAX_PANELS = 4096
#: Log density, relative to its maximum, below which an arm has no mass worth integrating.
_NEGLIGIBLE = -28.0
#: Widest panel in standard deviations of the narrowest arm that varies in it.
_PANEL_WIDTH = 2.0
#: Widest panel where a Beta's log density bends, which it does within a few units however wide it is.
_BEND_WIDTH = 2.0


def collocation(nodes: int) -> tuple[Floats, Floats, Floats]:
    """Gauss-Legendre nodes and weights on [0, 1], and the running-integral matrix at the nodes."""
    points, weights = np.polynomial.legendre.leggauss(nodes)
    vandermonde = np.polynomial.legendre.legvander(points, nodes - 1)
    antiderivatives = np.stack(
        [
            np.polynomial.legendre.legval(points, np.polynomial.legendre.legint(unit, lbnd=-1))
            for unit in np.eye(nodes)
        ],
        axis=1,
    )
    running = antiderivatives @ np.linalg.inv(vandermonde)
    return (points + 1.0) / 2.0, weights / 2.0, running / 2.0


_POINTS, _WEIGHTS, _RUNNING = collocation(_NODES)


@jit
def _log_sigmoids(z: float) -> tuple[float, float]:
    """Logarithms of x and 1 - x at logit z."""
    if z > 0.0:
        tail = math.log1p(math.exp(-z))
        return -tail, -z - tail
    tail = math.log1p(math.exp(z))
    return z - tail, -tail


@jit
def _log_density(is_beta: bool, z: float, first: float, second: float) -> float:
    """Log density up to a constant: Beta(first, second) at logit z, or Normal(first, sd second) at z."""
    if is_beta:
        success, failure = _log_sigmoids(z)
        return first * success + second * failure
    return -0.5 * ((z - first) / second) ** 2


@jit
def _log_norm(is_beta: bool, first: float, second: float) -> float:
    if is_beta:  # log Beta(first, second), whose largest terms cancel with those of the density's peak
        peak = _log_density(True, math.log(first / second), first, second)
        return (
            peak
            + 0.5 * math.log(2.0 * math.pi * (1.0 / first + 1.0 / second))
            + log_beta_excess(first, second)
        )
    return math.log(second) + 0.5 * math.log(2.0 * math.pi)


@jit
def _limit(is_beta: bool, first: float, second: float, centre: float, spread: float, side: float) -> float:
    """Where the log density has fallen by `_NEGLIGIBLE` on one side (side = -1 or 1) of its centre."""
    top = _log_density(is_beta, centre, first, second)
    step = 4.0 * spread
    while _log_density(is_beta, centre + side * step, first, second) - top > _NEGLIGIBLE:
        step *= 1.3
    return centre + side * step


@jit_allocating
def best_arm_probabilities(is_beta: bool, first: Floats, second: Floats, out: Floats) -> float:
    """Write P(arm is best) of one set of arms into `out`, and return E[largest value] - largest mean.

    Args:
        is_beta: Beta(first, second) posteriors; otherwise Normal(mean first, standard deviation second).
        first: First parameters, shape (K,).
        second: Second parameters, shape (K,).
        out: Result, shape (K,); sums to 1.
    """
    n_arms = first.shape[0]
    lower, upper, spread = np.empty(n_arms), np.empty(n_arms), np.empty(n_arms)
    log_norms = np.empty(n_arms)
    for k in range(n_arms):
        centre = math.log(first[k] / second[k]) if is_beta else first[k]
        spread[k] = math.sqrt(1.0 / first[k] + 1.0 / second[k]) if is_beta else second[k]
        lower[k] = _limit(is_beta, first[k], second[k], centre, spread[k], -1.0)
        upper[k] = _limit(is_beta, first[k], second[k], centre, spread[k], 1.0)
        log_norms[k] = _log_norm(is_beta, first[k], second[k])
    low, high = lower.max(), upper.max()  # below `low` one arm is surely above: nothing is best there
    # Between these logits b log(1 - x) and a log(x) bend; further out the log densities are straight lines.
    bend_low = -math.log(max(second.max(), 1.0)) if is_beta else 0.0
    bend_high = math.log(max(first.max(), 1.0)) if is_beta else 0.0

    starts, widths = np.empty(_MAX_PANELS), np.empty(_MAX_PANELS)
    stack_start, stack_width = np.empty(128), np.empty(128)
    stack_start[0], stack_width[0], depth, n_panels = low, high - low, 1, 0
    while depth > 0:
        depth -= 1
        start, width = stack_start[depth], stack_width[depth]
        narrowest = np.inf
        for k in range(n_arms):
            if lower[k] < start + width and upper[k] > start:
                narrowest = min(narrowest, spread[k])
        widest = _PANEL_WIDTH * narrowest
        if is_beta:
            widest = min(widest, _BEND_WIDTH + max(start - bend_high, bend_low - start - width, 0.0))
        if width > widest and n_panels + depth + 2 < _MAX_PANELS and depth < 126:
            half = 0.5 * width
            stack_start[depth], stack_width[depth] = start + half, half
            stack_start[depth + 1], stack_width[depth + 1] = start, half
            depth += 2
        else:
            starts[n_panels], widths[n_panels] = start, width
            n_panels += 1

    largest_mean = (first / (first + second)).max() if is_beta else first.max()
    values = np.empty((n_panels, _NODES))  # above the largest mean
    densities = np.zeros((n_panels, n_arms, _NODES))
    masses = np.zeros((n_panels, n_arms))
    below = np.ones(n_arms)  # distribution function at the panel's start, from the mass above `low`
    success, failure = np.empty(_NODES), np.empty(_NODES)
    for p in range(n_panels):
        for i in range(_NODES):
            z = starts[p] + widths[p] * _POINTS[i]
            success[i], failure[i] = _log_sigmoids(z) if is_beta else (z, 0.0)
            values[p, i] = (math.exp(success[i]) if is_beta else z) - largest_mean
        for k in range(n_arms):
            if lower[k] < starts[p] + widths[p] and upper[k] > starts[p]:
                for i in range(_NODES):
                    if is_beta:
                        exponent = first[k] * success[i] + second[k] * failure[i]
                    else:
                        exponent = -0.5 * ((success[i] - first[k]) / second[k]) ** 2
                    densities[p, k, i] = widths[p] * math.exp(exponent - log_norms[k])
                    masses[p, k] += _WEIGHTS[i] * densities[p, k, i]
                below[k] -= masses[p, k]
    for k in range(n_arms):
        below[k] = max(below[k], 0.0)

    out[:] = 0.0
    excess = 0.0
    inside = np.empty((n_arms, _NODES))
    above = np.empty(n_arms)
    for p in range(n_panels):
        for k in range(n_arms):
            inside[k, :] = below[k]
            if masses[p, k] > 0.0:
                for i in range(_NODES):
                    for j in range(_NODES):
                        inside[k, i] += _RUNNING[i, j] * densities[p, k, j]
            below[k] += masses[p, k]
        for i in range(_NODES):
            product = 1.0
            for k in range(n_arms - 1, -1, -1):
                above[k] = product
                product *= inside[k, i]
            product = _WEIGHTS[i]
            for k in range(n_arms):
                share = densities[p, k, i] * product * above[k]
                out[k] += share
                excess += share * values[p, i]
                product *= inside[k, i]
    total = 0.0
    for k in range(n_arms):
        out[k] = max(out[k], 0.0)
        total += out[k]
    out /= total
    return max(excess / total, 0.0)


@jit_allocating
def _all_rows(is_beta: bool, first: Floats, second: Floats) -> tuple[Floats, Floats]:
    out, excess = np.empty_like(first), np.empty(first.shape[0])
    for row in range(first.shape[0]):
        excess[row] = best_arm_probabilities(is_beta, first[row], second[row], out[row])
    return out, excess


def probability_best_beta(a: Floats, b: Floats) -> Floats:
    """P(arm is best) under independent Beta posteriors.

    Args:
        a: First parameters, shape (..., K), above 0.
        b: Second parameters, the same shape.

    Returns:
        Probabilities, shape (..., K); each row sums to 1.

    Example:
        >>> probability_best_beta(np.array([2.0, 1.0]), np.array([1.0, 1.0])).round(4)
        array([0.6667, 0.3333])
    """
    return best_of_rows(True, a, b)[0]


def probability_best_normal(mean: Floats, sd: Floats) -> Floats:
    """P(arm is best) under independent Normal posteriors.

    Args:
        mean: Posterior means, shape (..., K).
        sd: Posterior standard deviations, above 0, the same shape.

    Returns:
        Probabilities, shape (..., K); each row sums to 1.
    """
    return best_of_rows(False, mean, sd)[0]


def best_of_rows(is_beta: bool, first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """P(arm is best), shape (..., K), and E[largest value] - largest mean, shape (...)."""
    first, second = np.broadcast_arrays(np.asarray(first, float), np.asarray(second, float))
    n_arms = first.shape[-1]
    rows = np.ascontiguousarray(first.reshape(-1, n_arms)), np.ascontiguousarray(second.reshape(-1, n_arms))
    probabilities, excess = _all_rows(is_beta, *rows)
    return probabilities.reshape(first.shape), excess.reshape(first.shape[:-1])
