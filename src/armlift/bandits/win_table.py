"""The probability that each Beta posterior has the largest draw, kept up to date over batches.

While rewards are out the posteriors stand still, and Thompson sampling is a draw from one fixed allocation:
P(arm k has the largest draw), the integral of its density times the other arms' distribution functions. The
table keeps both at Gauss-Legendre nodes on the scale theta = arcsin(sqrt(x)), where every posterior is close
to a Normal with standard deviation 1 / (2 sqrt(a + b)), and refills the rows of arms whose posterior moved.

The probabilities agree with `armlift.statistics` to 1e-5, and mostly to 1e-7; to 1e-4 where a discount makes
a or b fractional and small (tested).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from armlift.bandits.beta_density import fill_density
from armlift.jit import jit, jit_allocating, jit_reordering
from armlift.statistics.best_arm import collocation

Floats = NDArray[np.float64]

_NODES = 4  # in each panel; the loops below are written out for four
_POINTS, _WEIGHTS, _RUNNING = collocation(_NODES)
_MOST_PANELS = 64
_LANES = 4  # panels come in multiples, so that vector instructions leave no rest
#: Width of a panel in standard deviations of the narrowest arm that varies in it.
_WIDTH = 1.4
#: Growth of an arm's a + b after which its panels are too wide, and rise of its mean, in standard deviations,
#: after which it reaches into panels that were not made for it.
_GROWTH, _RISE = 1.7, 1.3
#: Standard deviations covered below the arm that reaches least low, and above the one that reaches highest.
_COVER_LOW, _COVER_HIGH = 5.7, 6.2
#: Probability that may leave the panels before they are placed anew.
_ESCAPED = 1e-6
_RIGHT = 0.5 * math.pi


class WinTable(NamedTuple):
    """The table of one replicate; K arms, room for P panels and N = 4 P nodes, of which a part is in use.

    Node i of panel p is number i n_panels + p, so that one instruction serves neighbouring panels.

    Attributes:
        a: Beta parameters that the rows stand for, shape (K,); 0 in an empty row.
        b: See `a`.
        mean: Mean of each arm when the panels were placed, shape (K,).
        sd: Standard deviation of each arm in theta when the panels were placed, shape (K,).
        reach: Up to where the panels cover each arm, in theta, shape (K,).
        n_panels: Panels in use, shape (1,).
        edges: Edges of the panels in theta, shape (P + 1,).
        logs: At each node log x, log(1 - x) and the log of dx/dtheta times the panel's width, over x (1 - x),
            shape (3, N).
        weights: Gauss-Legendre weight of each node, shape (N,).
        density: Density at each node times the panel's width, shape (K, N).
        below: Distribution function at each node, shape (K, N).
        least: Distribution function at the lowest edge, shape (K,).
        others: Room for products of distribution functions, shape (K + 1, N).
    """

    a: Floats
    b: Floats
    mean: Floats
    sd: Floats
    reach: Floats
    n_panels: NDArray[np.int64]
    edges: Floats
    logs: Floats
    weights: Floats
    density: Floats
    below: Floats
    least: Floats
    others: Floats


@jit_allocating
def empty_win_table(n_arms: int) -> WinTable:
    """A table without panels."""
    n_nodes = _NODES * _MOST_PANELS
    return WinTable(
        np.zeros(n_arms),
        np.zeros(n_arms),
        np.zeros(n_arms),
        np.zeros(n_arms),
        np.zeros(n_arms),
        np.zeros(1, dtype=np.int64),
        np.zeros(_MOST_PANELS + 1),
        np.zeros((3, n_nodes)),
        np.zeros(n_nodes),
        np.zeros((n_arms, n_nodes)),
        np.zeros((n_arms, n_nodes)),
        np.zeros(n_arms),
        np.zeros((n_arms + 1, n_nodes)),
    )


@jit
def _step(table: WinTable, theta: float, width: float) -> float:
    """Width of a panel that starts at `theta`: `width` standard deviations of the narrowest arm there."""
    narrowest = _RIGHT
    for k in range(table.sd.shape[0]):
        if table.reach[k] > theta:
            narrowest = min(narrowest, table.sd[k])
    return width * narrowest


@jit
def _place(table: WinTable, a: Floats, b: Floats) -> None:
    """Lay panels over the values that the largest draw can take, and empty the rows."""
    low, high, edges = 0.0, 0.0, table.edges
    for k in range(a.shape[0]):
        centre, sd = math.atan2(math.sqrt(a[k]), math.sqrt(b[k])), 0.5 / math.sqrt(a[k] + b[k])
        table.a[k], table.mean[k] = 0.0, a[k] / (a[k] + b[k])
        table.sd[k], table.reach[k] = sd, centre + _COVER_HIGH * sd
        low, high = max(low, centre - _COVER_LOW * sd), max(high, table.reach[k])
    high = min(high, _RIGHT)
    needed, theta = 0, low
    while theta < high and needed < 4 * _MOST_PANELS:
        theta += _step(table, theta, _WIDTH)
        needed += 1
    panels = min(-(-needed // _LANES) * _LANES, _MOST_PANELS)
    width = _WIDTH * needed / panels
    table.n_panels[0], edges[0] = panels, low
    for p in range(panels):  # arms end one after the other, so the panels widen upwards
        share = (high - edges[p]) / (panels - p)
        size = min(_step(table, edges[p], width), share) if p < panels - 1 else share
        edges[p + 1] = edges[p] + size
        log_size = math.log(2.0 * size)
        for i in range(_NODES):
            node, sine = i * panels + p, math.sin(edges[p] + size * _POINTS[i])
            success, failure = 2.0 * math.log(sine), math.log1p(-sine * sine)
            table.logs[0, node], table.logs[1, node] = success, failure
            table.logs[2, node] = log_size - 0.5 * (success + failure)
            table.weights[node] = _WEIGHTS[i]


@jit_reordering
def _fill_below(row: Floats, density: Floats, starts: Floats, panels: int) -> float:
    """Distribution function at the nodes, from 1 downwards; returns its value at the lowest edge."""
    d0, d1, d2, d3 = density, density[panels:], density[2 * panels :], density[3 * panels :]
    w, r = _WEIGHTS, _RUNNING
    for p in range(panels):
        starts[p] = w[0] * (d0[p] + d3[p]) + w[1] * (d1[p] + d2[p])
    below = 1.0
    for p in range(panels - 1, -1, -1):
        below -= starts[p]
        starts[p] = below
    for i in range(_NODES):
        out = row[i * panels :]
        for p in range(panels):
            inside = r[i, 0] * d0[p] + r[i, 1] * d1[p] + r[i, 2] * d2[p] + r[i, 3] * d3[p]
            out[p] = max(starts[p] + inside, 0.0)
    return max(below, 0.0)


@jit
def _outgrown(table: WinTable, arm: int, a: float, size: float) -> bool:
    """Whether the panels are too wide for an arm, size being a + b."""
    mean, variance = table.mean[arm], 4.0 * table.sd[arm] * table.sd[arm]  # of a mean of 1/2
    rise = max(a / size - mean, 0.0)
    return bool(size * variance > _GROWTH or rise * rise > _RISE * _RISE * variance * mean * (1.0 - mean))


@jit
def _refill(table: WinTable, a: Floats, b: Floats) -> float:
    """Fill the rows of arms that moved; returns the probability that has left the panels."""
    panels, escaped, beneath = table.n_panels[0], 0.0, 1.0
    n_nodes = _NODES * panels
    open_end = n_nodes > 0 and table.edges[panels] < _RIGHT
    for k in range(a.shape[0]):
        if a[k] != table.a[k] or b[k] != table.b[k]:
            if _outgrown(table, k, a[k], a[k] + b[k]):
                return 1.0
            fill_density(table.density[k], table.logs, a[k], b[k], n_nodes)
            table.least[k] = _fill_below(table.below[k], table.density[k], table.others[0], panels)
            table.a[k], table.b[k] = a[k], b[k]
        beneath *= table.least[k]
        if open_end:
            escaped += table.density[k, n_nodes - 1]
    return escaped + beneath


@jit_reordering
def _integrate(table: WinTable, n_nodes: int, out: Floats) -> None:
    """Integrate each arm's density times the other arms' distribution functions."""
    n_arms, others, below = out.shape[0], table.others, table.below
    for n in range(n_nodes):
        others[n_arms - 1, n], others[n_arms, n] = table.weights[n], 1.0
    for k in range(n_arms - 1, 0, -1):
        for n in range(n_nodes):
            others[k - 1, n] = others[k, n] * below[k, n]
    total, before = 0.0, others[n_arms]
    for k in range(n_arms):
        mass = 0.0
        for n in range(n_nodes):
            mass += table.density[k, n] * others[k, n] * before[n]
            before[n] *= below[k, n]
        out[k] = mass
        total += mass
    for k in range(n_arms):
        out[k] /= total


@jit
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
