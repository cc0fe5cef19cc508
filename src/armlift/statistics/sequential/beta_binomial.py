"""Confidence sequences for proportions that hold exactly, from the first unit on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armlift.errors import ParameterError
from armlift.statistics.effect import Alternative, Effect, Reason
from armlift.statistics.moments import Proportion, ratio
from armlift.statistics.sequential.contrast import Contrast, checked_claim

Floats = NDArray[np.float64]
_NEWTON_STEPS = 60
_HALVINGS = 50


class Limits(NamedTuple):
    """Ends of an interval for a proportion.

    Attributes:
        low: Lower end, 0 or above.
        high: Upper end, 1 or below.
    """

    low: Floats
    high: Floats


def beta_binomial_limits(
    arm: Proportion, *, confidence: float = 0.95, prior: tuple[float, float] = (0.5, 0.5)
) -> Limits:
    """Interval for one arm's proportion p, valid at all looks together and for any sample size.

    The likelihood of the answers so far, averaged over a Beta prior, over their likelihood at the true p is a
    martingale that starts at 1; it ever reaches 1 / alpha with probability alpha at most (Ville). The
    interval holds the p at which it has not.

    Args:
        arm: Statistics of shape (...), cumulated up to each look.
        confidence: Coverage at all looks together.
        prior: Parameters a, b of the Beta density. Any prior is valid if fixed before the first look; one
            that is right about p makes the interval narrower.

    Raises:
        ParameterError: An argument is out of bounds.

    Source: Robbins (1970); Howard, Ramdas, McAuliffe and Sekhon (2021).

    Example:
        >>> low, high = beta_binomial_limits(Proportion([10, 1000], [1, 100]))
        >>> print(low.round(3), high.round(3))
        [0.    0.069] [0.544 0.138]
    """
    claim = checked_claim(confidence, "two-sided", 0.0)
    _check_prior(prior)
    bound = -np.log(claim.alpha) - _log_evidence(arm, prior)
    return Limits(
        _lower_root(arm.n, arm.successes, bound), 1.0 - _lower_root(arm.n, arm.n - arm.successes, bound)
    )


def beta_binomial_sequence(
    treatment: Proportion,
    control: Proportion,
    *,
    confidence: float = 0.95,
    alternative: Alternative = "two-sided",
    prior: tuple[float, float] = (0.5, 0.5),
    arms: int = 2,
    margin: ArrayLike = 0.0,
) -> Effect:
    """Difference of two proportions, valid at all looks together and for any sample size.

    Each arm has its own confidence sequence, `beta_binomial_limits`, at level alpha / arms. With probability
    1 - alpha all of them hold at all looks, and so does low(treatment) - high(control) to high(treatment) -
    low(control). The p-value is the smallest alpha at which this interval leaves `margin` out, found by
    bisection. A one-sided interval is the two-sided one, open at one end: as both ends hold together, nothing
    is gained. The price of exactness is width; see `docs/statistics.md`.

    Args:
        treatment: Statistics of shape (...), cumulated up to each look.
        control: Statistics that broadcast with them.
        confidence: Coverage at all looks together.
        alternative: What is to be shown: that the difference is not, is above or is below `margin`.
        prior: Parameters a, b of each arm's Beta density.
        arms: Arms that share alpha. With K, the differences of all pairs hold together.
        margin: Difference of the null hypothesis, -1 < margin < 1.

    Returns:
        One interval and one p-value for each look; `running` joins the looks.

    Raises:
        ParameterError: An argument is out of bounds.

    Example:
        >>> effect = beta_binomial_sequence(Proportion(5000, 750), Proportion(5000, 500))
        >>> print(effect.low.round(4), effect.high.round(4), effect.p_value.round(4))
        0.0123 0.0874 0.0001
    """
    claim = checked_claim(confidence, alternative, margin)
    if not np.all(np.abs(claim.margin) < 1.0):
        raise ParameterError("margin", margin, "-1 < margin < 1", "Proportions differ by less than 1.")
    if arms < 2:
        raise ParameterError("arms", arms, "at least 2", "Count treatment and control.")
    own = 1.0 - claim.alpha / arms
    limits_t = beta_binomial_limits(treatment, confidence=own, prior=prior)
    limits_c = beta_binomial_limits(control, confidence=own, prior=prior)
    p_value = np.minimum(1.0, arms * _smallest_level(treatment, control, claim.margin, prior))
    distance = treatment.value - control.value - claim.margin
    if alternative != "two-sided":
        p_value = np.where(distance > 0.0 if alternative == "greater" else distance < 0.0, p_value, 1.0)
    return _watched(treatment, control).effect(
        limits_t.low - limits_c.high, limits_t.high - limits_c.low, p_value, claim
    )


def _watched(treatment: Proportion, control: Proportion) -> Contrast:
    fewest, most = np.minimum(treatment.n, control.n), np.maximum(treatment.n, control.n)
    reason = np.select(
        [most == 0.0, fewest == 0.0],
        [np.int8(Reason.NO_DATA), np.int8(Reason.EMPTY_ARM)],
        default=np.int8(Reason.NONE),
    )
    known = reason == Reason.NONE
    squared = ratio(treatment.variance, treatment.n) + ratio(control.variance, control.n)
    return Contrast(
        np.where(known, treatment.value - control.value, 0.0),
        np.where(known, np.sqrt(squared), 0.0),
        most,
        reason,
    )


def _log_evidence(arm: Proportion, prior: tuple[float, float]) -> Floats:
    """Log of the prior's average likelihood."""
    from scipy.special import betaln

    a, b = prior
    evidence: Floats = betaln(a + arm.successes, b + arm.n - arm.successes) - betaln(a, b)
    return evidence


