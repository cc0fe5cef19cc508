"""The fused loop: one pass over decisions, arms, answers and updates, for the policies armlift knows.

Decision t of a replicate meets the same user whatever the policy, and arm k would have got the same answer:
both are numbers of a random stream keyed by (seed, name, replicate) and read at position t, or t K + k.
Policies are thus compared on paired replicates, and nothing depends on batches or workers.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from armlift.bandits.best_draw import (
    BestDrawTable,
    add_reward,
    best_draw,
    empty_table,
    is_worn,
    place_pivots,
)
from armlift.bandits.draws import (
    beta,
    gamma_scale,
    name_code,
    normal,
    stream_key,
    uniform,
    uniform_at,
    uniforms,
)
from armlift.bandits.kernels import kl_ucb_index, ucb1_index
from armlift.bandits.policy import (
    BETA_THOMPSON,
    EPSILON_GREEDY,
    FIXED,
    KL_UCB_INDEX,
    NORMAL_THOMPSON,
    SOFTMAX,
    UCB1_INDEX,
    Rule,
)
from armlift.bandits.win_table import WinTable, empty_win_table, win_probabilities
from armlift.jit import jit, jit_allocating
from armlift.simulation.world import Floats, Integers

USERS = name_code("users")
OUTCOMES = name_code("outcomes")
#: Batches in which computing one allocation is cheaper than choosing arm by arm, and the same for policies
#: that forget, whose choices cost more because every reward moves all posteriors.
_LONG_BATCH, _LONG_BATCH_FORGETTING = 16, 6


class Odds(NamedTuple):
    """A world in the words of the loop.

    Attributes:
        click_probability: By user and arm, shape (U, K).
        keep: Alias table of the users' arrival shares, shape (U,).
        other: Its second half, shape (U,).
    """

    click_probability: Floats
    keep: Floats
    other: Integers


class Trace(NamedTuple):
    """Every decision of replicate 0, or empty arrays.

    Attributes:
        arms: Chosen arm, shape (T,).
        users: Index of the user, shape (T,).
        draws: The uniform behind the answer, shape (T,): a click if it lies below the click probability.
        propensities: Probability with which the arm was chosen, shape (T,); the fused loop, which draws
            posteriors and computes no allocation, leaves it to its caller.
        n: The policy's `n` at the start of each batch, shape (batches, K); `total`, `observed` likewise.
        total: See `n`.
        observed: See `n`.
    """

    arms: Integers
    users: Integers
    draws: Floats
    propensities: Floats
    n: Floats
    total: Floats
    observed: Integers


@jit
def arriving_user(key: np.uint64, decision: int, keep: Floats, other: Integers) -> int:
    """The user of a decision, drawn from the alias table."""
    if keep.shape[0] == 1:
        return 0
    place = uniform_at(key, decision) * keep.shape[0]
    cell = int(place)
    return cell if place - cell < keep[cell] else int(other[cell])


@jit
def _fewest(pulls: Integers) -> int:
    arm = 0
    for k in range(1, pulls.shape[0]):
        if pulls[k] < pulls[arm]:
            arm = k
    return arm


@jit
def _drawn(stream: NDArray[np.uint64], weights: Floats) -> int:
    left = uniform(stream)
    for k in range(weights.shape[0] - 1):
        left -= weights[k]
        if left < 0.0:
            return k
    return int(weights.shape[0]) - 1


@jit
def _boltzmann(n: Floats, total: Floats, observed: Integers, temperature: float, weights: Floats) -> None:
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
def _highest(family: int, n: Floats, total: Floats, observed: Integers, time: int, leader: int) -> int:
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
def _absorb(
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
def _largest_normal(stream: NDArray[np.uint64], mean: Floats, sd: Floats) -> int:
    best, largest = 0, -np.inf
    for k in range(mean.shape[0]):
        y = mean[k] + sd[k] * normal(stream)
        if y > largest:
            best, largest = k, y
    return best


@jit
def _largest_beta(stream: NDArray[np.uint64], a: Floats, b: Floats) -> int:
    best, largest = 0, -1.0
    for k in range(a.shape[0]):
        y = beta(stream, a[k], b[k], gamma_scale(a[k]), gamma_scale(b[k]))
        if y > largest:
            best, largest = k, y
    return best


class _Room(NamedTuple):
    """Arrays of one replicate at a time; K arms, batches of B decisions.

    Attributes:
        arms: Chosen arm by decision of the batch, shape (B,).
        users: Index of the user, shape (B,).
        draws: Uniform behind the answer, shape (B,).
        answers: Reward, shape (B,).
        weights: Choice probabilities by arm, shape (K,).
        edges: Their cumulative sums with the floor, shape (K,).
        n: Weight of the rewards that the policy remembers, shape (K,).
        total: Their weighted sum, shape (K,).
        ring: The window's (n, total) by arm and bucket, shape (2, K, buckets).
        observed: Rewards that arrived, shape (K,).
        pulls: Decisions, shape (K,).
        rewards: Sum of rewards, whether they arrived or not, shape (K,).
    """

    arms: Integers
    users: Integers
    draws: Floats
    answers: Integers
    weights: Floats
    edges: Floats
    n: Floats
    total: Floats
    ring: Integers
    observed: Integers
    pulls: Integers
    rewards: Integers


@jit
def _spread_out(rule: Rule, weights: Floats, edges: Floats) -> None:
    """Cumulative choice probabilities of the arms, floor included."""
    edge, scale = 0.0, 1.0 - weights.shape[0] * rule.floor
    for k in range(weights.shape[0]):
        edge += rule.floor + scale * weights[k]
        edges[k] = edge


@jit
def _choose_all(stream: NDArray[np.uint64], edges: Floats, arms: Integers, draws: Floats) -> None:
    """Draw an arm for each decision of a stretch; `draws` is room for its random numbers."""
    uniforms(stream, draws)
    for i in range(arms.shape[0]):
        arms[i] = 0
    for k in range(edges.shape[0] - 1):
        edge = edges[k]
        for i in range(arms.shape[0]):
            arms[i] += draws[i] >= edge


@jit
def _meet_all(
    odds: Odds,
    keys: tuple[np.uint64, np.uint64],
    start: int,
    arms: Integers,
    users: Integers,
    draws: Floats,
    answers: Integers,
) -> None:
    """Users and answers of a stretch that starts at decision `start`."""
    n_arms = odds.click_probability.shape[1]
    if odds.keep.shape[0] > 1:
        for i in range(arms.shape[0]):
            users[i] = arriving_user(keys[0], start + i, odds.keep, odds.other)
    for i in range(arms.shape[0]):
        draws[i] = uniform_at(keys[1], (start + i) * n_arms + arms[i])
    for i in range(arms.shape[0]):
        answers[i] = draws[i] < odds.click_probability[users[i], arms[i]]


@jit
def _count_all(arms: Integers, answers: Integers, pulls: Integers, rewards: Integers) -> None:
    """Add a stretch to the sums."""
    for i in range(arms.shape[0]):
        pulls[arms[i]] += 1
        rewards[arms[i]] += answers[i]


@jit
def _believe_normal(rule: Rule, n: Floats, total: Floats, mean: Floats, sd: Floats) -> None:
    """Means and standard deviations of the Normal posteriors; rewards are 0 or 1, their own squares."""
    for k in range(n.shape[0]):
        weight = rule.prior[1] + n[k]
        mean[k] = (rule.prior[0] * rule.prior[1] + total[k]) / weight
        scatter = total[k] + rule.prior[1] * rule.prior[0] ** 2 - weight * mean[k] ** 2
        sd[k] = np.sqrt((1.0 + max(scatter, 0.0)) / (1.0 + n[k]) / weight)


@jit
def _play_replicate(
    rule: Rule,
    odds: Odds,
    horizon: int,
    batch_size: int,
    checkpoints: Integers,
    stream: NDArray[np.uint64],
    keys: tuple[np.uint64, np.uint64],
    room: _Room,
    table: BestDrawTable,
    wins: WinTable,
    pulls_at: NDArray[np.int32],
    rewards_at: NDArray[np.int32],
    trace: Trace,
) -> None:
    """One replicate; see `play`."""
    n_arms, n, total, pulls, rewards = room.n.shape[0], room.n, room.total, room.pulls, room.rewards
    forgets = rule.discount < 1.0 or rule.buckets > 0
    thompson, normals = rule.family == BETA_THOMPSON, rule.family == NORMAL_THOMPSON
    exact = min(rule.prior) >= 1.0 or not thompson  # whether the tables hold for the prior
    long_batch = _LONG_BATCH_FORGETTING if forgets else _LONG_BATCH
    frozen = exact and not normals and batch_size >= long_batch
    tabled = thompson and exact and not forgets and not frozen
    a, b = table.a, table.b  # Beta parameters, or the Normal's means and standard deviations
    checkpoint, greedy = 0, 0
    unplayed, due = n_arms, n_arms if rule.first_pulls > 0 else 0

    for first in range(0, horizon, batch_size):
        last = min(first + batch_size, horizon)
        if trace.arms.shape[0] > 0:
            for k in range(n_arms):
                version = first // batch_size
                trace.n[version, k], trace.total[version, k] = n[k], total[k]
                trace.observed[version, k] = room.observed[k]
        if thompson:
            if not tabled or first == 0:
                for k in range(n_arms):
                    a[k], b[k] = rule.prior[0] + total[k], rule.prior[1] + max(n[k] - total[k], 0.0)
            if frozen:
                win_probabilities(wins, a, b, room.weights)
            elif tabled and (first == 0 or is_worn(table)):
                place_pivots(table)
        elif normals:
            _believe_normal(rule, n, total, a, b)
        elif rule.family == SOFTMAX:
            _boltzmann(n, total, room.observed, rule.rate, room.weights)
        elif rule.family != FIXED:
            greedy = _highest(rule.family, n, total, room.observed, first, greedy)
            for k in range(n_arms):
                room.weights[k] = rule.rate / n_arms + (1.0 - rule.rate) * (k == greedy)
        if frozen:
            _spread_out(rule, room.weights, room.edges)

        start = first
        while start < last:
            if frozen and due == 0 and (unplayed == 0 or rule.family != EPSILON_GREEDY):
                stop = min(last, checkpoints[checkpoint])
                here = slice(start - first, stop - first)
                arms, draws, answers = room.arms[here], room.draws[here], room.answers[here]
                _choose_all(stream, room.edges, arms, draws)
                _meet_all(odds, keys, start, arms, room.users[here], draws, answers)
                _count_all(arms, answers, pulls, rewards)
            else:
                if rule.floor > 0.0 and uniform(stream) < n_arms * rule.floor:
                    arm = int(uniform(stream) * n_arms)
                elif due > 0:
                    arm = _fewest(pulls)
                elif thompson:
                    arm = best_draw(stream, table) if tabled else _largest_beta(stream, a, b)
                elif normals:
                    arm = _largest_normal(stream, a, b)
                elif rule.family == EPSILON_GREEDY and unplayed > 0:
                    arm = int(uniform(stream) * n_arms) if uniform(stream) < rule.rate else _fewest(pulls)
                else:
                    arm = _drawn(stream, room.weights)
                user = arriving_user(keys[0], start, odds.keep, odds.other)
                draw = uniform_at(keys[1], start * n_arms + arm)
                reward = 1 if draw < odds.click_probability[user, arm] else 0
                place, stop = start - first, start + 1
                room.arms[place], room.users[place] = arm, user
                room.draws[place], room.answers[place] = draw, reward
                rewards[arm] += reward
                unplayed -= pulls[arm] == 0
                pulls[arm] += 1
                due -= pulls[arm] == rule.first_pulls
            start = stop
            if stop == checkpoints[checkpoint]:
                for k in range(n_arms):
                    pulls_at[checkpoint, k], rewards_at[checkpoint, k] = pulls[k], rewards[k]
                checkpoint += 1

        if trace.arms.shape[0] > 0:
            for i in range(last - first):
                trace.arms[first + i], trace.users[first + i] = room.arms[i], room.users[i]
                trace.draws[first + i] = room.draws[i]
        if forgets or tabled:
            for i in range(last - first):
                if tabled:
                    add_reward(table, room.arms[i], room.answers[i] == 1)
                else:
                    _absorb(rule, room.arms[i], room.answers[i], first + i, n, total, room.ring)
        for k in range(n_arms):
            room.observed[k] = pulls[k]
            if not forgets:
                n[k], total[k] = pulls[k], rewards[k]


@jit_allocating
def play(
    rule: Rule,
    odds: Odds,
    horizon: int,
    batch_size: int,
    checkpoints: Integers,
    seed: int,
    policy_code: int,
    replicates: Integers,
    pulls_at: NDArray[np.int32],
    rewards_at: NDArray[np.int32],
    trace: Trace,
) -> None:
    """Simulate replicates of one policy.

    Args:
        rule: The policy.
        odds: The world.
        horizon: Decisions T in each replicate.
        batch_size: Rewards arrive after each batch of so many decisions.
        checkpoints: Numbers of decisions at which to write the sums, ascending, shape (C,).
        seed: Seed of all streams.
        policy_code: Names the policy's own stream.
        replicates: Ids of the replicates, shape (R,); they key the streams.
        pulls_at: Receives cumulative pulls by checkpoint and arm, shape (R, C, K).
        rewards_at: Receives cumulative rewards, shape (R, C, K).
        trace: Receives the decisions of replicate 0.
    """
    n_arms, size = odds.click_probability.shape[1], min(batch_size, horizon)
    stream, table, wins = np.empty(1, dtype=np.uint64), empty_table(n_arms), empty_win_table(n_arms)
    nothing = np.zeros(0, dtype=np.int64)
    untraced = Trace(nothing, nothing, trace.draws, trace.propensities, trace.n, trace.total, trace.observed)
    for row in range(replicates.shape[0]):
        replicate = replicates[row]
        room = _Room(
            np.zeros(size, dtype=np.int64),
            np.zeros(size, dtype=np.int64),
            np.zeros(size),
            np.zeros(size, dtype=np.int64),
            rule.weights.copy(),
            np.zeros(n_arms),
            np.zeros(n_arms),
            np.zeros(n_arms),
            np.zeros((2, n_arms, max(rule.buckets, 1)), dtype=np.int64),
            np.zeros(n_arms, dtype=np.int64),
            np.zeros(n_arms, dtype=np.int64),
            np.zeros(n_arms, dtype=np.int64),
        )
        stream[0] = stream_key(seed, policy_code, replicate)
        _play_replicate(
            rule,
            odds,
            horizon,
            batch_size,
            checkpoints,
            stream,
            (stream_key(seed, USERS, replicate), stream_key(seed, OUTCOMES, replicate)),
            room,
            table,
            wins,
            pulls_at[row],
            rewards_at[row],
            trace if replicate == 0 else untraced,
        )
