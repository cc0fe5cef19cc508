"""The fused loop: one pass over decisions, arms, answers and updates, for the policies armlift knows.

Decision t of a replicate meets the same user whatever the policy, and arm k would have got the same answer:
both are numbers of a random stream keyed by (seed, name, replicate) and read at position t, or t K + k.
Policies are thus compared on paired replicates, and nothing depends on batches or workers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from armlift.bandits.best_draw import (
    add_reward,
    best_draw,
    empty_table,
    is_worn,
    place_pivots,
)
from armlift.bandits.draws import beta, gamma_scale, name_code, normal, stream_key, uniform, uniform_at
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
from armlift.jit import jit, jit_allocating
from armlift.simulation.world import Floats, Integers

USERS = name_code("users")
OUTCOMES = name_code("outcomes")
#: Batches in which a table for one frozen posterior pays, when every reward moves all posteriors.
_LONG_BATCH = 30


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
    return weights.shape[0] - 1


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
def _highest(family: int, n: Floats, total: Floats, observed: Integers, time: int) -> int:
    """Arm with the highest mean or index; an arm without rewards counts as +infinity."""
    best, best_score = 0, -np.inf
    for k in range(n.shape[0]):
        if observed[k] == 0:
            return k
        score = total[k] / n[k]
        if family == UCB1_INDEX:
            score = ucb1_index(score, n[k], float(time))
        elif family == KL_UCB_INDEX:
            score = kl_ucb_index(score, n[k], float(time))
        if score > best_score:
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
    n_arms = odds.click_probability.shape[1]
    stream = np.empty(1, dtype=np.uint64)
    table, weights = empty_table(n_arms), rule.weights.copy()
    a, b = table.a, table.b  # Beta parameters, or the Normal's means and standard deviations
    late_arms, late_rewards = np.empty(batch_size, dtype=np.int64), np.empty(batch_size, dtype=np.int64)
    forgets = rule.discount < 1.0 or rule.buckets > 0
    thompson = rule.family == BETA_THOMPSON
    tabled = thompson and min(rule.prior) >= 1.0 and (not forgets or batch_size >= _LONG_BATCH)

    for row in range(replicates.shape[0]):
        replicate = replicates[row]
        stream[0] = stream_key(seed, policy_code, replicate)
        users, outcomes = stream_key(seed, USERS, replicate), stream_key(seed, OUTCOMES, replicate)
        n, total, observed = np.zeros(n_arms), np.zeros(n_arms), np.zeros(n_arms, dtype=np.int64)
        pulls, rewards = np.zeros(n_arms, dtype=np.int64), np.zeros(n_arms, dtype=np.int64)
        ring = np.zeros((2, n_arms, max(rule.buckets, 1)), dtype=np.int64)
        traced = replicate == 0 and trace.arms.shape[0] > 0
        time, waiting, checkpoint, greedy = 0, 0, 0, 0
        unplayed, due = n_arms, n_arms if rule.first_pulls > 0 else 0

        for t in range(horizon):
            if waiting == batch_size or t == 0:
                for i in range(waiting):
                    arm = late_arms[i]
                    _absorb(rule, arm, late_rewards[i], time, n, total, ring)
                    if tabled and not forgets:
                        add_reward(table, arm, late_rewards[i] == 1)
                    observed[arm] += 1
                    time += 1
                waiting = 0
                if traced:
                    trace.n[t // batch_size, :] = n
                    trace.total[t // batch_size, :] = total
                    trace.observed[t // batch_size, :] = observed
                if thompson:
                    if forgets or not tabled or t == 0:
                        for k in range(n_arms):
                            a[k], b[k] = rule.prior[0] + total[k], rule.prior[1] + max(n[k] - total[k], 0.0)
                    if tabled and (forgets or t == 0 or is_worn(table)):
                        place_pivots(table)
                elif rule.family == NORMAL_THOMPSON:
                    for k in range(n_arms):  # rewards are 0 or 1, so their squares sum to `total`
                        weight = rule.prior[1] + n[k]
                        a[k] = (rule.prior[0] * rule.prior[1] + total[k]) / weight
                        scatter = total[k] + rule.prior[1] * rule.prior[0] ** 2 - weight * a[k] ** 2
                        b[k] = np.sqrt((1.0 + max(scatter, 0.0)) / (1.0 + n[k]) / weight)
                elif rule.family == SOFTMAX:
                    _boltzmann(n, total, observed, rule.rate, weights)
                elif rule.family != FIXED:
                    greedy = _highest(rule.family, n, total, observed, time)

            if rule.floor > 0.0 and uniform(stream) < n_arms * rule.floor:
                arm = int(uniform(stream) * n_arms)
            elif due > 0:
                arm = _fewest(pulls)
            elif thompson:
                arm = best_draw(stream, table) if tabled else _largest_beta(stream, a, b)
            elif rule.family == NORMAL_THOMPSON:
                arm = _largest_normal(stream, a, b)
            elif rule.family == EPSILON_GREEDY:
                if uniform(stream) < rule.rate:
                    arm = int(uniform(stream) * n_arms)
                else:
                    arm = _fewest(pulls) if unplayed > 0 else greedy
            elif rule.family == FIXED or rule.family == SOFTMAX:
                arm = _drawn(stream, weights)
            else:
                arm = greedy

            user = arriving_user(users, t, odds.keep, odds.other)
            draw = uniform_at(outcomes, t * n_arms + arm)
            reward = 1 if draw < odds.click_probability[user, arm] else 0
            late_arms[waiting], late_rewards[waiting] = arm, reward
            waiting += 1
            unplayed -= pulls[arm] == 0
            pulls[arm] += 1
            due -= pulls[arm] == rule.first_pulls
            rewards[arm] += reward
            if traced:
                trace.arms[t], trace.users[t], trace.draws[t] = arm, user, draw
            if t + 1 == checkpoints[checkpoint]:
                for k in range(n_arms):
                    pulls_at[row, checkpoint, k] = pulls[k]
                    rewards_at[row, checkpoint, k] = rewards[k]
                checkpoint += 1
