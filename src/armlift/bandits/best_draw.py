"""Which arm has the largest draw from its Beta posterior, mostly without drawing.

Thompson sampling plays the arm with the largest posterior draw. A table keeps each arm's distribution
function F at a few dozen pivots. The product of the F's is the distribution of the largest draw, so one
uniform number tells between which pivots that draw lies and which arm is the first to lie there; values are
drawn only when a second arm lies between the same pivots. One reward changes F by a term that has a
recurrence of its own (Abramowitz and Stegun, 1964, 26.5.15 and 26.5.16), with g = x^a (1-x)^b / B(a, b):

    F(x; a + 1, b) = F(x; a, b) - g / a        F(x; a, b + 1) = F(x; a, b) + g / b

so the table follows the posterior in a handful of vector operations. The choice has the distribution of K
draws and an argmax; the table's error is that of its quadrature, about 1e-8 (tested).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from armlift.bandits.beta_density import fill_density, log_beta
from armlift.bandits.draws import beta, gamma_scale, uniform
from armlift.bandits.kernels import log_beta_function
from armlift.jit import jit, jit_allocating, jit_inlined

Floats = NDArray[np.float64]

#: Pivots, of which the first is 0 and the last is 1.
PIVOTS = 32
_FINE = 25  # pivots where the largest draw usually lies; the others reach into the upper tail
#: Smaller terms are dropped: they change nothing, and denormal numbers are slow.
_TINY = 1e-100
#: Least value of a distribution function at an inner pivot, so that products can follow ratios.
_LEAST = 1e-13
#: Values drawn before the pivots are placed anew.
_PATIENCE = 300
#: Widest stretch, in standard deviations, that three Gauss-Legendre points integrate to 1e-8.
_STRETCH = 0.28
_NODES = 3
_POINTS = (np.polynomial.legendre.leggauss(_NODES)[0] + 1.0) / 2.0
_WEIGHTS = np.polynomial.legendre.leggauss(_NODES)[1] / 2.0
#: Changes that are dropped when the pivots are placed.
_NEGLIGIBLE = 1e-30


class BestDrawTable(NamedTuple):
    """The table of one replicate; K arms, P pivots.

    Attributes:
        a: Beta parameters by arm, shape (K,); at least 1.
        b: See `a`.
        pivots: Ascending from 0 to 1, shape (P,).
        below: Distribution function of each arm at each pivot, shape (K, P).
        change: g of each arm at each pivot, shape (K, P).
        largest: Distribution function of the largest draw at each pivot, shape (P,).
        drawn: Number of values drawn since the pivots were placed, shape (1,).
        mean: Mean of each arm when the pivots were placed, shape (K,).
        sd: Standard deviation then, shape (K,).
        logs: What `fill_density` needs at the pivots and then at the nodes between, shape (3, 4 P).
        values: What it returns for one arm, shape (4 P,).
    """

    a: Floats
    b: Floats
    pivots: Floats
    below: Floats
    change: Floats
    largest: Floats
    drawn: NDArray[np.int64]
    mean: Floats
    sd: Floats
    logs: Floats
    values: Floats


@jit_allocating
def empty_table(n_arms: int) -> BestDrawTable:
    """A table whose pivots are still to be placed."""
    return BestDrawTable(
        np.ones(n_arms),
        np.ones(n_arms),
        np.zeros(PIVOTS),
        np.zeros((n_arms, PIVOTS)),
        np.zeros((n_arms, PIVOTS)),
        np.zeros(PIVOTS),
        np.zeros(1, dtype=np.int64),
        np.ones(n_arms),
        np.ones(n_arms),
        np.zeros((3, PIVOTS * (1 + _NODES))),
        np.zeros(PIVOTS * (1 + _NODES)),
    )


@jit
def _log_density(x: float, a: float, b: float) -> float:
    """Log density of Beta(a, b) up to its constant."""
    return (a - 1.0) * math.log(x) + (b - 1.0) * math.log1p(-x)


@jit
def _spread(a: float, b: float) -> tuple[float, float]:
    """Mean and standard deviation of Beta(a, b)."""
    mean = a / (a + b)
    return mean, math.sqrt(mean * (1.0 - mean) / (a + b + 1.0))


@jit
def _rough_quantile(table: BestDrawTable, level: float, low: float, high: float) -> float:
    """About where the largest draw's distribution function passes `level`, by logistic approximations."""
    for _ in range(9):
        x = 0.5 * (low + high)
        odds = level
        for k in range(table.a.shape[0]):
            odds *= 1.0 + math.exp(min(-1.702 * (x - table.mean[k]) / table.sd[k], 60.0))
            if odds > 1.0:
                break
        if odds > 1.0:
            low = x
        else:
            high = x
    return 0.5 * (low + high)


