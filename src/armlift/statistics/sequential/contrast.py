"""The comparison that sequential methods watch, and how they turn bounds into an `Effect`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armlift.statistics.effect import Alternative, Effect, Reason
from armlift.statistics.effects import checked_margin, reasons, told_effect
from armlift.statistics.moments import Sample, ratio

Floats = NDArray[np.float64]


class Claim(NamedTuple):
    """What a comparison is to show, and how surely.

    Attributes:
        confidence: Coverage of the interval, 1 - alpha.
        alternative: What the test is to show: that the effect is not, is above or is below `margin`.
        margin: Effect of the null hypothesis; it does not move the interval.
    """

    confidence: float
    alternative: Alternative
    margin: Floats

    @property
    def alpha(self) -> float:
        """Error allowed over all looks."""
        return 1.0 - self.confidence

    @property
    def two_sided(self) -> bool:
        """Whether effects on either side of the margin count."""
        return self.alternative == "two-sided"


def checked_claim(confidence: float, alternative: Alternative, margin: ArrayLike) -> Claim:
    """A `Claim`, or a `ParameterError` that names what is wrong."""
    return Claim(confidence, alternative, checked_margin(confidence, alternative, margin))


class Contrast(NamedTuple):
    """Treatment against control at each look; arrays of one shape.

    Attributes:
        estimate: Difference, absolute or relative; it means something where `reason` is `NONE`.
        standard_error: Its standard error; 0 where it is not defined.
        units: Units per arm that would give this standard error if both arms had as many. It is the harmonic
            mean of the two sample sizes, weighted with the arms' variances, and grows as information does:
            as 1 / standard_error**2. 0 where it is not defined.
        reason: `Reason` codes, int8.
    """

    estimate: Floats
    standard_error: Floats
    units: Floats
    reason: NDArray[np.int8]

    def deviate(self, margin: Floats) -> Floats:
        """Standard errors between estimate and margin."""
        return ratio(self.estimate - margin, self.standard_error)

    def effect(self, low: Floats, high: Floats, p_value: Floats, claim: Claim) -> Effect:
        """The result, opened on the untested side and where nothing can be said."""
        return told_effect(
            self.estimate,
            self.standard_error,
            low,
            high,
            p_value,
            self.reason,
            claim.confidence,
            claim.alternative,
        )


def contrast(treatment: Sample, control: Sample, *, relative: bool = False) -> Contrast:
    """Compare two independent samples.

    Args:
        treatment: Statistics of shape (...).
        control: Statistics that broadcast with them.
        relative: Whether the difference is divided by the control's value; its standard error is then the
            delta method's.
    """
    reason = reasons(treatment, control, relative=relative)
    estimate = treatment.value - control.value
    variances = treatment.variance, control.variance
    if relative:
        base, quotient = control.value, ratio(treatment.value, control.value)
        estimate = quotient - 1.0
        variances = (
            ratio(treatment.variance, base * base),
            ratio(quotient * quotient * control.variance, base * base),
        )
    squared = ratio(variances[0], treatment.n) + ratio(variances[1], control.n)
    known = reason == Reason.NONE
    return Contrast(
        estimate=estimate,
        standard_error=np.where(known, np.sqrt(squared), 0.0),
        units=np.where(known, ratio(variances[0] + variances[1], squared), 0.0),
        reason=reason,
    )
