"""The probability that each Beta posterior has the largest draw, kept up to date over batches.

While rewards are out the posteriors stand still, and Thompson sampling is a draw from one fixed allocation:
P(arm k has the largest draw), the integral of its density times the other arms' distribution functions. The
table keeps both at Gauss-Legendre nodes in panels, cut on the scale theta = arcsin(sqrt(x)), where every
posterior is close to a Normal with standard deviation 1 / (2 sqrt(a + b)), and refills the rows of arms whose
posterior moved.

The probabilities agree with `armlift.statistics` to 1e-5 (tested), and mostly to 1e-8.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from armlift.bandits.beta_density import fill_density, fill_log_beta, log, sine
from armlift.jit import jit, jit_allocating, jit_fusing, jit_inlined, jit_reordering
from armlift.statistics.best_arm import collocation

Floats = NDArray[np.float64]

_NODES = 8  # in each panel; the loops below are written out for eight
_POINTS, _WEIGHTS, _RUNNING = collocation(_NODES)
_HALVES = 0.5 * (_RUNNING - 0.5 * _WEIGHTS)[: _NODES // 2]
_EVEN, _ODD = (
    np.ascontiguousarray((_HALVES + sign * _HALVES[:, ::-1])[:, : _NODES // 2]) for sign in (1.0, -1.0)
)
_LANES = 8  # panels in a block, so that one vector instruction serves a node of all of them
_BLOCK = _NODES * _LANES
_MOST_PANELS = 32
_GROUP = 4  # arms whose distribution functions are multiplied in one loop
#: Width of a panel in standard deviations of the narrowest arm that varies in it, and the width it may
#: have grown to when that arm's posterior has become narrower.
_WIDTH, _WIDEST = 3.0, 4.4
#: Rise of an arm's mean, in standard deviations, after which it reaches into panels not made for it.
_RISE = 1.3
#: Standard deviations covered below the arm that reaches least low, and above the one that reaches highest.
_COVER_LOW, _COVER_HIGH = 5.7, 6.2
#: Probability that may leave the panels before they are placed anew.
_ESCAPED = 1e-6
_RIGHT = 0.5 * math.pi


class WinTable(NamedTuple):
    """The table of one replicate; K arms, G = K / 4 groups of arms, P panels of 8 nodes, N = 8 P.

    Panels come in blocks of eight; within a block node i of panel q is number 8 i + q. The last group is
    filled up with arms that never win: distribution functions 1 and densities 0.

    Attributes:
        a: Beta parameters that the rows stand for, shape (K,); 0 in an empty row.
        b: See `a`.
        moved: Room for the arms whose posterior moved, shape (K,).
        new_a: Room for their new parameters, of shape (K,) rounded up to whole vectors.
        new_b: See `new_a`.
        log_beta: Room for the logarithms of their Beta functions, of the same shape.
        mean: Mean of each arm when the panels were placed, shape (K,).
        sd: Standard deviation of each arm in theta when the panels were placed, shape (K,).
        reach: Up to where the panels cover each arm, in theta, shape (K,).
        n_panels: Panels in use, shape (1,).
        width: Their width in standard deviations, shape (1,).
        edges: Edges of the panels in theta, shape (P + 1,).
        logs: At each node log x, log(1 - x) and the log of dx/dtheta times the panel's width, over x (1 - x),
            shape (3, N).
        weights: Gauss-Legendre weight of each node, shape (N,).
        density: Density at each node times the panel's width, shape (4 G, N).
        below: Distribution function at each node, shape (4 G, N).
        least: Distribution function at the lowest edge, shape (K,).
        products: Product of the distribution functions of each group, shape (G, N).
        stale: Whether the product of a group is out of date, shape (G,).
        rest: Room for the weights times the products of all later groups, shape (G, N).
        before: Room for the product of all earlier groups, shape (N,).
    """

    a: Floats
    b: Floats
    moved: NDArray[np.int64]
    new_a: Floats
    new_b: Floats
    log_beta: Floats
    mean: Floats
    sd: Floats
    reach: Floats
    n_panels: NDArray[np.int64]
    width: Floats
    edges: Floats
    logs: Floats
    weights: Floats
    density: Floats
    below: Floats
    least: Floats
    products: Floats
    stale: NDArray[np.bool_]
    rest: Floats
    before: Floats


@jit_allocating
def empty_win_table(n_arms: int) -> WinTable:
    """A table without panels."""
    n_nodes, n_groups = (
        _NODES * _MOST_PANELS + _LANES,
        -(-n_arms // _GROUP),
    )  # rows apart by an odd number of cache lines
    n_lanes, weights = -(-n_arms // _LANES) * _LANES, np.empty(n_nodes)
    for n in range(n_nodes):
        weights[n] = _WEIGHTS[n // _LANES % _NODES]
    return WinTable(
        np.zeros(n_arms),
        np.zeros(n_arms),
        np.zeros(n_arms, dtype=np.int64),
        np.ones(n_lanes),
        np.ones(n_lanes),
        np.zeros(n_lanes),
        np.zeros(n_arms),
        np.zeros(n_arms),
        np.zeros(n_arms),
        np.zeros(1, dtype=np.int64),
        np.zeros(1),
        np.zeros(_MOST_PANELS + 1),
        np.zeros((3, n_nodes)),
        weights,
        np.zeros((_GROUP * n_groups, n_nodes)),
        np.ones((_GROUP * n_groups, n_nodes)),
        np.zeros(n_arms),
        np.ones((n_groups, n_nodes)),
        np.ones(n_groups, dtype=np.bool_),
        np.zeros((n_groups, n_nodes)),
        np.zeros(n_nodes),
    )


@jit_inlined
def _step(table: WinTable, theta: float, width: float) -> float:
    """Width of a panel that starts at `theta`: `width` standard deviations of the narrowest arm there."""
    narrowest = _RIGHT
    for k in range(table.sd.shape[0]):
        if table.reach[k] > theta:
            narrowest = min(narrowest, table.sd[k])
    return width * narrowest


@jit_fusing
def _take_logs(logs: Floats, n_nodes: int) -> None:
    """Turn theta and the panel's width at each node into what `fill_density` needs."""
    for n in range(n_nodes):
        theta = logs[0, n]
        half_success, half_failure = log(sine(theta)), log(sine(_RIGHT - theta))
        logs[0, n], logs[1, n] = 2.0 * half_success, 2.0 * half_failure
        logs[2, n] = log(2.0 * logs[2, n]) - half_success - half_failure


