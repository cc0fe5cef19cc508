"""What was fixed before the start, and a rule may therefore rely on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from armlift.errors import ParameterError
from armlift.statistics.effect import Alternative


@dataclass(frozen=True, slots=True)
class Design:
    """The declared part of an experiment on a conversion rate; K arms, the first is the control.

    Attributes:
        baseline: Conversion rate of the control, 0 to 1.
        looks: Planned looks, equally spaced in users.
        users_per_look: Users an arm is expected to get between two looks.
        mde: Smallest effect worth finding, relative to the baseline; above 0.
        alpha: Accepted rate of false winners, over all looks and variants.
        any_arm: Whether a control that beats its variant counts as a winner too.
        minimum_sample: Users every arm must have before a rule may decide.
        weights: Share of traffic by arm, shape (K,); equal for two arms unless told.
        tuned_at: Users per arm at which sequential bounds are tightest; None for the planned end.

    Example:
        >>> Design(baseline=0.1, looks=30, users_per_look=1000, mde=0.05).users_per_arm
        30000
    """

    baseline: float
    looks: int
    users_per_look: int
    mde: float
    alpha: float = 0.05
    any_arm: bool = False
    minimum_sample: int = 0
    weights: tuple[float, ...] = (1.0, 1.0)
    tuned_at: float | None = None

    def __post_init__(self) -> None:
        _check("baseline", self.baseline, 0.0 < self.baseline < 1.0, "0 < baseline < 1", "Give a share: 0.1.")
        _check("looks", self.looks, 1 <= self.looks <= 1000, "1 <= looks <= 1000", "Try 30.")
        _check(
            "users_per_look",
            self.users_per_look,
            1 <= self.users_per_look <= 10**9,
            "1 <= users per look and arm <= 1e9",
            "Try 1000.",
        )
        _check("mde", self.mde, 0.0 < self.mde < math.inf, "mde > 0, relative", "Write 0.05 for 5 %.")
        _check("alpha", self.alpha, 0.0 < self.alpha < 0.5, "0 < alpha < 0.5", "Try 0.05.")
        _check(
            "minimum_sample",
            self.minimum_sample,
            self.minimum_sample >= 0,
            "minimum sample >= 0",
            "Use 0 for none.",
        )
        if len(self.weights) < 2 or not all(0.0 < weight < math.inf for weight in self.weights):
            raise ParameterError(
                "weights", self.weights, "two or more, all above 0", "Give one for each arm."
            )
        if self.tuned_at is not None and not 1.0 <= self.tuned_at < math.inf:
            raise ParameterError("tuned_at", self.tuned_at, "tuned_at >= 1", "Give users per arm.")

    @property
    def n_arms(self) -> int:
        """Number of arms K."""
        return len(self.weights)

    @property
    def shares(self) -> NDArray[np.float64]:
        """Share of the users by arm, shape (K,); sums to 1."""
        weights = np.asarray(self.weights)
        shares: NDArray[np.float64] = weights / weights.sum()
        return shares

    @property
    def users_per_arm(self) -> int:
        """Users an arm is expected to have at the last look."""
        return self.looks * self.users_per_look

    @property
    def alpha_per_variant(self) -> float:
        """Alpha of one variant against the control: Bonferroni over the variants."""
        return self.alpha / (self.n_arms - 1)

    @property
    def alternative(self) -> Alternative:
        """One-sided where only a variant can win, two-sided where the control can as well."""
        return "two-sided" if self.any_arm else "greater"

    @property
    def tuning(self) -> float:
        """Users per arm at which sequential bounds are tightest."""
        return float(self.users_per_arm) if self.tuned_at is None else self.tuned_at

    @property
    def absolute_mde(self) -> float:
        """Smallest effect worth finding, in conversions per user."""
        return self.baseline * self.mde


def _check(name: str, value: float, holds: bool, bound: str, remedy: str) -> None:
    if not holds:
        raise ParameterError(name, value, bound, remedy)
