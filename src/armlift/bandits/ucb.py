"""Index policies: the arm with the highest upper confidence bound."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from armlift.bandits import kernels
from armlift.bandits.policy import (
    KL_UCB_INDEX,
    UCB1_INDEX,
    Policy,
    Rule,
    check_unit_reward,
    greedy_arm,
    one_hot,
)
from armlift.bandits.state import BanditState, Floats
from armlift.jit import jit_allocating


@jit_allocating
def _indices(use_kl: bool, mean: Floats, n: Floats, t: Floats) -> Floats:
    out = np.full_like(mean, np.inf)
    for row in range(mean.shape[0]):
        for arm in range(mean.shape[1]):
            if n[row, arm] > 0:
                if use_kl:
                    out[row, arm] = kernels.kl_ucb_index(mean[row, arm], n[row, arm], t[row])
                else:
                    out[row, arm] = kernels.ucb1_index(mean[row, arm], n[row, arm], t[row])
    return out


class _IndexPolicy(Policy):
    """Every arm once first, in turn; then the highest index, ties to the lowest arm."""

    @property
    def first_pulls(self) -> int:
        """Every arm is played at least once before the index speaks."""
        return max(1, self.min_pulls)

    @abstractmethod
    def index(self, state: BanditState) -> Floats:
        """Upper confidence bound by arm, shape (R, K); +infinity where nothing was observed."""

    def weights(self, state: BanditState) -> Floats:
        """All on the arm with the highest index, shape (R, K)."""
        return one_hot(greedy_arm(state, self.index(state)), state.n_arms)

    def check_reward(self, reward: Floats) -> None:
        """The bounds hold for rewards in [0, 1]."""
        check_unit_reward(reward)


class UCB1(_IndexPolicy):
    """Index mean + sqrt(2 ln t / n), t the rewards observed so far (Auer et al., 2002).

    Args:
        floor: See `Policy`.
        min_pulls: See `Policy`.
    """

    id: ClassVar[str] = "ucb1"

    def index(self, state: BanditState) -> Floats:
        """UCB1's index, shape (R, K)."""
        result: Floats = _indices(False, state.mean, state.n, state.observed.sum(axis=1).astype(float))
        return result

    def rule(self, n_arms: int) -> Rule:
        """The policy for the fused loop."""
        return Rule(UCB1_INDEX, np.zeros(n_arms), self.first_pulls, self.floor)


class KLUCB(_IndexPolicy):
    """Index: the largest q with n kl(mean, q) <= ln t (Garivier and Cappe, 2011).

    Args:
        floor: See `Policy`.
        min_pulls: See `Policy`.
    """

    id: ClassVar[str] = "kl_ucb"

    def index(self, state: BanditState) -> Floats:
        """KL-UCB's index, shape (R, K)."""
        result: Floats = _indices(True, state.mean, state.n, state.observed.sum(axis=1).astype(float))
        return result

    def rule(self, n_arms: int) -> Rule:
        """The policy for the fused loop."""
        return Rule(KL_UCB_INDEX, np.zeros(n_arms), self.first_pulls, self.floor)
