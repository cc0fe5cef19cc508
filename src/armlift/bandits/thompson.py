"""Thompson sampling: play each arm with the probability that it is the best."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np

from armlift.bandits.policy import BETA_THOMPSON, NORMAL_THOMPSON, Policy, Rule, check_unit_reward
from armlift.bandits.state import BanditState, Floats, Integers, empty_state
from armlift.errors import ParameterError
from armlift.statistics.best_arm import probability_best_beta, probability_best_normal

_MOST_BUCKETS = 50


class Posterior(NamedTuple):
    """Posterior of each arm's mean reward.

    Attributes:
        first: Beta's a, or the Normal's mean, shape (R, K).
        second: Beta's b, or the Normal's standard deviation, shape (R, K).
    """

    first: Floats
    second: Floats


class ThompsonSampling(Policy):
    """Plays each arm with its posterior probability of being the best (Thompson, 1933).

    The policy's id names its kind: `thompson`, `thompson_gaussian`, `thompson_discounted` (Raj and Kalyani,
    2017) or `thompson_window` (Trovo et al., 2020).

    Args:
        prior: For `bernoulli` the a and b of a Beta; for `gaussian` the prior mean and the number of
            observations it is worth.
        model: `bernoulli` for rewards in [0, 1]; `gaussian` for any reward: a Normal with the arm's own
            variance, estimated beside one pseudo-observation of variance 1.
        discount: Weight of the past after each reward; below 1 the policy forgets.
        window: Number of last rewards, over all arms, that count; None for all. Kept as at most 50
            buckets, so the oldest bucket leaves at once.
        floor: See `Policy`.
        min_pulls: See `Policy`.

    Example:
        >>> policy = ThompsonSampling()
        >>> state = policy.update(policy.initial_state(2), np.array([0]), np.array([1.0]))
        >>> policy.allocation(state).round(4)
        array([[0.6667, 0.3333]])
    """

    def __init__(
        self,
        prior: tuple[float, float] = (1, 1),
        model: Literal["bernoulli", "gaussian"] = "bernoulli",
        discount: float = 1.0,
        window: int | None = None,
        *,
        floor: float = 0.0,
        min_pulls: int = 0,
    ) -> None:
        super().__init__(floor=floor, min_pulls=min_pulls)
        if model not in ("bernoulli", "gaussian"):
            raise ParameterError("model", model, "bernoulli or gaussian", "Choose one of them.")
        lowest = 0.0 if model == "bernoulli" else -np.inf
        if len(prior) != 2 or not (lowest < prior[0] < np.inf and 0.0 < prior[1] < np.inf):
            raise ParameterError(
                "prior", prior, "two numbers, positive but for a gaussian mean", "Try (1, 1)."
            )
        if not 0.0 < discount <= 1.0:
            raise ParameterError("discount", discount, "0 < discount <= 1", "Try 0.999, or 1 for none.")
        if window is not None and (window < 1 or window != int(window)):
            raise ParameterError("window", window, "window >= 1, whole", "Use None to keep all rewards.")
        if window is not None and discount < 1.0:
            raise ParameterError("window", window, "None when discount < 1", "Forget in one way only.")
        self.prior = (float(prior[0]), float(prior[1]))
        self.model = model
        self.discount = float(discount)
        self.window = None if window is None else int(window)

    @property
    def id(self) -> str:  # type: ignore[override]
        """The policy's id, by how it forgets and what it models."""
        if self.window is not None:
            return "thompson_window"
        if self.discount < 1.0:
            return "thompson_discounted"
        return "thompson" if self.model == "bernoulli" else "thompson_gaussian"

    @property
    def buckets(self) -> int:
        """Buckets of the window; 0 without one."""
        return 0 if self.window is None else -(-self.window // self.bucket_width)

    @property
    def bucket_width(self) -> int:
        """Rewards in each bucket of the window."""
        return 1 if self.window is None else -(-self.window // _MOST_BUCKETS)

    def initial_state(self, n_arms: int, replicates: int = 1, time: int = 0) -> BanditState:
        """See `Policy.initial_state`; windowed policies keep a ring of sums."""
        self.check_arms(n_arms)
        return empty_state(n_arms, replicates, time, self.buckets)

    def posterior(self, state: BanditState) -> Posterior:
        """Posterior of each arm's mean reward."""
        first, second = self.prior
        if self.model == "bernoulli":
            return Posterior(first + state.total, second + np.maximum(state.n - state.total, 0.0))
        weight = second + state.n
        mean = (second * first + state.total) / weight
        scatter = state.squares + second * first * first - weight * mean * mean
        variance = (1.0 + np.maximum(scatter, 0.0)) / (1.0 + state.n)
        return Posterior(mean, np.sqrt(variance / weight))

    def weights(self, state: BanditState) -> Floats:
        """P(arm is best) by quadrature, shape (R, K)."""
        best = probability_best_beta if self.model == "bernoulli" else probability_best_normal
        return best(*self.posterior(state))

    def update(self, state: BanditState, arm: Integers, reward: Floats) -> BanditState:
        """Age the sums by one reward, then add it."""
        if state.ring is not None:
            return self._update_window(state, np.asarray(arm), np.asarray(reward, dtype=float))
        return super().update(self._aged(state, state.time + 1), arm, reward)

    def merge(self, state: BanditState, delta: BanditState) -> BanditState:
        """Add a delta after bringing both to the later of their times."""
        later = np.maximum(state.time, delta.time)
        merged = super().merge(self._aged(state, later), self._aged(delta, later))
        if state.ring is None or delta.ring is None:
            return merged
        ring = self._aged_ring(state, later) + self._aged_ring(delta, later)
        return self._with_ring(merged, ring)

    def check_reward(self, reward: Floats) -> None:
        """Bernoulli rewards lie in [0, 1]; others are finite."""
        if self.model == "bernoulli":
            check_unit_reward(reward)
        else:
            super().check_reward(reward)

    def rule(self, n_arms: int) -> Rule:
        """The policy for the fused loop."""
        return Rule(
            BETA_THOMPSON if self.model == "bernoulli" else NORMAL_THOMPSON,
            np.zeros(n_arms),
            self.first_pulls,
            self.floor,
            prior=self.prior,
            discount=self.discount,
            buckets=self.buckets,
            bucket_width=self.bucket_width,
        )

    def _aged(self, state: BanditState, time: Integers) -> BanditState:
        """The state's sums discounted to a later time; the clock itself is set by the caller."""
        if self.discount == 1.0:
            return state
        factor = (self.discount ** (time - state.time))[:, None]
        return replace(state, n=state.n * factor, total=state.total * factor, squares=state.squares * factor)

    def _aged_ring(self, state: BanditState, time: Integers) -> Floats:
        """The ring with the buckets emptied that have left the window by `time`, shape (3, R, K, buckets)."""
        assert state.ring is not None
        slots = np.arange(self.buckets)
        current = (state.time[:, None] - 1) // self.bucket_width
        newest = current - (current - slots) % self.buckets  # bucket number that each slot holds
        expired = newest <= (time[:, None] - 1) // self.bucket_width - self.buckets
        aged: Floats = np.where(expired[None, :, None, :], 0.0, state.ring)
        return aged

    def _update_window(self, state: BanditState, arm: Integers, reward: Floats) -> BanditState:
        counted = super().update(state, arm, reward)
        ring = self._aged_ring(state, counted.time)
        rows, slot = np.arange(len(arm)), (state.time // self.bucket_width) % self.buckets
        for power in range(3):
            ring[power, rows, arm, slot] += reward**power
        return self._with_ring(counted, ring)

    @staticmethod
    def _with_ring(state: BanditState, ring: Floats) -> BanditState:
        n, total, squares = ring.sum(axis=-1)
        return replace(state, n=n, total=total, squares=squares, ring=ring)
