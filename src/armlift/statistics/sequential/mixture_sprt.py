"""Mixture sequential probability ratio test with a normal prior on the effect."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from armlift.errors import ParameterError
from armlift.statistics.effect import Alternative, Effect
from armlift.statistics.moments import Sample, ratio
from armlift.statistics.sequential.contrast import checked_claim, contrast
from armlift.statistics.sequential.normal_mixture import mixture_effect


def mixture_sprt(
    treatment: Sample,
    control: Sample,
    *,
    confidence: float = 0.95,
    alternative: Alternative = "two-sided",
    mixing_variance: float,
    relative: bool = False,
    margin: ArrayLike = 0.0,
) -> Effect:
    """Always-valid test of a difference, with the confidence sequence that belongs to it.

    The statistic averages the likelihood ratio of the effect against `margin` over Normal(margin, tau^2):
    Lambda = sqrt(V / (V + tau^2)) exp(d^2 tau^2 / (2 V (V + tau^2))), with d the distance from the margin and
    V its squared standard error, estimated at each look. The p-value is min(1, 1 / Lambda), and the interval
    holds the margins with Lambda < 1 / alpha. It is the confidence sequence's test with rho^2 t = tau^2 / V.
    One-sided, the mixture is the half of the normal on the tested side, bounded as in
    `confidence_sequence`. The guarantee is asymptotic in the same way.

    Args:
        treatment: Statistics of shape (...), cumulated up to each look.
        control: Statistics that broadcast with them.
        confidence: Coverage at all looks together.
        alternative: What is to be shown: that the effect is not, is above or is below `margin`.
        mixing_variance: tau^2, in the squared unit of the effect (squared relative effect if `relative`). Any
            value is valid if fixed before the first look; `mixing_variance` gives a good one.
        relative: Whether the difference is divided by the control's value (delta method).
        margin: Effect of the null hypothesis, in the effect's unit.

    Returns:
        One interval and one p-value for each look; `running` joins the looks.

    Raises:
        ParameterError: An argument is out of bounds.

    Source: Johari, Pekelis and Walsh (2015, 2022); Robbins (1970).

    Example:
        >>> from armlift.statistics.moments import Proportion
        >>> effect = mixture_sprt(Proportion(5000, 625), Proportion(5000, 500),
        ...                       mixing_variance=mixing_variance(0.02))
        >>> print(effect.low.round(4), effect.p_value.round(4))
        0.0058 0.0027
    """
    claim = checked_claim(confidence, alternative, margin)
    if not 0.0 < mixing_variance < float("inf"):
        raise ParameterError(
            "mixing_variance",
            mixing_variance,
            "0 < mixing_variance < infinity",
            "Square the expected effect.",
        )
    watched = contrast(treatment, control, relative=relative)
    information = ratio(np.ones_like(watched.standard_error), watched.standard_error**2)
    return mixture_effect(watched, mixing_variance * information, claim)


def mixing_variance(minimum_detectable_effect: float) -> float:
    """The rule for tau^2 when nothing better is known: the squared minimum detectable effect.

    It makes effects of that size one standard deviation of the mixture. The interval of a 5 % test is then
    tightest at information 8.2 / effect^2, just before an effect of that size is shown with probability one
    half, at 9.2 / effect^2. Twice or half of it costs little: see `docs/statistics.md`.

    Args:
        minimum_detectable_effect: In the unit of the effect that is watched, absolute or relative.

    Raises:
        ParameterError: It is 0 or not finite.
    """
    if not 0.0 < abs(minimum_detectable_effect) < float("inf"):
        raise ParameterError(
            "minimum_detectable_effect",
            minimum_detectable_effect,
            "finite, not 0",
            "Pass the smallest effect.",
        )
    return minimum_detectable_effect**2
