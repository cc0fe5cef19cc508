"""The interface of every policy: allocation, selection, update, merge."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import ClassVar, NamedTuple

import numpy as np

from armlift.bandits.state import BanditState, Floats, Integers, empty_state
from armlift.errors import ParameterError


class Rule(NamedTuple):
    """A policy in the words of the simulator's fused loop.

    Attributes:
        family: One of the constants below.
        weights: Fixed weights by arm, shape (K,).
        first_pulls: Decisions every arm gets before any is judged.
        floor: Exploration floor by arm.
        rate: epsilon, or the softmax temperature.
        prior: First and second prior parameter.
        discount: Weight of the past after each reward.
        buckets: Buckets of the window; 0 for none.
        bucket_width: Rewards in each bucket.
    """

    family: int
    weights: Floats
    first_pulls: int
    floor: float
    rate: float = 0.0
    prior: tuple[float, float] = (1.0, 1.0)
    discount: float = 1.0
    buckets: int = 0
    bucket_width: int = 1


FIXED, EPSILON_GREEDY, SOFTMAX, UCB1_INDEX, KL_UCB_INDEX, BETA_THOMPSON, NORMAL_THOMPSON = range(7)


class Policy(ABC):
    """A rule that allocates decisions to arms.

    Args:
        floor: Smallest probability f of every arm: the allocation is f + (1 - K f) w, with K f <= 1.
        min_pulls: Decisions every arm gets, in turn, before it is judged.
    """

    id: ClassVar[str]

    def __init__(self, *, floor: float = 0.0, min_pulls: int = 0) -> None:
        if not 0.0 <= floor <= 1.0:
            raise ParameterError("floor", floor, "0 <= floor <= 1 / number of arms", "Try 0.05.")
        if min_pulls < 0 or min_pulls != int(min_pulls):
            raise ParameterError(
                "min_pulls", min_pulls, "min_pulls >= 0, whole", "Use 0 to judge arms at once."
            )
        self.floor = float(floor)
        self.min_pulls = int(min_pulls)

    @property
    def first_pulls(self) -> int:
        """Decisions every arm gets, in turn, before the policy's own rule speaks."""
        return self.min_pulls

    @abstractmethod
    def weights(self, state: BanditState) -> Floats:
        """The policy's own choice probabilities, before the floor and `first_pulls`, shape (R, K)."""

    def rule(self, n_arms: int) -> Rule | None:
        """The policy for the simulator's fused loop; None runs the vectorised path."""
        return None

    def initial_state(self, n_arms: int, replicates: int = 1, time: int = 0) -> BanditState:
        """The state before any reward.

        Args:
            n_arms: Number of arms K, at least 1.
            replicates: Leading axis R.
            time: Clock of a delta that will be merged into a state of that age.

        Raises:
            ParameterError: If there is no arm or the floor does not fit K arms.
        """
        self.check_arms(n_arms)
        return empty_state(n_arms, replicates, time)

    def check_arms(self, n_arms: int) -> None:
        """Refuse a number of arms the policy cannot serve."""
        if n_arms < 1:
            raise ParameterError("n_arms", n_arms, "n_arms >= 1", "Give the experiment at least one arm.")
        if n_arms * self.floor > 1.0 + 1e-12:
            raise ParameterError(
                "floor", self.floor, f"{n_arms} arms x floor <= 1", f"Use at most {1.0 / n_arms:.4g}."
            )

    def allocation(self, state: BanditState) -> Floats:
        """Exact choice probabilities of the next decision, floor included, shape (R, K)."""
        self.check_arms(state.n_arms)
        chosen = self.weights(state)
        if self.first_pulls > 0:
            pulls = state.pulls
            due = pulls.min(axis=1) < self.first_pulls
            if due.any():
                chosen = np.where(due[:, None], one_hot(pulls.argmin(axis=1), state.n_arms), chosen)
        spread: Floats = self.floor + (1.0 - state.n_arms * self.floor) * chosen
        return spread

    def select(self, state: BanditState, rng: np.random.Generator) -> tuple[Integers, Floats]:
        """Draw an arm for each replicate.

        Returns:
            Arms, shape (R,), and the probabilities with which they were chosen, shape (R,).
        """
        probabilities = self.allocation(state)
        edges = probabilities.cumsum(axis=1)
        draws = rng.random(len(edges)) * edges[:, -1]
        arms = np.minimum((edges <= draws[:, None]).sum(axis=1), state.n_arms - 1)
        return arms, np.take_along_axis(probabilities, arms[:, None], axis=1)[:, 0]

    def record(self, state: BanditState, arm: Integers) -> BanditState:
        """Note decisions whose rewards are out, so that `first_pulls` takes its turns inside a batch."""
        pending = state.pending.copy()
        pending[np.arange(len(arm)), arm] += 1
        return replace(state, pending=pending)

    def update(self, state: BanditState, arm: Integers, reward: Floats) -> BanditState:
        """Add one reward for each replicate.

        Args:
            state: State to start from; it is not changed.
            arm: Arms that were played, shape (R,).
            reward: Their rewards, shape (R,).
        """
        arm, reward = np.asarray(arm), np.asarray(reward, dtype=float)
        self.check_reward(reward)
        if (arm < 0).any() or (arm >= state.n_arms).any():
            raise ParameterError("arm", arm, f"0 <= arm < {state.n_arms}", "Use the index of an arm.")
        rows = np.arange(len(arm))
        n, total, squares = state.n.copy(), state.total.copy(), state.squares.copy()
        observed, pending = state.observed.copy(), state.pending.copy()
        n[rows, arm] += 1.0
        total[rows, arm] += reward
        squares[rows, arm] += reward * reward
        observed[rows, arm] += 1
        pending[rows, arm] = np.maximum(pending[rows, arm] - 1, 0)
        return replace(
            state, n=n, total=total, squares=squares, observed=observed, pending=pending, time=state.time + 1
        )

    def merge(self, state: BanditState, delta: BanditState) -> BanditState:
        """Add the rewards of another process, batch or day to a state."""
        return replace(
            state,
            n=state.n + delta.n,
            total=state.total + delta.total,
            squares=state.squares + delta.squares,
            observed=state.observed + delta.observed,
            pending=state.pending + delta.pending,
            time=np.maximum(state.time, delta.time),
        )

    def check_reward(self, reward: Floats) -> None:
        """Refuse rewards that the policy cannot learn from."""
        if not np.isfinite(reward).all():
            raise ParameterError("reward", reward[~np.isfinite(reward)][0], "finite", "Drop the event.")


def check_unit_reward(reward: Floats) -> None:
    """Refuse rewards outside [0, 1], for rules that are only valid there."""
    outside = ~((reward >= 0.0) & (reward <= 1.0))
    if outside.any():
        raise ParameterError(
            "reward", reward[outside][0], "0 <= reward <= 1", "Scale it, or use thompson_gaussian."
        )


def one_hot(arm: Integers, n_arms: int) -> Floats:
    """All probability on one arm for each replicate, shape (R, K)."""
    return np.eye(n_arms)[arm]


def greedy_arm(state: BanditState, score: Floats) -> Integers:
    """The arm with the highest score, shape (R,): unplayed arms first, ties to the lowest index.

    An arm whose first rewards are still out counts as +infinity, but after arms that were never played.
    """
    ranked = np.where(state.observed > 0, score, np.inf)
    unplayed = state.pulls == 0
    arms: Integers = np.where(unplayed.any(axis=1), unplayed.argmax(axis=1), ranked.argmax(axis=1))
    return arms