@jit
def _place(table: WinTable, a: Floats, b: Floats) -> None:
    """Lay panels over the values that the largest draw can take, and empty the rows."""
    low, high, edges = 0.0, 0.0, table.edges
    for k in range(a.shape[0]):
        size = a[k] + b[k]
        table.a[k], table.mean[k] = 0.0, a[k] / size
        centre, sd = math.asin(math.sqrt(table.mean[k])), 0.5 / math.sqrt(size)
        table.sd[k], table.reach[k] = sd, centre + _COVER_HIGH * sd
        low, high = max(low, centre - _COVER_LOW * sd), max(high, table.reach[k])
    high = min(high, _RIGHT)
    needed, theta = 0, low
    while theta < high and needed < 4 * _MOST_PANELS:
        theta += _step(table, theta, _WIDTH)
        needed += 1
    panels = min(-(-needed // _LANES) * _LANES, _MOST_PANELS)
    width = _WIDTH * needed / panels
    table.n_panels[0], table.width[0], edges[0] = panels, width, low
    for p in range(panels):  # arms end one after the other, so the panels widen upwards
        share = (high - edges[p]) / (panels - p)
        size = min(_step(table, edges[p], width), share) if p < panels - 1 else share
        edges[p + 1] = edges[p] + size
        node = p // _LANES * _BLOCK + p % _LANES
        for i in range(_NODES):
            table.logs[0, node], table.logs[2, node] = edges[p] + size * _POINTS[i], size
            node += _LANES
    _take_logs(table.logs, _NODES * panels)


@jit_reordering
def _sum_panels(masses: Floats, d: Floats, lanes: int) -> None:
    """Probability inside each panel of a block."""
    w = _WEIGHTS
    for q in range(lanes):
        outer = w[0] * (d[q] + d[q + 56]) + w[1] * (d[q + 8] + d[q + 48])
        masses[q] = outer + (w[2] * (d[q + 16] + d[q + 40]) + w[3] * (d[q + 24] + d[q + 32]))


@jit_reordering
def _run_panels(row: Floats, d: Floats, middles: Floats, lanes: int) -> None:
    """Distribution function at the nodes of a block, from its mean over both ends of each panel.

    Nodes lie symmetrically, so sums and differences of opposite densities need half the multiplications.
    """
    u, v = _EVEN, _ODD
    for q in range(lanes):
        s, e0, e1, e2, e3 = (
            middles[q],
            d[q] + d[q + 56],
            d[q + 8] + d[q + 48],
            d[q + 16] + d[q + 40],
            d[q + 24] + d[q + 32],
        )
        o0, o1, o2, o3 = d[q] - d[q + 56], d[q + 8] - d[q + 48], d[q + 16] - d[q + 40], d[q + 24] - d[q + 32]
        even = (u[0, 0] * e0 + u[0, 1] * e1) + (u[0, 2] * e2 + u[0, 3] * e3)
        odd = s + ((v[0, 0] * o0 + v[0, 1] * o1) + (v[0, 2] * o2 + v[0, 3] * o3))
        row[q], row[q + 56] = max(odd + even, 0.0), max(odd - even, 0.0)
        even = (u[1, 0] * e0 + u[1, 1] * e1) + (u[1, 2] * e2 + u[1, 3] * e3)
        odd = s + ((v[1, 0] * o0 + v[1, 1] * o1) + (v[1, 2] * o2 + v[1, 3] * o3))
        row[q + 8], row[q + 48] = max(odd + even, 0.0), max(odd - even, 0.0)
        even = (u[2, 0] * e0 + u[2, 1] * e1) + (u[2, 2] * e2 + u[2, 3] * e3)
        odd = s + ((v[2, 0] * o0 + v[2, 1] * o1) + (v[2, 2] * o2 + v[2, 3] * o3))
        row[q + 16], row[q + 40] = max(odd + even, 0.0), max(odd - even, 0.0)
        even = (u[3, 0] * e0 + u[3, 1] * e1) + (u[3, 2] * e2 + u[3, 3] * e3)
        odd = s + ((v[3, 0] * o0 + v[3, 1] * o1) + (v[3, 2] * o2 + v[3, 3] * o3))
        row[q + 24], row[q + 32] = max(odd + even, 0.0), max(odd - even, 0.0)


@jit_inlined
def _fill_below(row: Floats, density: Floats, room: Floats, n_blocks: int, lanes: int) -> float:
    """Distribution function at the nodes, from 1 downwards; returns its value at the lowest edge."""
    below: float = 1.0
    for block in range(n_blocks - 1, -1, -1):
        at = block * _BLOCK
        _sum_panels(room, density[at:], lanes)
        for q in range(_LANES - 1, -1, -1):
            half = 0.5 * room[q]
            room[q] = below - half
            below -= 2.0 * half
        _run_panels(row[at:], density[at:], room, lanes)
    return max(below, 0.0)


@jit_inlined
def _outgrown(table: WinTable, arm: int, a: float, size: float) -> bool:
    """Whether the panels are too wide for an arm, size being a + b."""
    mean, variance, width = table.mean[arm], 4.0 * table.sd[arm] * table.sd[arm], table.width[0]
    rise = max(a / size - mean, 0.0)
    return bool(
        size * variance * width * width > _WIDEST * _WIDEST
        or rise * rise > _RISE * _RISE * variance * mean * (1.0 - mean)
    )


@jit_inlined
def _note_moves(table: WinTable, a: Floats, b: Floats) -> int:
    """List the arms whose posterior moved; returns their number, or -1 if one has outgrown the panels."""
    moved = 0
    for k in range(a.shape[0]):
        if a[k] != table.a[k] or b[k] != table.b[k]:
            if _outgrown(table, k, a[k], a[k] + b[k]):
                return -1
            table.moved[moved], table.new_a[moved], table.new_b[moved] = k, a[k], b[k]
            moved += 1
    return moved


@jit_inlined
def _refill(table: WinTable, a: Floats, b: Floats) -> float:
    """Fill the rows of arms that moved; returns the probability that has left the panels."""
    panels = table.n_panels[0]
    n_nodes, moved = _NODES * panels, _note_moves(table, a, b)
    if moved < 0:
        return 1.0
    for first in range(0, moved, _LANES):  # a whole vector, whatever its last places hold
        lanes = slice(first, first + min(panels, _LANES))
        fill_log_beta(table.new_a[lanes], table.new_b[lanes], table.log_beta[lanes])
    for place in range(moved):
        k = table.moved[place]
        table.a[k], table.b[k], table.stale[k // _GROUP] = a[k], b[k], True
        fill_density(table.density[k], table.logs, a[k], b[k], table.log_beta[place], n_nodes)
        table.least[k] = _fill_below(
            table.below[k], table.density[k], table.before, panels // _LANES, min(panels, _LANES)
        )
    escaped: float = 0.0
    beneath: float = 1.0
    for k in range(a.shape[0]):
        beneath *= table.least[k]
        escaped += table.density[k, n_nodes - 1]
    return beneath + (escaped if table.edges[panels] < _RIGHT else 0.0)


@jit_inlined
def _multiply(out: Floats, left: Floats, right: Floats, n_nodes: int) -> None:
    for n in range(n_nodes):
        out[n] = left[n] * right[n]


@jit_inlined
def _multiply_group(out: Floats, below: Floats, first: int, n_nodes: int) -> None:
    """Product of the distribution functions of the four arms from `first` on."""
    b0, b1, b2, b3 = below[first], below[first + 1], below[first + 2], below[first + 3]
    for n in range(n_nodes):
        out[n] = (b0[n] * b1[n]) * (b2[n] * b3[n])


@jit_reordering
def _masses(
    before: Floats, rest: Floats, density: Floats, below: Floats, first: int, n_nodes: int
) -> tuple[float, float, float, float]:
    """Integrals of the four arms from `first` on."""
    d0, d1, d2, d3 = density[first], density[first + 1], density[first + 2], density[first + 3]
    b0, b1, b2, b3 = below[first], below[first + 1], below[first + 2], below[first + 3]
    m0 = m1 = m2 = m3 = 0.0
    for n in range(n_nodes):
        others = before[n] * rest[n]
        low, high = others * (b0[n] * b1[n]), others * (b2[n] * b3[n])
        m0 += d0[n] * b1[n] * high
        m1 += d1[n] * b0[n] * high
        m2 += d2[n] * b3[n] * low
        m3 += d3[n] * b2[n] * low
    return m0, m1, m2, m3


@jit_inlined
def _integrate(table: WinTable, n_nodes: int, out: Floats) -> None:
    """Integrate each arm's density times the other arms' distribution functions."""
    n_arms, n_groups, products, rest = out.shape[0], table.stale.shape[0], table.products, table.rest
    for g in range(n_groups):
        if table.stale[g]:
            _multiply_group(products[g], table.below, _GROUP * g, n_nodes)
            table.stale[g] = False
    for n in range(n_nodes):
        rest[n_groups - 1, n], table.before[n] = table.weights[n], 1.0
    for g in range(n_groups - 1, 0, -1):
        _multiply(rest[g - 1], rest[g], products[g], n_nodes)
    total = 0.0
    for g in range(n_groups):
        first = _GROUP * g
        masses = _masses(table.before, rest[g], table.density, table.below, first, n_nodes)
        for j in range(min(_GROUP, n_arms - first)):
            out[first + j] = masses[j]
            total += masses[j]
        if g < n_groups - 1:
            _multiply(table.before, table.before, products[g], n_nodes)
    for k in range(n_arms):
        out[k] /= total


@jit_inlined
def win_probabilities(table: WinTable, a: Floats, b: Floats, out: Floats) -> None:
    """Write P(arm k has the largest draw) into `out`.

    Args:
        table: Kept between calls; it may hold any other posteriors.
        a: Beta parameters, at least 1, shape (K,).
        b: See `a`.
        out: Result, shape (K,); sums to 1.
    """
    if table.n_panels[0] == 0 or _refill(table, a, b) > _ESCAPED:
        _place(table, a, b)
        _refill(table, a, b)
    _integrate(table, _NODES * table.n_panels[0], out)
