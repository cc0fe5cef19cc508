"""Runs policies against a world over replicates, in parallel; any number of workers gives the same result."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from armlift.bandits.draws import name_code
from armlift.bandits.policy import Policy, Rule
from armlift.bandits.state import BanditState
from armlift.errors import ParameterError
from armlift.simulation.answers import Odds
from armlift.simulation.fused import Trace, play
from armlift.simulation.vectorised import play_vectorised
from armlift.simulation.world import Floats, Integers, World

#: Replicates simulated together; fixed, so that results cannot depend on the number of workers.
_BLOCK = 20


@dataclass(frozen=True)
class DecisionTrace:
    """Every decision of replicate 0; T decisions.

    Attributes:
        arms: Index of the chosen arm, shape (T,).
        users: Index of the user, shape (T,).
        draws: Uniform behind the answer, shape (T,): a click if it lies below the click probability.
        propensities: Probability with which the arm was chosen, shape (T,).
        batches: Number of the batch, which is the version of the allocation, shape (T,).
        states: The policy's state at the start of each batch, as replicates of one state.
    """

    arms: Integers
    users: Integers
    draws: Floats
    propensities: Floats
    batches: Integers
    states: BanditState


@dataclass(frozen=True)
class PolicyRun:
    """What a policy did in a world; R replicates, C checkpoints, K arms.

    Attributes:
        policy_id: The policy's id.
        decisions: Decisions made at each checkpoint, shape (C,).
        pulls: Cumulative decisions by arm, shape (R, C, K).
        rewards: Cumulative rewards by arm, shape (R, C, K).
        trace: Replicate 0, decision by decision; None unless asked for.
    """

    policy_id: str
    decisions: Integers
    pulls: NDArray[np.int32]
    rewards: NDArray[np.int32]
    trace: DecisionTrace | None


def alias_table(shares: Floats) -> tuple[Floats, Integers]:
    """Constant-time draws from a discrete distribution (Walker, 1977; Vose, 1991).

    Args:
        shares: Probabilities that sum to 1, shape (U,).

    Returns:
        Probability of keeping the cell that was hit, and the cell to take otherwise, each of shape (U,).
    """
    keep, other = shares * len(shares), np.arange(len(shares))
    small = [cell for cell in range(len(shares)) if keep[cell] < 1.0]
    large = [cell for cell in range(len(shares)) if keep[cell] >= 1.0]
    while small and large:
        poor, rich = small.pop(), large[-1]
        other[poor] = rich
        keep[rich] -= 1.0 - keep[poor]
        if keep[rich] < 1.0:
            small.append(large.pop())
    keep[small + large] = 1.0  # what rounding left over
    return keep, other


def simulate(
    policy: Policy,
    world: World,
    *,
    horizon: int,
    replicates: int,
    seed: int,
    batch_size: int = 1,
    checkpoints: int = 1,
    workers: int | None = None,
    traced: bool = False,
) -> PolicyRun:
    """Play a policy in a world, over independent replicates.

    Replicate r of every policy meets the same users and the same potential outcomes, so that policies are
    compared on paired replicates.

    Args:
        policy: The policy.
        world: The truth it is played against.
        horizon: Decisions in each replicate.
        replicates: Number of replicates R.
        seed: Seed of all random streams, 0 or more.
        batch_size: Rewards arrive after each batch of so many decisions.
        checkpoints: Number of equally spaced points at which sums are kept, at most one for each decision;
            the last is the horizon.
        workers: Threads; all cores when None. The result does not depend on it.
        traced: Keep every decision of replicate 0.

    Raises:
        ParameterError: If a number lies outside its bound.
    """
    for name, value, least in (
        ("horizon", horizon, 1),
        ("replicates", replicates, 1),
        ("batch_size", batch_size, 1),
        ("checkpoints", checkpoints, 1),
        ("seed", seed, 0),
        ("workers", 1 if workers is None else workers, 1),
    ):
        if value < least:
            raise ParameterError(name, value, f"{name} >= {least}", "Choose a larger number.")
    n_arms = len(world.arms)
    policy.check_arms(n_arms)
    points = np.linspace(0, horizon, min(checkpoints, horizon) + 1)
    decisions = points[1:].round().astype(np.int64)
    shape = (replicates, len(decisions), n_arms)
    pulls, rewards = np.empty(shape, dtype=np.int32), np.empty(shape, dtype=np.int32)
    trace = _empty_trace(horizon if traced else 0, batch_size, n_arms)
    odds = Odds(np.ascontiguousarray(world.click_probability), *alias_table(world.arrival_shares))
    rule = policy.rule(n_arms)

    def run_block(first: int) -> None:
        ids = np.arange(first, min(first + _BLOCK, replicates))
        block = slice(first, first + len(ids))
        task = odds, horizon, batch_size, decisions, seed, name_code(policy.id), ids
        if rule is None:
            play_vectorised(policy, *task, pulls[block], rewards[block], trace)
        else:
            play(rule, *task, pulls[block], rewards[block], trace)

    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        list(pool.map(run_block, range(0, replicates, _BLOCK)))
    kept = _decision_trace(policy, rule, trace, batch_size) if traced else None
    return PolicyRun(policy.id, decisions, pulls, rewards, kept)


def _empty_trace(horizon: int, batch_size: int, n_arms: int) -> Trace:
    shape = (-(-horizon // batch_size), n_arms)
    return Trace(
        arms=np.zeros(horizon, dtype=np.int64),
        users=np.zeros(horizon, dtype=np.int64),
        draws=np.zeros(horizon),
        propensities=np.zeros(horizon),
        n=np.zeros(shape),
        total=np.zeros(shape),
        observed=np.zeros(shape, dtype=np.int64),
    )


def _decision_trace(policy: Policy, rule: Rule | None, trace: Trace, batch_size: int) -> DecisionTrace:
    batches = np.arange(len(trace.arms)) // batch_size
    states = BanditState(
        n=trace.n,
        total=trace.total,
        squares=trace.total,  # rewards are 0 or 1
        observed=trace.observed,
        pending=np.zeros_like(trace.observed),
        time=trace.observed.sum(axis=1),
    )
    propensities = trace.propensities
    if rule is not None:
        propensities = _propensities(policy, rule, trace.arms, batches, states)
    return DecisionTrace(trace.arms, trace.users, trace.draws, propensities, batches, states)


def _propensities(
    policy: Policy, rule: Rule, arms: Integers, batches: Integers, states: BanditState
) -> Floats:
    """Choice probability of each decision, from the allocation of its batch.

    Up to the batch in which arms end their first turns the allocation changes inside a batch with the
    pending decisions, so those decisions get a state of their own.
    """
    chosen = np.eye(states.n_arms, dtype=np.int64)[arms]
    pulls = chosen.cumsum(axis=0) - chosen
    turns = int((pulls.min(axis=1) < max(rule.first_pulls, 1)).sum())
    of_batch = np.take_along_axis(policy.allocation(states)[batches], arms[:, None], axis=1)[:, 0]
    if turns:
        turns = int(np.searchsorted(batches, batches[turns - 1], side="right"))
        early = batches[:turns]
        own = BanditState(
            n=states.n[early],
            total=states.total[early],
            squares=states.squares[early],
            observed=states.observed[early],
            pending=pulls[:turns] - states.observed[early],
            time=states.time[early],
        )
        of_batch[:turns] = np.take_along_axis(policy.allocation(own), arms[:turns, None], axis=1)[:, 0]
    return of_batch
