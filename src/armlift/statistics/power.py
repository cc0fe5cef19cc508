"""How long an experiment must run: power, sample size, minimum detectable effect and duration.

All of it is about the test that the analysis makes, `effects.difference`, with unpooled variances. With
x = (effect - margin) / standard error at the planned values, its power is Phi(x - z) one-sided and
Phi(x - z) + Phi(-x - z) two-sided, z being the critical value at alpha / comparisons. A metric enters by its
value and the variance of a unit, so one set of formulas serves proportions, means and, linearised by the
delta method, ratios. Means are analysed by Welch's t, for which this Normal plan lacks about z^2 / 4 units an
arm: one at alpha = 0.05.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armlift.errors import ParameterError
from armlift.statistics.comparison import Baseline, Comparison, check_all

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


_DEFAULT = Comparison()


class SampleSize(NamedTuple):
    """Units to observe, each arm rounded up.

    Attributes:
        total: Units of all arms together, shape (...).
        arms: Units by arm, control first, shape (..., K).
    """

    total: Integers
    arms: Integers


def power(
    baseline: Baseline,
    effect: ArrayLike,
    units: ArrayLike,
    comparison: Comparison = _DEFAULT,
    *,
    relative: bool = False,
) -> Floats:
    """Probability that a variant with this effect is found.

    Args:
        baseline: The metric, shape (...).
        effect: True difference from control, in the metric's unit; broadcasts.
        units: Units of all arms together, above 0; broadcasts.
        comparison: The test and the split.
        relative: `effect` is a share of the baseline's value.

    Example:
        >>> print(power(Baseline.proportion(0.10), 0.02, 7_678).round(3))
        0.8
    """
    total = np.asarray(units, float)
    check_all("units", total, (total > 0.0) & np.isfinite(total), "0 < units < infinity", "Count all arms.")
    change = baseline.absolute(effect, relative)
    return comparison.power_at(
        (change - comparison.margin) / np.sqrt(_noise(baseline, change, comparison) / total)
    )


def sample_size(
    baseline: Baseline,
    effect: ArrayLike,
    comparison: Comparison = _DEFAULT,
    *,
    power: float = 0.8,
    relative: bool = False,
) -> SampleSize:
    """Units needed to find an effect.

    Args:
        baseline: The metric, shape (...).
        effect: Smallest true difference from control that matters, in the metric's unit; broadcasts.
        comparison: The test and the split.
        power: Probability that it is found.
        relative: `effect` is a share of the baseline's value.

    Raises:
        ParameterError: The effect equals the margin, or lies where a one-sided test does not look.

    Example:
        >>> sample_size(Baseline.proportion(0.10), 0.02).total
        np.int64(7678)
    """
    change = baseline.absolute(effect, relative)
    distance = comparison.distance(power)
    gain = change - comparison.margin
    sides = {"two-sided": gain != 0.0, "greater": gain > 0.0, "less": gain < 0.0}
    bound = {"two-sided": "not equal to", "greater": "above", "less": "below"}[comparison.alternative]
    check_all(
        "effect",
        change,
        sides[comparison.alternative],
        f"{bound} {comparison.margin:g}",
        "Plan another effect.",
    )
    needed = distance**2 * _noise(baseline, change, comparison) / gain**2
    # A hair more than needed, so that rounding cannot cost a unit's worth of power.
    arms = np.ceil(needed[..., None] * (1.0 + 1e-12) * comparison.shares).astype(np.int64)
    return SampleSize(arms.sum(axis=-1), arms)


def minimum_detectable_effect(
    baseline: Baseline,
    units: ArrayLike,
    comparison: Comparison = _DEFAULT,
    *,
    power: float = 0.8,
    relative: bool = False,
) -> Floats:
    """Smallest effect found with the wanted power: an increase, or a decrease if the alternative is `less`.

    Args:
        baseline: The metric, shape (...).
        units: Units of all arms together, above 0; broadcasts.
        comparison: The test and the split.
        power: Probability that it is found.
        relative: Return it as a share of the baseline's value.

    Returns:
        Difference from control, shape (...); infinite where not even a share of 1 (or 0) would be found.

    Example:
        >>> print(minimum_detectable_effect(Baseline.mean(12.0, 30.0), 20_000, relative=True).round(3))
        0.099
    """
    total = np.asarray(units, float)
    check_all("units", total, (total > 0.0) & np.isfinite(total), "0 < units < infinity", "Count all arms.")
    sign = -1.0 if comparison.alternative == "less" else 1.0
    factor = comparison.distance(power) ** 2 * (1.0 - comparison.variance_reduction) / total
    treated, control = factor / comparison.smallest, factor / comparison.shares[0]
    margin, value = comparison.margin, baseline.value
    if baseline.sd is not None:
        change = margin + sign * baseline.sd * np.sqrt(treated + control)
    else:
        # (change - margin)^2 = treated (value + change)(1 - value - change) + control value (1 - value)
        half = margin + treated * (0.5 - value)
        rest = margin**2 - (treated + control) * value * (1.0 - value)
        change = (half + sign * np.sqrt(half**2 - (1.0 + treated) * rest)) / (1.0 + treated)
        possible = (value + change >= 0.0) & (value + change <= 1.0)
        change = np.where(possible, change, sign * np.inf)
    return np.asarray(change / np.abs(value) if relative else change)[()]


def duration(
    units: ArrayLike, daily_units: ArrayLike, *, traffic_share: float = 1.0, whole_weeks: bool = False
) -> Integers:
    """Days until so many units have been seen, rounded up to whole days or weeks.

    Args:
        units: Units of all arms together, such as `SampleSize.total`.
        daily_units: New units a day, above 0: someone who returns counts once, on the first day.
        traffic_share: Share of them that enters the experiment.
        whole_weeks: Round up to whole weeks, so that every weekday counts equally often.

    Example:
        >>> duration(7_678, 1_000, traffic_share=0.5, whole_weeks=True)
        np.int64(21)
    """
    daily = np.asarray(daily_units, float)
    check_all(
        "daily_units", daily, (daily > 0.0) & np.isfinite(daily), "0 < daily_units < infinity", "Count users."
    )
    if not 0.0 < traffic_share <= 1.0:
        raise ParameterError("traffic_share", traffic_share, "0 < traffic_share <= 1", "Use 0.5 for half.")
    days = np.ceil(np.asarray(units, float) / (daily * traffic_share) * (1.0 - 1e-12))
    return (np.ceil(days / 7.0) * 7.0 if whole_weeks else days).astype(np.int64)


def _noise(baseline: Baseline, change: Floats, comparison: Comparison) -> Floats:
    """Squared standard error of the difference times the units of all arms."""
    spread = baseline.variance(change) / comparison.smallest + baseline.variance() / comparison.shares[0]
    noise: Floats = spread * (1.0 - comparison.variance_reduction)
    return noise
