"""Sample ratio: did the arms get the traffic they were meant to get?

A mismatch says that units were lost or assigned wrongly, and then no other number of the experiment can be
trusted. Three tests answer for a fixed split seen once, a fixed split watched all the time, and a bandit.
`false_alarm_rate` says what watching does to the first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armlift.errors import ParameterError
from armlift.statistics.effect import Reason
from armlift.statistics.moments import ratio

Floats = NDArray[np.float64]

#: P-value below which there is an alarm unless told otherwise.
ALARM = 0.001
#: Least expected count for the chi-square approximation (Cochran, 1954).
_LEAST_EXPECTED = 5.0
#: Variance of a direction below which the Wald statistic is damped.
_LEAST_VARIANCE = 40.0


@dataclass(frozen=True, slots=True, eq=False)
class SampleRatio:
    """Answer of a sample ratio test; arrays of shape (...), never NaN.

    Attributes:
        statistic: Chi-square statistic; of the sequential test, the logarithm of the Bayes factor.
        p_value: Probability of counts this far from the plan, if traffic goes as planned; 1 without data.
        expected: Units planned for each arm, given their total, shape (..., K).
        alarm: Whether the p-value lies below the threshold.
        reason: `Reason` codes, int8: `NO_DATA` where nothing was counted.
        threshold: P-value below which there is an alarm.
    """

    statistic: Floats
    p_value: Floats
    expected: Floats
    alarm: NDArray[np.bool_]
    reason: NDArray[np.int8]
    threshold: float


def sample_ratio_test(counts: ArrayLike, weights: ArrayLike, *, threshold: float = ALARM) -> SampleRatio:
    """Pearson's chi-square test of a fixed split, for one look at a time that was fixed before.

    Where an arm expects fewer than 5 units the p-value is exact instead: each arm's binomial tail, doubled,
    and for more than two arms multiplied by their number (Bonferroni).

    Args:
        counts: Units seen in each arm, shape (..., K).
        weights: Planned shares, above 0, in any unit, broadcast against `counts`.
        threshold: P-value below which there is an alarm.

    Raises:
        ParameterError: If a count, a weight or the threshold lies outside its bound.

    Example:
        >>> test = sample_ratio_test([[5030, 4970], [5200, 4800]], [1, 1])
        >>> test.p_value.round(4), test.alarm
        (array([5.485e-01, 1.000e-04]), array([False,  True]))
    """
    from scipy.special import chdtrc

    seen, shares, n = _checked(counts, weights, threshold)
    expected = n[..., None] * shares
    statistic = ratio((seen - expected) ** 2, expected).sum(-1)
    p_value = chdtrc(seen.shape[-1] - 1, statistic)
    few = expected.min(-1) < _LEAST_EXPECTED
    if few.any():
        p_value = np.where(few, _exact_p_value(seen, n, shares), p_value)
    return _answer(statistic, p_value, expected, n, threshold)


def sequential_sample_ratio_test(
    counts: ArrayLike, weights: ArrayLike, *, concentration: float = 10_000.0, threshold: float = ALARM
) -> SampleRatio:
    """Test of a fixed split that may be looked at after every unit (Lindon and Malek, 2022).

    The Bayes factor of a Dirichlet(concentration * weights) mixture of splits against the planned one is a
    martingale of mean 1 as long as traffic goes as planned. It ever reaches 1 / a with probability at most a
    (Ville, 1939), so the p-value min(1, 1 / Bayes factor) is valid at all looks together. Each look is
    judged by itself; `np.minimum.accumulate(p_value, axis)` remembers earlier ones and is valid too.

    Args:
        counts: Units so far in each arm, shape (..., K).
        weights: Planned shares, above 0, in any unit, broadcast against `counts`.
        concentration: Units the mixture is worth; shares that are off by about
            sqrt(share * (1 - share) / concentration) are found soonest. With 10,000 that is half a
            percentage point of an even split.
        threshold: P-value below which there is an alarm.

    Raises:
        ParameterError: If an argument lies outside its bound.

    Example:
        >>> sequential_sample_ratio_test([5200, 4800], [1, 1]).p_value.round(4)
        np.float64(0.0259)
    """
    from scipy.special import gammaln

    if not 0.0 < concentration < np.inf:
        raise ParameterError("concentration", concentration, "0 < concentration < infinity", "Try 10000.")
    seen, shares, n = _checked(counts, weights, threshold)
    prior = concentration * shares
    evidence = (gammaln(prior + seen) - gammaln(prior) - seen * np.log(shares)).sum(-1)
    log_factor = evidence + gammaln(concentration) - gammaln(concentration + n)
    return _answer(log_factor, np.exp(-np.maximum(log_factor, 0.0)), n[..., None] * shares, n, threshold)


def propensity_ratio_test(
    counts: ArrayLike, propensities: ArrayLike, decisions: ArrayLike = 1.0, *, threshold: float = ALARM
) -> SampleRatio:
    """Test of an allocation that changes, such as a bandit's, against the propensities it logged.

    Counts less the sum of propensities are a martingale, whatever the policy learns on the way, with
    variance sum of p_k (1 - p_k) and covariances - sum of p_j p_k. Their Wald statistic is compared with
    chi-square, its degrees of freedom the rank of the covariance: K - 1, less the arms that were never open.
    With constant propensities it is Pearson's statistic. An arm that got units at propensity 0, or missed
    one at propensity 1, was not assigned as logged: the p-value is 0.

    A direction of variance below 40 gets 2 more, because the Normal approximation understates its tail.

    Args:
        counts: Units seen in each arm, shape (..., K).
        propensities: Probability of each arm in each version of the allocation, shape (..., V, K).
        decisions: Units assigned by each version, shape (..., V); 1 if every unit has its own.
        threshold: P-value below which there is an alarm.

    Raises:
        ParameterError: If propensities do not sum to 1, or the counts not to the decisions.

    Example:
        >>> versions = [[0.5, 0.5], [0.8, 0.2]]
        >>> float(propensity_ratio_test([1300, 700], versions, [1000, 1000]).p_value)
        1.0
    """
    from scipy.special import chdtrc

    seen = _checked_counts(counts, threshold)
    p, units = np.asarray(propensities, float), np.asarray(decisions, float)
    if not (np.all(p >= 0.0) and np.allclose(p.sum(-1), 1.0, rtol=0.0, atol=1e-6)):
        raise ParameterError("propensities", float(p.min()), "rows from 0 that sum to 1", "Log every arm's.")
    units = np.broadcast_to(units, p.shape[:-1])
    n, total = seen.sum(-1), units.sum(-1)
    if not np.allclose(n, total, rtol=1e-9):
        raise ParameterError(
            "counts", float(n.flat[0]), f"sum to the decisions, {total.flat[0]}", "Take the same units."
        )
    weighted = units[..., None] * p
    expected = weighted.sum(-2)
    covariance = expected[..., None] * np.eye(p.shape[-1]) - np.einsum("...vi,...vj->...ij", weighted, p)
    variances, directions = np.linalg.eigh(covariance)
    off = np.einsum("...k,...kd->...d", seen - expected, directions)
    tiny = variances <= 1e-9 * np.maximum(total, 1.0)[..., None]
    damped = np.where(variances < _LEAST_VARIANCE, variances + 2.0, variances)
    statistic = np.where(tiny, 0.0, ratio(off**2, damped)).sum(-1)
    rank = (~tiny).sum(-1)
    p_value = np.where(rank > 0, chdtrc(np.maximum(rank, 1), statistic), 1.0)
    impossible = (tiny & (np.abs(off) > 1e-6 * np.maximum(total, 1.0)[..., None])).any(-1)
    return _answer(
        np.where(impossible, np.inf, statistic),
        np.where(impossible, 0.0, p_value),
        np.broadcast_to(expected, seen.shape),
        n,
        threshold,
    )


def false_alarm_rate(threshold: float, *, looks: int, n_arms: int = 2) -> float:
    """Chance that `sample_ratio_test` alarms at some look although traffic goes as planned.

    Looks are equally spaced in units, and counts are large, so that their deviations are a Brownian motion of
    K - 1 dimensions, whose distance from 0 is followed from look to look by quadrature, among those who never
    crossed (Armitage, McPherson and Rowe, 1969, for two arms).

    Args:
        threshold: P-value below which a look raises an alarm.
        looks: Number of looks.
        n_arms: Number of arms K.

    Raises:
        ParameterError: If an argument lies outside its bound.

    Example:
        >>> [round(false_alarm_rate(p, looks=30), 4) for p in (0.01, 0.001)]
        [0.0744, 0.0096]
    """
    from scipy.special import gammaln, ive
    from scipy.stats import chi2

    _check_threshold(threshold)
    for name, number, least in (("looks", looks, 1), ("n_arms", n_arms, 2)):
        if number < least:
            raise ParameterError(name, number, f"{name} >= {least}", "Choose a larger number.")
    df = n_arms - 1
    order = df / 2.0 - 1.0
    bounds = np.sqrt(chi2.isf(threshold, df) * np.arange(1, looks + 1))
    points, weights = np.polynomial.legendre.leggauss(int(16 + 2 * bounds[-1]))
    r, mass = np.zeros(0), np.zeros(0)
    for look, bound in enumerate(bounds):
        at = bound * (points + 1.0) / 2.0
        if look == 0:
            density = np.exp((df - 1) * np.log(at) - at**2 / 2.0 - order * np.log(2.0) - gammaln(df / 2.0))
        else:
            x, y = r[:, None], at[None, :]
            step = y * (y / x) ** order * np.exp(-((x - y) ** 2) / 2.0) * ive(order, x * y)
            density = mass @ step
        r, mass = at, density * weights * bound / 2.0
    return float(1.0 - mass.sum())


def _exact_p_value(seen: Floats, n: Floats, shares: Floats) -> Floats:
    from scipy.special import betainc

    left = n[..., None] - seen
    at_least = np.where(seen > 0.0, betainc(np.maximum(seen, 1e-9), left + 1.0, shares), 1.0)
    at_most = np.where(left > 0.0, betainc(np.maximum(left, 1e-9), seen + 1.0, 1.0 - shares), 1.0)
    arms = seen.shape[-1]
    doubled = 2.0 * np.minimum(at_least, at_most).min(-1) * (1.0 if arms == 2 else arms)
    p_value: Floats = np.minimum(doubled, 1.0)
    return p_value


def _checked(counts: ArrayLike, weights: ArrayLike, threshold: float) -> tuple[Floats, Floats, Floats]:
    """Counts, shares and totals."""
    seen, planned = _checked_counts(counts, threshold), np.asarray(weights, float)
    if not np.all((planned > 0.0) & np.isfinite(planned)):
        wrong = planned[~((planned > 0.0) & np.isfinite(planned))].flat[0]
        raise ParameterError("weights", float(wrong), "0 < weight < infinity", "Leave closed arms out.")
    seen, planned = np.broadcast_arrays(seen, planned)
    return seen, planned / planned.sum(-1, keepdims=True), seen.sum(-1)


def _checked_counts(counts: ArrayLike, threshold: float) -> Floats:
    _check_threshold(threshold)
    seen = np.asarray(counts, float)
    if seen.ndim == 0 or seen.shape[-1] < 2:
        raise ParameterError("counts", seen.shape, "shape (..., K) with K >= 2", "Count every arm.")
    if not np.all((seen >= 0.0) & np.isfinite(seen)):
        wrong = seen[~((seen >= 0.0) & np.isfinite(seen))].flat[0]
        raise ParameterError("counts", float(wrong), "0 <= count < infinity", "Count units by arm.")
    return seen


def _check_threshold(threshold: float) -> None:
    if not 0.0 < threshold < 1.0:
        raise ParameterError("threshold", threshold, "0 < threshold < 1", "Usual are 0.001 and 0.01.")


def _answer(statistic: Floats, p_value: Floats, expected: Floats, n: Floats, threshold: float) -> SampleRatio:
    reason = np.where(n > 0.0, Reason.NONE, Reason.NO_DATA).astype(np.int8)
    return SampleRatio(statistic, p_value, expected, p_value < threshold, reason, threshold)
