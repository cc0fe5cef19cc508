"""Asymptotic confidence sequence: an interval that may be read at every look."""

from __future__ import annotations

from numpy.typing import ArrayLike

from armlift.errors import ParameterError
from armlift.statistics.effect import Alternative, Effect
from armlift.statistics.moments import Sample
from armlift.statistics.sequential.contrast import checked_claim, contrast
from armlift.statistics.sequential.normal_mixture import mixture_effect, tightest_signal


def confidence_sequence(
    treatment: Sample,
    control: Sample,
    *,
    confidence: float = 0.95,
    alternative: Alternative = "two-sided",
    tuned_at: float,
    relative: bool = False,
    margin: ArrayLike = 0.0,
) -> Effect:
    """Difference of two independent samples, valid at all looks together.

    The interval is estimate +- se * sqrt(2 (t rho^2 + 1) / (t rho^2) * log(sqrt(t rho^2 + 1) / alpha)), and
    one-sided log(1 + sqrt(t rho^2 + 1) / (2 alpha)) takes the logarithm's place. With arms of equal size t is
    the number of units per arm; otherwise it is the harmonic mean of both numbers, weighted with the arms'
    variances, so that t grows as the information 1 / se^2 does. rho makes the interval as narrow as can be
    when t = tuned_at: rho^2 * tuned_at = -W(-alpha^2 / e) - 1 with the lower branch of Lambert's W, and
    2 alpha for alpha if one-sided. The p-value is the smallest alpha whose interval leaves `margin` out while
    rho stays as `confidence` tuned it, so p < 1 - confidence exactly where the interval leaves it out.

    The guarantee is asymptotic: the first look should come when the variances are known to some precision,
    with a few dozen conversions in each arm. Without any variance the sequence says nothing.

    Args:
        treatment: Statistics of shape (...), such as (experiments, looks), cumulated up to each look.
        control: Statistics that broadcast with them.
        confidence: Coverage at all looks together, above 0.5 if one-sided.
        alternative: What is to be shown: that the effect is not, is above or is below `margin`.
        tuned_at: Units per arm at which the interval is tightest, such as the planned sample size.
        relative: Whether the difference is divided by the control's value (delta method).
        margin: Effect of the null hypothesis, in the effect's unit.

    Returns:
        One interval and one p-value for each look; `running` joins the looks.

    Raises:
        ParameterError: An argument is out of bounds.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2021), theorem 2.2, and their one-sided version.

    Example:
        >>> from armlift.statistics.moments import Proportion
        >>> looks = Proportion([1000, 5000], [125, 625]), Proportion([1000, 5000], [100, 500])
        >>> effect = confidence_sequence(*looks, tuned_at=5000)
        >>> print(effect.low.round(4), effect.p_value.round(4))
        [-0.0223  0.0058] [0.6136 0.0028]
    """
    claim = checked_claim(confidence, alternative, margin)
    alpha = claim.alpha if claim.two_sided else 2.0 * claim.alpha
    if alpha >= 1.0:
        raise ParameterError("confidence", confidence, "above 0.5 if one-sided", "Ask for more confidence.")
    if not 0.0 < tuned_at < float("inf"):
        raise ParameterError(
            "tuned_at", tuned_at, "0 < tuned_at < infinity", "Pass the planned units per arm."
        )
    watched = contrast(treatment, control, relative=relative)
    return mixture_effect(watched, watched.units * (tightest_signal(alpha) / tuned_at), claim)