def _lower_root(n: Floats, successes: Floats, bound: Floats) -> Floats:
    """The smaller p with n log(1 + e^z) - successes z = bound, z = logit p; 0 without successes.

    The left side is convex in z and at least -successes z, so Newton's steps from -bound / successes come
    down to the root from the left and never pass it.
    """
    from scipy.special import expit

    some = successes > 0.0
    z = np.where(some, -ratio(bound, successes), 0.0)
    for _ in range(_NEWTON_STEPS):
        share = expit(z)
        excess = n * np.logaddexp(0.0, z) - successes * z - bound
        step = np.where(some & (excess > 0.0), ratio(excess, successes - n * share), 0.0)
        z = z + step
        if np.all(step <= 1e-13 * (1.0 + np.abs(z))):
            break
    return np.where(some, expit(z), 0.0)


def _smallest_level(
    treatment: Proportion, control: Proportion, margin: Floats, prior: tuple[float, float]
) -> Floats:
    """Level at which the two arms' intervals just touch, one being shifted by the margin.

    Between the two estimates one arm's martingale rises and the other's falls as the common proportion q
    moves: they are equal where the intervals touch.
    """
    evidence_t, evidence_c = _log_evidence(treatment, prior), _log_evidence(control, prior)
    start = np.clip(control.value, np.maximum(0.0, -margin), np.minimum(1.0, 1.0 - margin))
    path = np.clip(treatment.value - margin, np.maximum(0.0, -margin), np.minimum(1.0, 1.0 - margin)) - start
    shape = np.broadcast_shapes(np.shape(evidence_t), np.shape(evidence_c), np.shape(path))
    done, left = np.zeros(shape), 1.0
    for _ in range(_HALVINGS):
        left *= 0.5
        q = start + (done + left) * path
        against_t = evidence_t - _log_likelihood(treatment, q + margin)
        against_c = evidence_c - _log_likelihood(control, q)
        done = np.where(against_t > against_c, done + left, done)
    q = start + done * path
    against = np.maximum(
        evidence_t - _log_likelihood(treatment, q + margin), evidence_c - _log_likelihood(control, q)
    )
    return np.exp(-np.maximum(against, 0.0), dtype=np.float64)


def _log_likelihood(arm: Proportion, p: Floats) -> Floats:
    from scipy.special import xlog1py, xlogy

    share = np.clip(p, 0.0, 1.0)  # rounding may have left it
    return np.add(xlogy(arm.successes, share), xlog1py(arm.n - arm.successes, -share), dtype=np.float64)


def _check_prior(prior: tuple[float, float]) -> None:
    if not all(0.0 < parameter < float("inf") for parameter in prior):
        raise ParameterError("prior", prior, "two numbers above 0", "(0.5, 0.5) suits any proportion.")
