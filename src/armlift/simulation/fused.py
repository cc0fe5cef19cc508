"""The fused loop: one pass over decisions, arms, answers and updates, for the policies armlift knows."""

from __future__ import annotations

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
from armlift.bandits.draws import stream_key, uniform, uniform_at
from armlift.bandits.policy import BETA_THOMPSON, EPSILON_GREEDY, FIXED, NORMAL_THOMPSON, SOFTMAX, Rule
from armlift.bandits.win_table import WinTable, empty_win_table, win_probabilities
from armlift.jit import jit, jit_allocating
from armlift.simulation.answers import OUTCOMES, USERS, Odds, arriving_user, meet_all
from armlift.simulation.rules import (
    EDGES_AT_ONCE,
    absorb,
    believe_normal,
    boltzmann,
    choose_all,
    drawn,
    fewest,
    highest,
    largest_beta,
    largest_normal,
    spread_out,
)
from armlift.simulation.world import Floats, Integers

#: Batches in which computing one allocation is cheaper than choosing arm by arm, and the same for policies
#: that forget, whose choices cost more because every reward moves all posteriors.
_LONG_BATCH, _LONG_BATCH_FORGETTING = 16, 6


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


class _Room(NamedTuple):
    """Arrays of one replicate at a time; K arms, batches of B decisions.

    Attributes:
        arms: Chosen arm by decision of the batch, shape (B,).
        users: Index of the user, shape (B,).
        draws: Uniform behind the answer, shape (B,).
        answers: Reward, shape (B,).
        weights: Choice probabilities by arm, shape (K,).
        edges: Their cumulative sums with the floor, at least K - 1, and then numbers above 1.
        tally: Counts of a stretch, shape (2, K).
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
    tally: Integers
    n: Floats
    total: Floats
    ring: Integers
    observed: Integers
    pulls: Integers
    rewards: Integers


@jit
def _count_all(
    arms: Integers, answers: Integers, tally: Integers, pulls: Integers, rewards: Integers
) -> None:
    """Add a stretch of less than 2^32 decisions to the sums.

    Both halves of the stretch are counted at once, in rows of their own, because adding to a number that was
    stored a moment ago has to wait for it. Pulls and rewards are the halves of one number.
    """
    half = arms.shape[0] // 2
    left, right, left_answers, right_answers = arms[:half], arms[half:], answers[:half], answers[half:]
    for k in range(pulls.shape[0]):
        tally[0, k] = tally[1, k] = 0
    for i in range(half):
        tally[0, np.uint64(left[i])] += (left_answers[i] << 32) + 1
        tally[1, np.uint64(right[i])] += (right_answers[i] << 32) + 1
    if right.shape[0] > half:
        tally[1, right[half]] += (right_answers[half] << 32) + 1
    for k in range(pulls.shape[0]):
        pulls[k] += (tally[0, k] & 0xFFFFFFFF) + (tally[1, k] & 0xFFFFFFFF)
        rewards[k] += (tally[0, k] >> 32) + (tally[1, k] >> 32)


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
    checkpoint, greedy, tracing = 0, 0, trace.arms.shape[0] > 0
    unplayed, due = n_arms, n_arms if rule.first_pulls > 0 else 0

    for first in range(0, horizon, batch_size):
        last = min(first + batch_size, horizon)
        if tracing:
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
            believe_normal(rule, n, total, a, b)
        elif rule.family == SOFTMAX:
            boltzmann(n, total, room.observed, rule.rate, room.weights)
        elif rule.family != FIXED:
            greedy = highest(rule.family, n, total, room.observed, first, greedy)
            for k in range(n_arms):
                room.weights[k] = rule.rate / n_arms + (1.0 - rule.rate) * (k == greedy)
        if frozen:
            spread_out(rule, room.weights, room.edges)

        start = first
        while start < last:
            if frozen and due == 0 and (unplayed == 0 or rule.family != EPSILON_GREEDY):
                stop = min(last, checkpoints[checkpoint])
                here = slice(start - first, stop - first)
                arms, draws, answers = room.arms[here], room.draws[here], room.answers[here]
                choose_all(stream, room.edges, arms, draws)
                meet_all(odds, keys, start, arms, room.users[here], draws, answers)
                _count_all(arms, answers, room.tally, pulls, rewards)
            else:
                if rule.floor > 0.0 and uniform(stream) < n_arms * rule.floor:
                    arm = int(uniform(stream) * n_arms)
                elif due > 0:
                    arm = fewest(pulls)
                elif thompson:
                    arm = best_draw(stream, table) if tabled else largest_beta(stream, a, b)
                elif normals:
                    arm = largest_normal(stream, a, b)
                elif rule.family == EPSILON_GREEDY and unplayed > 0:
                    arm = int(uniform(stream) * n_arms) if uniform(stream) < rule.rate else fewest(pulls)
                else:
                    arm = drawn(stream, room.weights)
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

        if tracing:
            for i in range(last - first):
                trace.arms[first + i], trace.users[first + i] = room.arms[i], room.users[i]
                trace.draws[first + i] = room.draws[i]
        if forgets or tabled:
            for i in range(last - first):
                if tabled:
                    add_reward(table, room.arms[i], room.answers[i] == 1)
                else:
                    absorb(rule, room.arms[i], room.answers[i], first + i, n, total, room.ring)
        if not tabled or tracing:
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
            np.full(-(-n_arms // EDGES_AT_ONCE) * EDGES_AT_ONCE, 2.0),
            np.zeros((2, n_arms), dtype=np.int64),
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
