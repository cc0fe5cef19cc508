"""The fixed split: an A/B test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from armlift.bandits.policy import FIXED, Policy, Rule
from armlift.bandits.state import BanditState, Floats
from armlift.errors import ParameterError


class FixedSplit(Policy):
    """Allocates by constant weights, whatever the rewards.

    Args:
        weights: Relative weight of each arm; equal when omitted. They are normalised.
        floor: See `Policy`.
        min_pulls: See `Policy`.

    Example:
        >>> policy = FixedSplit([3, 1])
        >>> policy.allocation(policy.initial_state(2))
        array([[0.75, 0.25]])
    """

    id: ClassVar[str] = "fixed"

    def __init__(
        self, weights: Sequence[float] | None = None, *, floor: float = 0.0, min_pulls: int = 0
    ) -> None:
        super().__init__(floor=floor, min_pulls=min_pulls)
        self.split: Floats | None = None
        if weights is not None:
            given = np.asarray(weights, dtype=float)
            if given.ndim != 1 or not np.isfinite(given).all() or (given < 0).any() or given.sum() <= 0:
                raise ParameterError("weights", weights, "finite, >= 0, sum > 0", "Give one for each arm.")
            self.split = given / given.sum()

    def check_arms(self, n_arms: int) -> None:
        """Refuse a number of arms other than the number of weights."""
        super().check_arms(n_arms)
        if self.split is not None and len(self.split) != n_arms:
            raise ParameterError(
                "weights", self.split.tolist(), f"one for each of {n_arms} arms", "Add or remove weights."
            )

    def weights(self, state: BanditState) -> Floats:
        """The split, shape (R, K)."""
        split = np.full(state.n_arms, 1.0 / state.n_arms) if self.split is None else self.split
        return np.tile(split, (len(state.n), 1))

    def rule(self, n_arms: int) -> Rule:
        """The split for the fused loop."""
        split = np.full(n_arms, 1.0 / n_arms) if self.split is None else self.split
        return Rule(FIXED, split, self.first_pulls, self.floor)
