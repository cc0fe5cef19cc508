"""Policies on plain means: epsilon-greedy and softmax."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from armlift.bandits.policy import EPSILON_GREEDY, SOFTMAX, Policy, Rule, greedy_arm, one_hot
from armlift.bandits.state import BanditState, Floats
from armlift.errors import ParameterError


class EpsilonGreedy(Policy):
    """The arm with the best mean; with probability epsilon any arm, uniformly.

    An unplayed arm counts as +infinity; ties go to the lowest index (Sutton and Barto, 2018, chapter 2).

    Args:
        epsilon: Probability of a uniform draw over all arms.
        floor: See `Policy`.
        min_pulls: See `Policy`.
    """

    id: ClassVar[str] = "epsilon_greedy"

    def __init__(self, epsilon: float = 0.1, *, floor: float = 0.0, min_pulls: int = 0) -> None:
        super().__init__(floor=floor, min_pulls=min_pulls)
        if not 0.0 <= epsilon <= 1.0:
            raise ParameterError("epsilon", epsilon, "0 <= epsilon <= 1", "Try 0.1.")
        self.epsilon = float(epsilon)

    def weights(self, state: BanditState) -> Floats:
        """Mixture of the greedy arm and the uniform draw, shape (R, K)."""
        greedy = one_hot(greedy_arm(state, state.mean), state.n_arms)
        mixed: Floats = self.epsilon / state.n_arms + (1.0 - self.epsilon) * greedy
        return mixed

    def rule(self, n_arms: int) -> Rule:
        """The policy for the fused loop."""
        return Rule(EPSILON_GREEDY, np.zeros(n_arms), self.first_pulls, self.floor, self.epsilon)


class Softmax(Policy):
    """Probabilities proportional to exp(mean / temperature): Boltzmann exploration.

    While arms without rewards remain they share the probability equally: their score is +infinity.

    Args:
        temperature: In units of reward; towards 0 the best mean takes all.
        floor: See `Policy`.
        min_pulls: See `Policy`.
    """

    id: ClassVar[str] = "softmax"

    def __init__(self, temperature: float = 0.1, *, floor: float = 0.0, min_pulls: int = 0) -> None:
        super().__init__(floor=floor, min_pulls=min_pulls)
        if not 0.0 < temperature < np.inf:
            raise ParameterError("temperature", temperature, "0 < temperature < infinity", "Try 0.1.")
        self.temperature = float(temperature)

    def weights(self, state: BanditState) -> Floats:
        """Boltzmann weights, shape (R, K)."""
        unknown = state.observed == 0
        some_unknown = unknown.any(axis=1, keepdims=True)
        mean = np.where(unknown, -np.inf, state.mean)
        top = np.where(some_unknown, 0.0, mean.max(axis=1, keepdims=True))
        boltzmann = np.where(some_unknown, unknown, np.exp((mean - top) / self.temperature))
        scaled: Floats = boltzmann / boltzmann.sum(axis=1, keepdims=True)
        return scaled

    def rule(self, n_arms: int) -> Rule:
        """The policy for the fused loop."""
        return Rule(SOFTMAX, np.zeros(n_arms), self.first_pulls, self.floor, self.temperature)