@jit
def _place(table: BestDrawTable) -> None:
    """Choose the pivots, and note the logarithms that fill the rows."""
    low, high = 0.0, 0.0
    for k in range(table.a.shape[0]):
        mean, sd = _spread(table.a[k], table.b[k])
        low, high = max(low, mean - 4.0 * sd), max(high, mean + 5.0 * sd)
        table.mean[k], table.sd[k] = mean, sd
    high = min(high, 1.0)
    low = _rough_quantile(table, 0.003, low, high)
    middle = _rough_quantile(table, 0.985, low, high)
    middle = min(middle, low + 0.92 * (1.0 - low))  # a power of 1 - x, seen from near 1, is not a polynomial
    high = _rough_quantile(table, 0.9999, middle, high)
    high = min(high, middle + 0.8 * (1.0 - middle))
    pivots, logs, end = table.pivots, table.logs, PIVOTS - 1
    pivots[0], pivots[end] = 0.0, 1.0
    for p in range(1, end):
        if p <= _FINE:
            pivots[p] = low + (middle - low) * (p - 1) / (_FINE - 1)
        else:
            pivots[p] = middle + (high - middle) * (p - _FINE) / (end - 1 - _FINE)
        logs[0, p], logs[1, p] = math.log(pivots[p]), math.log1p(-pivots[p])
    for p in range(1, end - 1):
        width = pivots[p + 1] - pivots[p]
        for i in range(_NODES):
            x, place = pivots[p] + width * _POINTS[i], PIVOTS * (1 + i) + p
            logs[0, place], logs[1, place] = math.log(x), math.log1p(-x)
            logs[2, place] = math.log(width * _WEIGHTS[i]) - logs[0, place] - logs[1, place]


@jit
def _mass(low: float, high: float, a: float, b: float, log_norm: float, sd: float) -> float:
    """P(low < Y < high) for Y ~ Beta(a, b)."""
    pieces = int((high - low) / (_STRETCH * sd)) + 1
    width = (high - low) / pieces
    mass = 0.0
    for piece in range(pieces):
        start = low + piece * width
        for i in range(_NODES):
            mass += _WEIGHTS[i] * math.exp(_log_density(start + width * _POINTS[i], a, b) - log_norm)
    return mass * width


