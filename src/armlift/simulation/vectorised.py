"""The vectorised path: any policy, through its public interface, a block of replicates at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from armlift.bandits.draws import stream_key, uniform_at
from armlift.bandits.policy import Policy
from armlift.jit import jit_allocating
from armlift.simulation.answers import OUTCOMES, USERS, Odds, arriving_user
from armlift.simulation.fused import Trace
from armlift.simulation.world import Floats, Integers


@jit_allocating
def _answers(
    odds: Odds, seed: int, replicates: Integers, decision: int, arms: Integers
) -> tuple[Integers, Floats, Floats]:
    """User, uniform draw and reward of one decision in each replicate, as the fused loop has them."""
    users = np.empty(len(arms), dtype=np.int64)
    draws, rewards = np.empty(len(arms)), np.empty(len(arms))
    n_arms = odds.click_probability.shape[1]
    for i in range(len(arms)):
        key = stream_key(seed, USERS, replicates[i])
        users[i] = arriving_user(key, decision, odds.keep, odds.other)
        draws[i] = uniform_at(stream_key(seed, OUTCOMES, replicates[i]), decision * n_arms + arms[i])
        rewards[i] = 1.0 if draws[i] < odds.click_probability[users[i], arms[i]] else 0.0
    return users, draws, rewards


def play_vectorised(
    policy: Policy,
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
    """Simulate a block of replicates; see `armlift.simulation.fused.play` for the arguments.

    The policy's random stream is keyed by (seed, policy, first replicate of the block).
    """
    rng = np.random.default_rng([seed, policy_code, int(replicates[0])])
    rows = np.arange(len(replicates))
    state = policy.initial_state(odds.click_probability.shape[1], len(replicates))
    pulls, rewards = np.zeros(state.n.shape, dtype=np.int64), np.zeros(state.n.shape, dtype=np.int64)
    traced = replicates[0] == 0 and len(trace.arms) > 0
    late: list[tuple[Integers, Floats]] = []
    checkpoint = 0
    for decision in range(horizon):
        if len(late) == batch_size:
            for arms, answers in late:
                state = policy.update(state, arms, answers)
            late.clear()
        if traced and decision % batch_size == 0:
            batch = decision // batch_size
            trace.n[batch], trace.total[batch] = state.n[0], state.total[0]
            trace.observed[batch] = state.observed[0]
        arms, propensities = policy.select(state, rng)
        state = policy.record(state, arms)
        users, draws, answers = _answers(odds, seed, replicates, decision, arms)
        late.append((arms, answers))
        pulls[rows, arms] += 1
        rewards[rows, arms] += answers.astype(np.int64)
        if traced:
            trace.arms[decision], trace.users[decision] = arms[0], users[0]
            trace.draws[decision], trace.propensities[decision] = draws[0], propensities[0]
        if decision + 1 == checkpoints[checkpoint]:
            pulls_at[:, checkpoint], rewards_at[:, checkpoint] = pulls, rewards
            checkpoint += 1
