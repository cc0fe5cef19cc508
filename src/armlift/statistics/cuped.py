"""CUPED: less variance through what was known before the experiment.

The outcome is adjusted by theta times the covariate's deviation from its mean over all arms. Assignment is
random, so the covariate has the same expectation in every arm and the adjustment adds no bias, whatever
theta is. The best theta is the slope of the outcome on the covariate, estimated once, inside the arms and
pooled over them: the coefficient that a regression with one intercept for each arm would give. It is taken as
known afterwards, which is safe from some dozens of units an arm.

Source: Deng, Xu, Kohavi and Walker (2013); for ratio metrics the delta method's linearisation, after Deng,
Knoblich and Lu (2018).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from armlift.errors import ParameterError
from armlift.statistics.moments import (
    CovariateMean,
    CovariateRatio,
    Estimate,
    linearised_variance,
    ratio,
    ratio_weights,
)

Floats = NDArray[np.float64]
WithCovariate = CovariateMean | CovariateRatio

#: Variance of the covariate, relative to its squared mean, below which it counts as constant.
_ROUNDING = 1e-13


def cuped(*arms: WithCovariate) -> tuple[Estimate, ...]:
    """Adjust the arms' values by their covariate.

    Args:
        arms: Two or more arms of one kind, control included, whose shapes (...) broadcast. A user without a
            past may enter with any constant, such as 0, for the covariate.

    Returns:
        An estimate for each arm, of their common shape, for `difference` and `relative_difference`. Without
        variance in the covariate nothing is adjusted.

    Raises:
        ParameterError: There are fewer than two arms, or arms of different kinds.

    Example:
        >>> before = np.array([1.0, 2.0, 3.0, 4.0])
        >>> control = CovariateMean.from_columns(before + [0.1, -0.1, -0.1, 0.1], before)
        >>> treatment = CovariateMean.from_columns(before + [1.1, 0.9, 0.9, 1.1], before - 0.5)
        >>> [float(arm.value.round(3)) for arm in cuped(treatment, control)]
        [3.75, 2.25]
        >>> float(variance_reduction(treatment, control).round(3))
        0.992
    """
    theta, _ = _fit(arms)
    centre = _covariate(sum(arms[1:], start=arms[0]))
    weights = np.stack([np.ones_like(theta), -theta], axis=-1)
    adjusted = []
    for arm in arms:
        shift = np.where(arm.n > 0.0, _covariate(arm) - centre, 0.0)
        columns = _columns(arm)
        variance = linearised_variance(arm, np.einsum("...l,...ld->...d", weights, columns))
        adjusted.append(Estimate(arm.n, arm.value - theta * shift, variance))
    return tuple(adjusted)


def variance_reduction(*arms: WithCovariate) -> Floats:
    """Share of a unit's variance that `cuped` removes: the squared correlation inside the arms, 0 to 1.

    A test on adjusted arms needs 1 - this share of the units for the same power.

    Args:
        arms: As for `cuped`.

    Raises:
        ParameterError: As for `cuped`.
    """
    return _fit(arms)[1]


def _fit(arms: tuple[WithCovariate, ...]) -> tuple[Floats, Floats]:
    """Theta, 0 where the covariate does not vary, and the share of variance it explains, shape (...)."""
    if len(arms) < 2:
        raise ParameterError("arms", len(arms), "arms >= 2", "Pass treatment and control.")
    kinds = {type(arm).__name__ for arm in arms}
    if len(kinds) > 1:
        raise ParameterError("arms", sorted(kinds), "one kind", "Measure all arms by one metric.")
    within, square = np.zeros((2, 2)), np.zeros(())
    for arm in arms:  # scatter of outcome and covariate around the arm's own values
        columns = _columns(arm)
        within = within + np.einsum("...ld,...de,...me->...lm", columns, arm.scatter, columns)
        square = square + arm.n * _covariate(arm) ** 2
    # A constant covariate leaves rounding behind, which must not be divided by.
    varies = within[..., 1, 1] > _ROUNDING * square
    theta = np.where(varies, ratio(within[..., 0, 1], within[..., 1, 1]), 0.0)
    explained = ratio(theta * within[..., 0, 1], within[..., 0, 0])
    return theta, np.clip(explained, 0.0, 1.0)


def _columns(arm: WithCovariate) -> Floats:
    """Weights that make outcome and covariate out of the arm's columns, shape (..., 2, d)."""
    if isinstance(arm, CovariateMean):
        return np.eye(2)
    none = np.zeros_like(arm.n)
    outcome = ratio_weights(arm.mean[..., 0], arm.mean[..., 1])
    covariate = ratio_weights(arm.mean[..., 2], arm.mean[..., 3])
    rows = [np.stack([*outcome, none, none], axis=-1), np.stack([none, none, *covariate], axis=-1)]
    return np.stack(rows, axis=-2)


def _covariate(arm: WithCovariate) -> Floats:
    if isinstance(arm, CovariateMean):
        return arm.mean[..., 1]
    return ratio(arm.mean[..., 2], arm.mean[..., 3])