@jit
def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete Beta function (Abramowitz and Stegun, 26.5.8), by Lentz."""
    c, d = 1.0, 1.0 / (1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a - 1.0 + 2.0 * m) * (a + 2.0 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 1.0 + 2.0 * m))
        d, c = 1.0 / (1.0 + even * d), 1.0 + even / c
        value *= c * d
        d, c = 1.0 / (1.0 + odd * d), 1.0 + odd / c
        value *= c * d
        if abs(c * d - 1.0) < 1e-12:
            break
    return value


@jit
def _mass_beyond(x: float, a: float, b: float, g: float) -> float:
    """P(Y > x) for Y ~ Beta(a, b), with g = x^a (1-x)^b / B(a, b)."""
    if g < _TINY:
        return 0.0 if x > a / (a + b) else 1.0
    if x > (a + 1.0) / (a + b + 2.0):
        return g / b * _fraction(1.0 - x, b, a)
    return 1.0 - g / a * _fraction(x, a, b)


@jit
def _fill_row(table: BestDrawTable, k: int) -> None:
    """Integrate the density of one arm between the pivots, from above."""
    pivots, values, end = table.pivots, table.values, PIVOTS - 1
    below, change, a, b, sd = table.below[k], table.change[k], table.a[k], table.b[k], table.sd[k]
    fill_density(values, table.logs, a, b, log_beta(a, b), values.shape[0])
    for p in range(1, end):
        change[p] = values[p] if values[p] > _NEGLIGIBLE else 0.0
    below[0], change[0], below[end], change[end] = 0.0, 0.0, 1.0, 0.0
    above = _mass_beyond(pivots[end - 1], a, b, change[end - 1])
    log_norm = math.nan
    for p in range(end - 1, 0, -1):
        if p < end - 1 and pivots[p + 1] - pivots[p] > _STRETCH * sd:
            if math.isnan(log_norm):
                log_norm = log_beta_function(a, b)
            above += _mass(pivots[p], pivots[p + 1], a, b, log_norm, sd)
        elif p < end - 1:
            above += values[PIVOTS + p] + values[2 * PIVOTS + p] + values[3 * PIVOTS + p]
        below[p] = max(1.0 - above, _LEAST)


@jit
def place_pivots(table: BestDrawTable) -> None:
    """Put the pivots where the largest draw is likely to lie, and fill the table there."""
    _place(table)
    for k in range(table.a.shape[0]):
        _fill_row(table, k)
    for p in range(PIVOTS):
        table.largest[p] = 1.0
        for k in range(table.a.shape[0]):
            table.largest[p] *= table.below[k, p]
    table.drawn[0] = 0


@jit_inlined
def add_reward(table: BestDrawTable, arm: int, success: bool) -> None:
    """Follow the posterior of one arm through one reward."""
    a, b = table.a[arm], table.b[arm]
    step = 1.0 / (a if success else b)
    growth = (a + b) * step
    if success:
        table.a[arm], step, constant, slope = a + 1.0, -step, 0.0, growth
    else:
        table.b[arm], constant, slope = b + 1.0, growth, -growth
    for p in range(1, table.pivots.shape[0]):  # a constant bound would be unrolled instead of vectorised
        g, before = table.change[arm, p], table.below[arm, p]
        after = max(before + step * g, _LEAST)
        table.below[arm, p] = after
        table.largest[p] *= after / before
        g *= constant + slope * table.pivots[p]
        table.change[arm, p] = g if g > _TINY else 0.0


@jit
def _tangent_draw(stream: NDArray[np.uint64], a: float, b: float, low: float, high: float) -> float:
    """Beta(a, b) given low < Y < high, whose mode is at most `low`: rejection from the tangent at `low`."""
    slope = (b - 1.0) / (1.0 - low) - (a - 1.0) / low if low > 0.0 else 0.0
    base = _log_density(low, a, b) if low > 0.0 else 0.0
    width = high - low
    covered = -math.expm1(-slope * width)
    while True:
        u = uniform(stream)
        step = -math.log1p(-u * covered) / slope if slope * width > 1e-6 else u * width
        y = low + step
        if 0.0 < y < 1.0 and math.log(uniform(stream)) < _log_density(y, a, b) - base + slope * step:
            return y


@jit
def _draw_between(
    stream: NDArray[np.uint64], a: float, b: float, low: float, high: float, mass: float
) -> float:
    """A draw of Beta(a, b) given low < Y < high, an event of probability `mass`."""
    if mass > 0.5 or (mass > 0.1 and (low == 0.0 or high == 1.0)):
        scale_a, scale_b = gamma_scale(a), gamma_scale(b)
        while True:
            y = beta(stream, a, b, scale_a, scale_b)
            if low < y < high:
                return y
    mode = (a - 1.0) / (a + b - 2.0) if a + b > 2.0 else 0.5
    if mode <= low:
        return _tangent_draw(stream, a, b, low, high)
    if mode >= high:
        return 1.0 - _tangent_draw(stream, b, a, 1.0 - high, 1.0 - low)
    peak = _log_density(mode, a, b)
    while True:
        y = low + (high - low) * uniform(stream)
        if math.log(uniform(stream)) < _log_density(y, a, b) - peak:
            return y


@jit_inlined
def best_draw(stream: NDArray[np.uint64], table: BestDrawTable) -> int:
    """The arm with the largest posterior draw."""
    n_arms, largest = table.a.shape[0], table.largest
    u = uniform(stream)
    lower = 0
    for p in range(1, largest.shape[0]):  # counting them all is faster than the steps of a search
        lower += largest[p] <= u
    lower_mass, upper_mass = largest[lower], largest[lower + 1]
    # Of the arms whose draws lie in the cell, the first in order has index k with probability
    # G[k-1] - G[k], where G[k] multiplies the lower F's up to k and the upper F's beyond.
    arm, to_lower, to_upper = 0, 1.0, 1.0
    for k in range(n_arms):
        to_lower *= table.below[k, lower]
        to_upper *= table.below[k, lower + 1]
        arm = k
        if u * to_upper >= to_lower * upper_mass:
            break
    if arm == n_arms - 1 or uniform(stream) * upper_mass * to_lower < lower_mass * to_upper:
        return arm
    return _settle(stream, table, lower, arm)


@jit
def _settle(stream: NDArray[np.uint64], table: BestDrawTable, lower: int, first: int) -> int:
    """Draw values: `first` lies in the cell, no arm before it does, and at least one arm after it does."""
    low, high = table.pivots[lower], table.pivots[lower + 1]
    n_arms = table.a.shape[0]
    best, largest, certain = first, -1.0, True
    for k in range(first, n_arms):
        ceiling = table.below[k, lower + 1]
        mass = ceiling - table.below[k, lower]
        if k > first:
            if mass <= 0.0:
                continue
            inside = mass / ceiling
            if certain:  # at least one of the arms from k on lies in the cell
                none = 1.0
                for j in range(k, n_arms):
                    none *= table.below[j, lower] / table.below[j, lower + 1]
                inside /= 1.0 - none
            if uniform(stream) >= inside:
                continue
            certain = False
        y = _draw_between(stream, table.a[k], table.b[k], low, high, mass)
        table.drawn[0] += 1
        if y > largest:
            best, largest = k, y
    return best


@jit_inlined
def is_worn(table: BestDrawTable) -> bool:
    """Whether so many values were drawn that new pivots would have been cheaper."""
    return bool(table.drawn[0] > _PATIENCE)
