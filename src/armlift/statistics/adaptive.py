"""Arm values from data that a bandit collected, by the propensities it logged.

A bandit plays an arm less after bad luck and more after good luck, so bad luck stays and good luck is
averaged away: the plain mean of an arm is biased, mostly downwards. Scores that divide by the propensity of
the choice have the arm's value as their mean whatever the bandit did before, decision by decision. They need
a floor under the propensities: without one, scores of abandoned arms become rare and huge, and no normal
approximation holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armlift.errors import ParameterError
from armlift.statistics.moments import Estimate, Moments, ratio

Floats = NDArray[np.float64]


class OneSample(NamedTuple):
    """A paired contrast of two arms, as the pair of samples that two-sample methods take.

    Attributes:
        treatment: The contrast, with all of its variance.
        control: Zero, known exactly.
    """

    treatment: Estimate
    control: Estimate


class ArmScores(Moments):
    """Scores of all arms over decisions; one column an arm. Parts add up with `+` and `sum`.

    The value of an arm is the plain mean of its scores.
    """

    __slots__ = ()

    @property
    def arms(self) -> Estimate:
        """Value of each arm, shape (..., K); `n` counts decisions."""
        n = np.broadcast_to(self.n[..., None], self.mean.shape)
        return Estimate(n, self.mean, np.einsum("...ii->...i", self.covariance))

    def against(self, control: int = 0) -> OneSample:
        """Each arm minus the control, shape (..., K), for `difference` and `confidence_sequence`.

        Every decision scores all arms, so arms are not independent: the contrast is taken within decisions.

        Args:
            control: Index of the control.
        """
        covariance = self.covariance
        variances = np.einsum("...ii->...i", covariance)
        variance = variances + variances[..., [control]] - 2.0 * covariance[..., control]
        n = np.broadcast_to(self.n[..., None], self.mean.shape)
        return _one_sample(Estimate(n, self.mean - self.mean[..., [control]], np.maximum(variance, 0.0)))


@dataclass(frozen=True, slots=True, eq=False)
class WeightedScores:
    """Sums over decisions of scores g with weights h; parts add up with `+` and `sum`.

    Attributes:
        n: Decisions, shape (...).
        h: Sum of the weights.
        hg: Sum of weight times score.
        hh: Sum of squared weights.
        hhg: Sum of squared weight times score.
        hhgg: Sum of squared weight times squared score.
    """

    n: Floats
    h: Floats
    hg: Floats
    hh: Floats
    hhg: Floats
    hhgg: Floats

    @property
    def estimate(self) -> Estimate:
        """Weighted mean of the scores with its variance; `n` counts decisions."""
        value = ratio(self.hg, self.h)
        scatter = np.maximum(self.hhgg - 2.0 * value * self.hhg + value * value * self.hh, 0.0)
        return Estimate(self.n, value, self.n * ratio(scatter, self.h * self.h))

    @property
    def against_zero(self) -> OneSample:
        """The estimate as the pair of samples that two-sample methods take."""
        return _one_sample(self.estimate)

    def __add__(self, other: WeightedScores) -> WeightedScores:
        return WeightedScores(*(a + b for a, b in zip(self._sums(), other._sums(), strict=True)))

    def sum(self, axis: int = -1) -> WeightedScores:
        """Pool the statistics along an axis."""
        return WeightedScores(*(part.sum(axis) for part in self._sums()))

    def cumulated(self, axis: int = -1) -> WeightedScores:
        """Statistics up to each part along an axis, such as looks."""
        return WeightedScores(*(part.cumsum(axis) for part in self._sums()))

    def _sums(self) -> tuple[Floats, ...]:
        return self.n, self.h, self.hg, self.hh, self.hhg, self.hhgg


def ipw_scores(arms: ArrayLike, rewards: ArrayLike, propensities: ArrayLike) -> Floats:
    """Inverse-propensity scores: reward / propensity for the arm that was chosen, 0 for the others.

    Args:
        arms: Chosen arms, from 0, shape (..., T), in the order of the decisions.
        rewards: Their rewards, the same shape.
        propensities: Probability of each arm when the decision was made, shape (..., T, K).

    Returns:
        Scores of all arms, shape (..., T, K). The mean of each, given the past, is the arm's value.

    Raises:
        ParameterError: Arms are no indices, or a chosen arm had no propensity in (0, 1].

    Source: Horvitz and Thompson (1952).

    Example:
        >>> ipw_scores([0, 1], [1.0, 1.0], [[0.5, 0.5], [0.8, 0.2]]).tolist()
        [[2.0, 0.0], [0.0, 5.0]]
    """
    chosen, answers, chances = _logged(arms, rewards, propensities)
    return chosen * (answers[..., None] / np.where(chosen, chances, 1.0))


def aipw_scores(arms: ArrayLike, rewards: ArrayLike, propensities: ArrayLike) -> Floats:
    """Augmented scores: an arm's mean so far, plus (reward - that mean) / propensity if it was chosen.

    The mean so far is the plain one of earlier rewards only, 0 before the first. Any guess made from the past
    leaves the scores unbiased; a good one takes away most of their variance.

    Args:
        arms: Chosen arms, from 0, shape (..., T), in the order of the decisions: never sorted by anything
            that came later.
        rewards: Their rewards, the same shape.
        propensities: Probability of each arm when the decision was made, shape (..., T, K).

    Returns:
        Scores of all arms, shape (..., T, K).

    Raises:
        ParameterError: Arms are no indices, or a chosen arm had no propensity in (0, 1].

    Source: Robins, Rotnitzky and Zhao (1994); Hadad, Hirshberg, Zhan, Wager and Athey (2021).

    Example:
        >>> aipw_scores([0, 0], [1.0, 0.0], [[0.5, 0.5], [0.8, 0.2]])[:, 0].tolist()
        [2.0, -0.25]
    """
    chosen, answers, chances = _logged(arms, rewards, propensities)
    gained = chosen * answers[..., None]
    pulls = np.cumsum(chosen, axis=-2, dtype=float) - chosen
    guess = ratio(np.cumsum(gained, axis=-2) - gained, pulls)
    return guess + chosen * ((answers[..., None] - guess) / np.where(chosen, chances, 1.0))


def arm_scores(scores: Floats) -> ArmScores:
    """Summarise scores with equal weights.

    Right for fixed or slowly changing allocations. Where propensities move far, the variance of scores moves
    with them, and `stabilised` has the better intervals.

    Args:
        scores: From `ipw_scores` or `aipw_scores`, shape (..., T, K).

    Example:
        >>> scores = ipw_scores([0, 1], [1.0, 1.0], [[0.5, 0.5], [0.8, 0.2]])
        >>> arm_scores(scores).arms.value.tolist()
        [1.0, 2.5]
    """
    return ArmScores.from_columns(*np.moveaxis(np.asarray(scores, float), -1, 0))


def stabilised(scores: Floats, propensities: ArrayLike, *, control: int | None = None) -> WeightedScores:
    """Summarise AIPW scores with weights that keep their variance constant while propensities move.

    An arm's score has a variance of about 1 / propensity, a contrast's of about the sum of both: the weight
    is the square root of its inverse, known before the reward. The weighted mean is then close to normal even
    for an adaptive allocation, and its confidence sequence, whose clock counts decisions, is valid. The price
    is a bias that is small beside the standard error: weights and scores are dependent over time, though not
    at any one time.

    Args:
        scores: From `aipw_scores`, shape (..., T, K).
        propensities: As given there.
        control: Index of the arm that all are compared with; by default each arm is valued alone.

    Returns:
        Statistics of shape (..., K): values of arms, or arms minus control (0 for the control itself).

    Raises:
        ParameterError: A propensity is outside [0, 1].

    Source: Hadad, Hirshberg, Zhan, Wager and Athey (2021), with their constant allocation rate.

    Example:
        >>> chances = np.array([[0.5, 0.5], [0.8, 0.2]])
        >>> scores = aipw_scores([0, 1], [1.0, 1.0], chances)
        >>> stabilised(scores, chances).estimate.value.round(3).tolist()
        [1.442, 1.937]
    """
    chances = _probabilities(propensities)
    if control is None:
        squared, scored = chances, scores
    else:
        both = chances + chances[..., [control]]
        squared = ratio(chances * chances[..., [control]], both)
        scored = scores - scores[..., [control]]
    weights = np.sqrt(squared)
    return WeightedScores(
        np.full(scored.shape[:-2] + scored.shape[-1:], float(scored.shape[-2])),
        weights.sum(-2),
        (weights * scored).sum(-2),
        squared.sum(-2),
        (squared * scored).sum(-2),
        (squared * scored * scored).sum(-2),
    )


def _one_sample(contrast: Estimate) -> OneSample:
    zeros = np.zeros(contrast.n.shape)
    return OneSample(contrast, Estimate(contrast.n, zeros, zeros))


def _probabilities(propensities: ArrayLike) -> Floats:
    chances = np.asarray(propensities, float)
    if not np.all((chances >= 0.0) & (chances <= 1.0 + 1e-9)):
        wrong = chances[~((chances >= 0.0) & (chances <= 1.0 + 1e-9))].flat[0]
        raise ParameterError("propensities", float(wrong), "0 <= propensity <= 1", "Log probabilities.")
    return chances


def _logged(
    arms: ArrayLike, rewards: ArrayLike, propensities: ArrayLike
) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """One-hot choices (..., T, K), rewards (..., T), propensities (..., T, K)."""
    indices, answers, chances = np.asarray(arms), np.asarray(rewards, float), _probabilities(propensities)
    if indices.shape != answers.shape or chances.shape[:-1] != indices.shape:
        shapes = (indices.shape, answers.shape, chances.shape)
        raise ParameterError(
            "shapes of arms, rewards, propensities", shapes, "(..., T) twice, (..., T, K)", "Align them."
        )
    chosen = indices[..., None] == np.arange(chances.shape[-1])
    if not chosen.any(axis=-1).all():
        wrong = indices[~chosen.any(axis=-1)].flat[0]
        raise ParameterError(
            "arms", wrong, f"a whole number from 0 to {chances.shape[-1] - 1}", "Count from 0."
        )
    if not np.isfinite(answers).all():
        raise ParameterError(
            "rewards", float(answers[~np.isfinite(answers)].flat[0]), "finite", "Repair the rows."
        )
    if np.any(chosen & (chances <= 0.0)):
        raise ParameterError("propensities", 0.0, "above 0 for the chosen arm", "Log the arm's probability.")
    return chosen, answers, chances
