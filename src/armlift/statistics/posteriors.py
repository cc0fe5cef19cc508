"""What is believed about arms after their data: conjugate posteriors, and which arm is the best.

A `Proportion` has a Beta posterior; every other `Sample` has a Normal one, in which the variance observed
stands for the true one. Probabilities come from quadrature, to 1e-8: the same input gives the same answer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armlift.errors import ParameterError
from armlift.statistics.best_arm import probability_best_beta, probability_best_normal
from armlift.statistics.moments import Proportion, Sample
from armlift.statistics.two_betas import fill_beta_exceeds

Floats = NDArray[np.float64]
#: (a, b) of a Beta prior for a `Proportion`, (mean, standard deviation) of a Normal one for all others.
Prior = tuple[ArrayLike, ArrayLike]

#: Smallest parameter of a Beta prior; the work grows with its inverse.
_WEAKEST = 0.01
#: Standard deviations below this share of the arms' spread count as this share.
_NARROWEST = 1e-7


class BetaPosterior(NamedTuple):
    """Beta(a, b) of a proportion.

    Attributes:
        a: Successes and those the prior is worth, shape (...).
        b: Failures and those the prior is worth.
    """

    a: Floats
    b: Floats

    @property
    def mean(self) -> Floats:
        """Posterior mean."""
        return self.a / (self.a + self.b)


class NormalPosterior(NamedTuple):
    """Normal posterior of a mean or a ratio, in the metric's unit.

    Attributes:
        mean: Posterior mean, shape (...).
        sd: Posterior standard deviation; infinite where neither data nor prior say anything.
    """

    mean: Floats
    sd: Floats


class Interval(NamedTuple):
    """Interval that holds a share of the posterior, with equal tails on both sides.

    Attributes:
        low: Lower end, shape (...); `-inf` where nothing is known.
        high: Upper end.
    """

    low: Floats
    high: Floats


def beta_posterior(sample: Proportion, prior: Prior | None = None) -> BetaPosterior:
    """Posterior Beta(a + successes, b + failures) of a proportion.

    Args:
        sample: Statistics of the arms, shape (...).
        prior: (a, b), numbers or arrays that broadcast with the arms; (1, 1) if left out.

    Raises:
        ParameterError: A parameter of the prior is below 0.01 or not finite.
    """
    a, b = (1.0, 1.0) if prior is None else prior
    first, second = (_above(_WEAKEST, name, value) for name, value in (("prior a", a), ("prior b", b)))
    return BetaPosterior(sample.successes + first, sample.n - sample.successes + second)


def normal_posterior(sample: Sample, prior: Prior | None = None) -> NormalPosterior:
    """Normal posterior of any metric, the observed variance taken for the true one.

    With e^2 = variance / n and the prior Normal(m, s^2) it has the mean m + w (value - m) and the variance
    (1 - w) s^2, where w = s^2 / (s^2 + e^2) (Gelman et al., 2013, section 2.5). An arm of fewer than two
    units keeps the prior, since its variance is unknown.

    Args:
        sample: Statistics of the arms, shape (...).
        prior: (m, s), numbers or arrays that broadcast with the arms; flat if left out.

    Raises:
        ParameterError: m is not finite, or s is not above 0 and finite.
    """
    informed = sample.n >= 2.0
    error = np.divide(sample.variance, sample.n, out=np.full(np.shape(sample.n), np.inf), where=informed)
    if prior is None:
        return NormalPosterior(np.where(informed, sample.value, 0.0), np.sqrt(error))
    centre, sd = np.asarray(prior[0], float), _above(0.0, "prior standard deviation", prior[1])
    if not np.isfinite(centre).all():
        raise ParameterError("prior mean", prior[0], "finite", "Leave the prior out for a flat one.")
    odds = error / sd**2
    weight = 1.0 / (1.0 + odds)
    # (1 - weight) is odds * weight, which keeps its digits where the data outweigh the prior.
    share = np.multiply(odds, weight, out=np.ones_like(odds), where=np.isfinite(odds))
    return NormalPosterior(centre + weight * (sample.value - centre), sd * np.sqrt(share))


def probability_beats(treatment: Sample, control: Sample, *, prior: Prior | None = None) -> Floats:
    """P(treatment's value > control's) under independent posteriors.

    Args:
        treatment: Arms of shape (...).
        control: Arms that broadcast with them, of the same metric.
        prior: Of both; see `beta_posterior`, `normal_posterior`.

    Returns:
        Probabilities, shape (...); 1/2 where an arm is unknown, and for ties of certain values.

    Example:
        >>> probability_beats(Proportion(1000, 120), Proportion(1000, 100)).round(4)
        np.float64(0.9232)
    """
    if isinstance(treatment, Proportion) and isinstance(control, Proportion):
        return beta_beats(*beta_posterior(treatment, prior), *beta_posterior(control, prior))
    first, second = normal_posterior(treatment, prior), normal_posterior(control, prior)
    return normal_beats(first.mean - second.mean, np.hypot(first.sd, second.sd))


def probability_best(arms: Sample, *, prior: Prior | None = None) -> Floats:
    """P(arm has the largest value) under independent posteriors.

    Arms without information under a flat prior are taken as the limit of ever wider posteriors: of m such
    arms one is the best with probability 1 - 1/2^m.

    Args:
        arms: Arms along the last axis, shape (..., K).
        prior: Of every arm; see `beta_posterior`, `normal_posterior`.

    Returns:
        Probabilities, shape (..., K); each row sums to 1.
    """
    if isinstance(arms, Proportion):
        return probability_best_beta(*beta_posterior(arms, prior))
    mean, sd = np.broadcast_arrays(*normal_posterior(arms, prior))
    unknown = np.isinf(sd)
    count = unknown.sum(axis=-1, keepdims=True)
    rest = np.where(count == mean.shape[-1], 0.0, 0.5**count)
    units = standardise(mean, sd)
    among_known = probability_best_normal(units.mean, units.sd)
    return np.where(unknown, (1.0 - rest) / np.maximum(count, 1), rest * among_known)


def credible_interval(arm: Sample, *, confidence: float = 0.95, prior: Prior | None = None) -> Interval:
    """Equal-tailed credible interval of each arm's value.

    Args:
        arm: Arms of shape (...).
        confidence: Posterior probability inside.
        prior: See `beta_posterior`, `normal_posterior`.

    Example:
        >>> low, high = credible_interval(Proportion(1000, 100))
        >>> print(low.round(4), high.round(4))
        0.0829 0.1202
    """
    from scipy.special import betaincinv, ndtri

    tail = tail_of(confidence)
    if isinstance(arm, Proportion):
        a, b = beta_posterior(arm, prior)
        return Interval(np.asarray(betaincinv(a, b, tail)), np.asarray(betaincinv(a, b, 1.0 - tail)))
    mean, sd = normal_posterior(arm, prior)
    margin = float(-ndtri(tail)) * sd
    return Interval(mean - margin, mean + margin)


def beta_beats(a: ArrayLike, b: ArrayLike, c: ArrayLike, d: ArrayLike) -> Floats:
    """P(Beta(a, b) > Beta(c, d)) of independent variables, to 1e-11.

    Args:
        a: First parameters, 0.01 or more, shape (...); the others broadcast with them.
        b: Second parameters of the first variable.
        c: First parameters of the second variable.
        d: Second parameters of the second variable.
    """
    arrays = np.broadcast_arrays(*(np.asarray(value, float) for value in (a, b, c, d)))
    out = np.empty(arrays[0].shape)
    first, second, third, fourth = (np.ascontiguousarray(array).ravel() for array in arrays)
    fill_beta_exceeds(first, second, third, fourth, out.ravel())
    return out[()]


class Standardised(NamedTuple):
    """Normal arms in units of their own spread, for quadrature to keep its digits: value = centre + scale z.

    Attributes:
        mean: Means z of the arms, the largest at 0; unknown arms are put where they cannot be the best.
        sd: Standard deviations, of constant arms a tiny one.
        centre: Largest mean of the known arms, shape (..., 1).
        scale: Range of their means, or their widest standard deviation if that is larger.
    """

    mean: Floats
    sd: Floats
    centre: Floats
    scale: Floats


def standardise(mean: Floats, sd: Floats) -> Standardised:
    """Centre and scale Normal posteriors, shape (..., K); an infinite `sd` marks an unknown arm."""
    known = np.isfinite(sd)
    largest = mean.max(axis=-1, keepdims=True, where=known, initial=-np.inf)
    centre = np.where(np.isfinite(largest), largest, 0.0)
    below = np.where(known, mean - centre, 0.0)
    width = np.where(known, sd, 0.0)
    scale = np.maximum(-below.min(axis=-1, keepdims=True), width.max(axis=-1, keepdims=True))
    scale = np.where(scale > 0.0, scale, 1.0)
    narrow = np.maximum(width / scale, _NARROWEST)
    return Standardised(np.where(known, below / scale, -1e3), narrow, centre, scale)


def tail_of(confidence: float) -> float:
    """Probability outside an interval, on each side."""
    if not 0.0 < confidence < 1.0:
        raise ParameterError("confidence", confidence, "0 < confidence < 1", "Use 0.95 for 95 %.")
    return (1.0 - confidence) / 2.0


def normal_beats(difference: Floats, sd: Floats) -> Floats:
    """P(Normal(difference, sd) > 0), 1/2 for a certain tie."""
    from scipy.special import ndtr

    certain = np.where(difference == 0.0, 0.0, np.copysign(np.inf, difference))
    return np.asarray(ndtr(np.divide(difference, sd, out=certain, where=sd > 0.0)))[()]


def _above(least: float, name: str, value: ArrayLike) -> Floats:
    array = np.asarray(value, float)
    if not np.all((array > 0.0) & (array >= least) & np.isfinite(array)):
        bound = f"{least:g} <= value < infinity" if least else "0 < value < infinity"
        raise ParameterError(name, value, bound, "Give the prior some weight.")
    return array
