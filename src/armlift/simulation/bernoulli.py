"""Policies against arms with known click rates: the field's standard test bed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from armlift.bandits.policy import Policy
from armlift.simulation.runner import simulate
from armlift.simulation.world import Floats, Integers, bernoulli_world


@dataclass(frozen=True)
class BernoulliResult:
    """Outcome of `run_bernoulli`; R replicates, K arms.

    Attributes:
        cumulative_regret: Pseudo-regret, shape (R,): the sum over decisions of max(means) - means[arm].
        cumulative_reward: Sum of rewards, shape (R,).
        pulls: Decisions by arm, shape (R, K).
    """

    cumulative_regret: Floats
    cumulative_reward: Floats
    pulls: Integers


def run_bernoulli(
    policy: Policy,
    means: Sequence[float],
    horizon: int,
    replicates: int = 1,
    seed: int = 0,
    batch_size: int = 1,
    workers: int | None = None,
) -> BernoulliResult:
    """Play a policy against Bernoulli arms.

    Args:
        policy: The policy.
        means: True mean of each arm, in [0, 1].
        horizon: Decisions in each replicate.
        replicates: Independent replicates R.
        seed: The same seed gives the same result.
        batch_size: Rewards arrive after each batch of so many decisions.
        workers: Threads; all cores when None. The result does not depend on it.

    Raises:
        ParameterError: If a number lies outside its bound.

    Example:
        >>> from armlift.bandits import UCB1
        >>> run_bernoulli(UCB1(), means=[0.9, 0.1], horizon=10).pulls.sum()
        np.int64(10)
    """
    world = bernoulli_world(np.asarray(means, dtype=float))
    run = simulate(
        policy,
        world,
        horizon=horizon,
        replicates=replicates,
        seed=seed,
        batch_size=batch_size,
        workers=workers,
    )
    pulls = run.pulls[:, -1].astype(np.int64)
    return BernoulliResult(
        cumulative_regret=pulls @ world.gaps,
        cumulative_reward=run.rewards[:, -1].sum(axis=1).astype(float),
        pulls=pulls,
    )
