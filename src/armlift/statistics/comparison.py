"""What a plan is about: a metric before the experiment, and how variants will be compared with control."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armlift.errors import ParameterError
from armlift.statistics.effect import Alternative
from armlift.statistics.moments import Proportion, Sample

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """What is known of a metric before the experiment.

    Attributes:
        value: Value in the control arm, shape (...).
        sd: Standard deviation of a unit in the metric's unit, the same in all arms, shape (...); None for a
            proportion, whose variance follows from its value.
    """

    value: Floats
    sd: Floats | None

    @classmethod
    def proportion(cls, value: ArrayLike) -> Self:
        """A share of units, such as the conversion rate; 0 < value < 1."""
        share = np.asarray(value, float)
        check_all(
            "value", share, (share > 0.0) & (share < 1.0), "0 < value < 1", "Pass a share, not percent."
        )
        return cls(share, None)

    @classmethod
    def mean(cls, value: ArrayLike, sd: ArrayLike) -> Self:
        """A mean, such as revenue per user, with the standard deviation of a unit."""
        centre, width = np.broadcast_arrays(np.asarray(value, float), np.asarray(sd, float))
        check_all("value", centre, np.isfinite(centre), "finite", "Pass the metric's mean.")
        check_all(
            "sd", width, (width > 0.0) & np.isfinite(width), "0 < sd < infinity", "Measure it on old data."
        )
        return cls(centre, width)

    @classmethod
    def of(cls, sample: Sample) -> Self:
        """From old data of any metric; the way for ratios."""
        if isinstance(sample, Proportion):
            return cls.proportion(sample.value)
        return cls.mean(sample.value, np.sqrt(sample.variance))

    def absolute(self, effect: ArrayLike, relative: bool) -> Floats:
        """An effect in the metric's unit; a relative one is a share of the value's size."""
        change = np.asarray(effect, float)
        check_all("effect", change, np.isfinite(change), "finite", "Name the difference to find.")
        return change * np.abs(self.value) if relative else change

    def variance(self, effect: Floats | float = 0.0) -> Floats:
        """Variance of a unit where the metric has changed by `effect`."""
        if self.sd is not None:
            return np.broadcast_to(self.sd**2, np.broadcast_shapes(self.sd.shape, np.shape(effect)))
        moved = np.asarray(self.value + effect)
        check_all(
            "value + effect",
            moved,
            (moved >= 0.0) & (moved <= 1.0),
            "0 <= value + effect <= 1",
            "Plan a smaller one.",
        )
        return moved * (1.0 - moved)


@dataclass(frozen=True, slots=True)
class Comparison:
    """How variants will be compared with control.

    Attributes:
        alpha: False-winner rate of the experiment, shared evenly by the comparisons (Bonferroni).
        alternative: `two-sided`, `greater` (a variant above control) or `less`.
        weights: Shares of the units by arm, control first; divided by their sum. What is planned holds for
            every variant: the one with the smallest share decides.
        comparisons: Number of tests; one for each variant if left out.
        margin: Difference of the null hypothesis, in the metric's unit: below 0 for non-inferiority.
        variance_reduction: Share of the variance that an adjustment removes: rho^2 for CUPED with a covariate
            of correlation rho.
    """

    alpha: float = 0.05
    alternative: Alternative = "two-sided"
    weights: tuple[float, ...] = (1.0, 1.0)
    comparisons: int | None = None
    margin: float = 0.0
    variance_reduction: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 < self.alpha < 1.0:
            raise ParameterError("alpha", self.alpha, "0 < alpha < 1", "Use 0.05 for 5 %.")
        if self.alternative not in ("two-sided", "greater", "less"):
            raise ParameterError("alternative", self.alternative, "two-sided, greater or less", "Name one.")
        if len(self.weights) < 2 or not all(0.0 < weight < np.inf for weight in self.weights):
            raise ParameterError(
                "weights", self.weights, "two or more, each above 0", "Give one for each arm."
            )
        if self.comparisons is not None and self.comparisons < 1:
            raise ParameterError("comparisons", self.comparisons, "comparisons >= 1", "Leave it out.")
        if not 0.0 <= self.variance_reduction < 1.0:
            bound = "0 <= variance_reduction < 1"
            raise ParameterError("variance_reduction", self.variance_reduction, bound, "Pass rho squared.")

    @property
    def shares(self) -> Floats:
        """Shares of the units by arm, shape (K,)."""
        weights = np.asarray(self.weights, float)
        shares: Floats = weights / weights.sum()
        return shares

    @property
    def smallest(self) -> float:
        """Smallest share of a variant."""
        return float(self.shares[1:].min())

    @property
    def tests(self) -> int:
        """Comparisons that share alpha."""
        return len(self.weights) - 1 if self.comparisons is None else self.comparisons

    @property
    def critical_value(self) -> float:
        """Value of the test statistic beyond which a comparison is significant."""
        from scipy.special import ndtri

        sides = 2 if self.alternative == "two-sided" else 1
        return -float(ndtri(self.alpha / self.tests / sides))

    def power_at(self, distance: ArrayLike) -> Floats:
        """Power where the effect lies `distance` standard errors from 0, its sign included."""
        from scipy.special import ndtr

        x, z = np.asarray(distance, float), self.critical_value
        above, below = ndtr(x - z), ndtr(-x - z)
        power = {"two-sided": above + below, "greater": above, "less": below}[self.alternative]
        return np.asarray(power)[()]

    def distance(self, power: float) -> float:
        """Standard errors between 0 and an effect that is found with this power."""
        from scipy.optimize import brentq
        from scipy.special import ndtri

        z = self.critical_value
        if not self.alpha / self.tests < power < 1.0:
            bound = f"{self.alpha / self.tests:g} < power < 1"
            raise ParameterError("power", power, bound, "Use 0.8 for 80 %.")
        one_sided = z + float(ndtri(power))
        if self.alternative != "two-sided":
            return one_sided
        return float(brentq(lambda x: float(self.power_at(x)) - power, 0.0, one_sided, xtol=1e-13))


def check_all(name: str, values: Floats, holds: NDArray[np.bool_], bound: str, remedy: str) -> None:
    """Raise `ParameterError` with the first value that does not hold."""
    if not np.all(holds):
        wrong = float(np.broadcast_to(values, np.shape(holds))[~np.asarray(holds)].flat[0])
        raise ParameterError(name, wrong, bound, remedy)
