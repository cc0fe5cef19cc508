"""The policies' rules on one replicate's sums, for the fused loop."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from armlift.bandits.draws import beta, gamma_scale, normal, uniform, uniforms
from armlift.bandits.kernels import kl_ucb_index, ucb1_index
from armlift.bandits.policy import KL_UCB_INDEX, UCB1_INDEX, Rule
from armlift.jit import jit
from armlift.simulation.world import Floats, Integers

#: Edges that `choose_all` compares with in one pass; their number is a multiple of it.
EDGES_AT_ONCE = 4


@jit
def fewest(pulls: Integers) -> int:
    """The arm with the fewest decisions, ties to the lowest."""
    arm = 0
    for k in range(1, pulls.shape[0]):
        if pulls[k] < pulls[arm]:
            arm = k
    return arm


@jit
def drawn(stream: NDArray[np.uint64], weights: Floats) -> int:
    """An arm drawn with these probabilities."""
    left = uniform(stream)
    for k in range(weights.shape[0] - 1):
        left -= weights[k]
        if left < 0.0:
            return k
    return int(weights.shape[0]) - 1


@jit
def boltzmann(n: Floats, total: Floats, observed: Integers, temperature: float, weights: Floats) -> None:
    """Softmax weights; arms without rewards share the probability while there are any."""
    unknown, top = 0, -np.inf
    for k in range(n.shape[0]):
        if observed[k] == 0:
            unknown += 1
        else:
            top = max(top, total[k] / n[k])
    scale = 0.0
    for k in range(n.shape[0]):
        if unknown > 0:
            weights[k] = 1.0 if observed[k] == 0 else 0.0
        else:
            weights[k] = np.exp((total[k] / n[k] - top) / temperature)
        scale += weights[k]
    for k in range(n.shape[0]):
        weights[k] /= scale


@jit
def highest(family: int, n: Floats, total: Floats, observed: Integers, time: int, leader: int) -> int:
    """Arm with the highest mean or index, ties to the lowest; an arm without rewards counts as +infinity.

    The last leader goes first: most KL-UCB indices then need no solving, because Pinsker's bound on them is
    below its index.
    """
    for k in range(n.shape[0]):
        if observed[k] == 0:
            return k
    best, best_score, half_log = leader, -np.inf, 0.5 * math.log(max(time, 1))
    for place in range(-1, n.shape[0]):
        k = leader if place < 0 else place
        score = total[k] / n[k]
        if family == UCB1_INDEX:
            score = ucb1_index(score, n[k], float(time))
        elif family == KL_UCB_INDEX:
            if score + math.sqrt(half_log / n[k]) < best_score - 1e-12 or place == leader:
                continue
            score = kl_ucb_index(score, n[k], float(time))
        if score > best_score or (score == best_score and k < best):
            best, best_score = k, score
    return best


@jit
def largest_normal(stream: NDArray[np.uint64], mean: Floats, sd: Floats) -> int:
    """The arm with the largest draw from Normal posteriors."""
    best, largest = 0, -np.inf
    for k in range(mean.shape[0]):
        y = mean[k] + sd[k] * normal(stream)
        if y > largest:
            best, largest = k, y
    return best


@jit
def largest_beta(stream: NDArray[np.uint64], a: Floats, b: Floats) -> int:
    """The arm with the largest draw from Beta posteriors."""
    best, largest = 0, -1.0
    for k in range(a.shape[0]):
        y = beta(stream, a[k], b[k], gamma_scale(a[k]), gamma_scale(b[k]))
        if y > largest:
            best, largest = k, y
    return best


@jit
def believe_normal(rule: Rule, n: Floats, total: Floats, mean: Floats, sd: Floats) -> None:
    """Means and standard deviations of the Normal posteriors; rewards are 0 or 1, their own squares."""
    for k in range(n.shape[0]):
        weight = rule.prior[1] + n[k]
        mean[k] = (rule.prior[0] * rule.prior[1] + total[k]) / weight
        scatter = total[k] + rule.prior[1] * rule.prior[0] ** 2 - weight * mean[k] ** 2
        sd[k] = np.sqrt((1.0 + max(scatter, 0.0)) / (1.0 + n[k]) / weight)


@jit
def absorb(
    rule: Rule, arm: int, reward: int, time: int, n: Floats, total: Floats, ring: NDArray[np.int64]
) -> None:
    """Age the sums by one reward and add it; `ring` holds (n, total) by arm and bucket."""
    if rule.discount < 1.0:
        for k in range(n.shape[0]):
            n[k] *= rule.discount
            total[k] *= rule.discount
    if rule.buckets > 0:
        slot = (time // rule.bucket_width) % rule.buckets
        if time % rule.bucket_width == 0:
            for k in range(n.shape[0]):
                n[k] -= ring[0, k, slot]
                total[k] -= ring[1, k, slot]
                ring[0, k, slot] = ring[1, k, slot] = 0
        ring[0, arm, slot] += 1
        ring[1, arm, slot] += reward
    n[arm] += 1.0
    total[arm] += reward


@jit
def spread_out(rule: Rule, weights: Floats, edges: Floats) -> None:
    """Cumulative choice probabilities of all arms but the last, floor included; `edges` ends beyond 1."""
    edge, scale = 0.0, 1.0 - weights.shape[0] * rule.floor
    for k in range(weights.shape[0] - 1):
        edge += rule.floor + scale * weights[k]
        edges[k] = edge


@jit
def choose_all(stream: NDArray[np.uint64], edges: Floats, arms: Integers, draws: Floats) -> None:
    """Draw an arm for each decision of a stretch; `draws` is room for its random numbers."""
    uniforms(stream, draws)
    for i in range(arms.shape[0]):
        arms[i] = 0
    for k in range(0, edges.shape[0], EDGES_AT_ONCE):
        e0, e1, e2, e3 = edges[k], edges[k + 1], edges[k + 2], edges[k + 3]
        for i in range(arms.shape[0]):
            arms[i] += (draws[i] >= e0) + (draws[i] >= e1) + (draws[i] >= e2) + (draws[i] >= e3)
