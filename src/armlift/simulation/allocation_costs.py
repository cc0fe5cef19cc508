"""What each way to allocate users costs on the way: conversions lost, users on a worse arm.

Bandits move their weights at the looks, as they do live between two counts; a fixed split pays the same price
at every look. Nothing stops an experiment here, so that all allocations are charged for the same users.

Whether a winner could be declared on such data is asked of propensity-weighted estimates, since the plain
mean of an adaptively sampled arm is biased. So it is asked of the confidence sequence alone, which can take
them; rules on plain counts are not run on bandits' users.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from armlift.bandits import BanditState, Policy
from armlift.errors import ParameterError
from armlift.experiments.rules import Design
from armlift.simulation.batch_scores import batch_score_sums
from armlift.simulation.planning_worlds import Scenario, block_slices, stream
from armlift.statistics.adaptive import ArmScores
from armlift.statistics.moments import ratio
from armlift.statistics.sequential import confidence_sequence

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class AllocationCost:
    """One allocation in one scenario, over all planned looks.

    Attributes:
        allocation: Its name.
        scenario: The world.
        expected_regret: Conversions lost against giving everybody the best arm, mean over replicates.
        regret_error: Its standard error.
        users_worse_arm: Users who met an arm that converts less than the best, mean over replicates.
        users_error: Its standard error.
        users: Users in all.
        declared_winner_rate: Share of replicates in which the confidence sequence of augmented
            inverse-propensity estimates has declared a variant winner (Waudby-Smith et al., 2021; Hadad et
            al., 2021).
        regret_by_look: Mean regret up to each look, shape (looks,).
    """

    allocation: str
    scenario: Scenario
    expected_regret: float
    regret_error: float
    users_worse_arm: float
    users_error: float
    users: int
    declared_winner_rate: float
    regret_by_look: Floats


def allocation_costs(
    allocations: Mapping[str, Policy],
    design: Design,
    scenario: Scenario,
    *,
    replicates: int = 4000,
    seed: int = 0,
) -> tuple[AllocationCost, ...]:
    """Play allocations against a scenario, each with all users of the plan.

    Args:
        allocations: Policies by name.
        design: Arms, looks and users.
        scenario: The truth.
        replicates: Experiments for each allocation.
        seed: The same seed gives the same result.

    Raises:
        ParameterError: A policy cannot serve the arms, or a number lies outside its bound.
    """
    if not 2 <= replicates <= 10_000_000:
        raise ParameterError("replicates", replicates, "2 <= replicates <= 10,000,000", "Try 4000.")
    return tuple(
        _cost(name, policy, design, scenario, replicates, seed) for name, policy in allocations.items()
    )


def _cost(
    name: str, policy: Policy, design: Design, scenario: Scenario, replicates: int, seed: int
) -> AllocationCost:
    rates = scenario.rates(design)
    gaps = rates.max() - rates
    rows = block_slices(replicates)
    streams = [stream(name, seed, block) for block in range(len(rows))]
    state = policy.initial_state(design.n_arms, replicates)
    scores = _no_scores(replicates, design.n_arms)
    regret_by_look, declared = np.zeros(design.looks), np.zeros(replicates, dtype=bool)
    for look in range(design.looks):
        batch = _allocate(policy, state, design.users_per_look * design.n_arms, rows, streams)
        conversions = np.concatenate(
            [rng.binomial(batch.drawn[part], rates) for part, rng in zip(rows, streams, strict=True)]
        )
        first = np.concatenate(
            [rng.binomial(batch.turns[part], rates) for part, rng in zip(rows, streams, strict=True)]
        )
        scores += _scores(batch, conversions, state)
        declared |= _declares(scores, design)
        counts = batch.turns + batch.drawn
        state = policy.merge(state, _observed(counts, first + conversions))
        regret_by_look[look] = (counts @ gaps).mean()
    regret = state.observed @ gaps
    worse = state.observed[:, gaps > 0.0].sum(axis=1)
    return AllocationCost(
        allocation=name,
        scenario=scenario,
        expected_regret=float(regret.mean()),
        regret_error=float(regret.std(ddof=1) / np.sqrt(replicates)),
        users_worse_arm=float(worse.mean()),
        users_error=float(worse.std(ddof=1) / np.sqrt(replicates)),
        users=design.looks * design.users_per_look * design.n_arms,
        declared_winner_rate=float(declared.mean()),
        regret_by_look=regret_by_look.cumsum(),
    )


class _Batch(NamedTuple):
    """Users until the next look, shape (R, K) each: first turns, then those who were drawn by probability."""

    turns: Integers
    drawn: Integers
    probabilities: Floats


def _allocate(
    policy: Policy, state: BanditState, users: int, rows: list[slice], streams: list[np.random.Generator]
) -> _Batch:
    turns = np.minimum(np.maximum(policy.first_pulls - state.pulls, 0), users // state.n_arms)
    probabilities = policy.allocation(replace(state, pending=state.pending + turns))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    others = users - turns.sum(axis=1)
    drawn = [
        rng.multinomial(others[part], probabilities[part]) for part, rng in zip(rows, streams, strict=True)
    ]
    return _Batch(turns, np.concatenate(drawn), probabilities)


def _no_scores(replicates: int, n_arms: int) -> ArmScores:
    return ArmScores(
        np.zeros(replicates), np.zeros((replicates, n_arms)), np.zeros((replicates, n_arms, n_arms))
    )


def _scores(batch: _Batch, conversions: Integers, state: BanditState) -> ArmScores:
    """Scores of a batch; an arm's guess is its mean so far, 0 before its first reward."""
    guesses = ratio(state.total, state.n)
    sums = batch_score_sums(
        batch.drawn.astype(float), conversions.astype(float), batch.probabilities, guesses
    )
    return ArmScores.from_sums(batch.drawn.sum(axis=1).astype(float), *sums)


def _declares(scores: ArmScores, design: Design) -> NDArray[np.bool_]:
    """Whether the confidence sequence of a weighted contrast clears 0 at this look, shape (R,)."""
    treatment, control = scores.against(0)
    effect = confidence_sequence(
        treatment,
        control,
        confidence=1.0 - design.alpha_per_variant,
        alternative=design.alternative,
        tuned_at=design.tuning * design.n_arms,
    )
    found = effect.low > 0.0
    if design.any_arm:
        found |= effect.high < 0.0
    return np.asarray(found[:, 1:].any(axis=-1), dtype=bool)


def _observed(counts: Integers, conversions: Integers) -> BanditState:
    """The rewards of one stretch, as a part that a policy merges."""
    successes = conversions.astype(float)
    return BanditState(
        n=counts.astype(float),
        total=successes,
        squares=successes,
        observed=counts,
        pending=np.zeros_like(counts),
        time=counts.sum(axis=1),
    )
