"""The boundary of a normal mixture, which the confidence sequence and the mixture SPRT share.

A standardised difference that is watched over time behaves like a Brownian motion at the information
gathered so far. Averaging its likelihood ratio over effects with a normal density of variance tau**2 gives a
martingale that exceeds 1 / alpha with probability alpha at most, at any look (Robbins, 1970). All that
matters of tau is the signal x = tau**2 / standard_error**2, which grows with the data. One-sided, the
density is folded to the tested side.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from armlift.statistics.effect import Effect
from armlift.statistics.sequential.contrast import Claim, Contrast

Floats = NDArray[np.float64]


def mixture_effect(watched: Contrast, signal: Floats, claim: Claim) -> Effect:
    """Interval and p-value that hold at all looks together.

    Args:
        watched: The comparison, shape (...).
        signal: x = tau**2 / standard_error**2, shape (...); ignored where there is a reason to say nothing.
        claim: Confidence, alternative and margin.
    """
    x = np.where(signal > 0.0, signal, 1.0)
    half = critical(x, claim.alpha, two_sided=claim.two_sided) * watched.standard_error
    deviate = watched.deviate(claim.margin)
    if claim.alternative == "less":
        deviate = -deviate
    p_value = tail(deviate, x, two_sided=claim.two_sided)
    return watched.effect(watched.estimate - half, watched.estimate + half, p_value, claim)


def critical(x: Floats, alpha: float, *, two_sided: bool) -> Floats:
    """Standard errors by which an estimate must leave the margin, at signal x."""
    odds = np.sqrt(1.0 + x) / alpha
    logarithm = np.log(odds) if two_sided else np.log1p(odds / 2.0)
    return np.sqrt(2.0 * (1.0 + 1.0 / x) * logarithm, dtype=np.float64)


def tail(deviate: Floats, x: Floats, *, two_sided: bool) -> Floats:
    """Smallest alpha whose `critical` value the deviate exceeds; 1 where there is none below 1."""
    root: Floats = np.sqrt(1.0 + x)
    towards = deviate if two_sided else np.maximum(deviate, 0.0)
    evidence = 0.5 * towards * towards / (1.0 + 1.0 / x)
    if two_sided:
        return np.minimum(root * np.exp(-evidence), 1.0)
    evidence = np.maximum(evidence, np.log1p(root / 2.0))  # where the p-value reaches 1
    return np.minimum(0.5 * root * np.exp(-evidence) / -np.expm1(-evidence), 1.0)


def tightest_signal(alpha: float) -> float:
    """The x at which the two-sided interval is narrowest, for a fixed amount of data.

    It solves 1 + x = log(1 + x) + 1 - 2 log(alpha), through the lower branch of Lambert's W.
    """
    from scipy.special import lambertw

    return float(-lambertw(-(alpha**2) / np.e, -1).real) - 1.0
