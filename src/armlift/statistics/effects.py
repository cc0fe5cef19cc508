"""Difference of a treatment from a control, absolute or relative, with interval and p-value.

Means are compared by Welch's t, everything else by the normal distribution with the two arms' variances
unpooled. Interval and p-value are two views of one test: the interval leaves a margin out exactly where the
p-value against that margin is below 1 - confidence. `docs/statistics.md` states the formulas.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armlift.errors import ParameterError
from armlift.statistics.effect import Alternative, Effect, Reason
from armlift.statistics.moments import Mean, Sample, ratio

Floats = NDArray[np.float64]

#: Standard deviation, relative to the value, below which units count as constant.
_ROUNDING = 1e-14


def difference(
    treatment: Sample,
    control: Sample,
    *,
    confidence: float = 0.95,
    alternative: Alternative = "two-sided",
    margin: ArrayLike = 0.0,
) -> Effect:
    """Treatment's value minus control's.

    Args:
        treatment: Statistics of shape (...).
        control: Statistics that broadcast with them.
        confidence: Coverage of the interval; it is open on one side unless the alternative is two-sided.
        alternative: What the test is to show: that the difference is not, is above or is below `margin`.
        margin: Difference of the null hypothesis, in the metric's unit; it does not move the interval.

    Raises:
        ParameterError: `confidence`, `alternative` or `margin` is out of bounds.

    Source: Welch (1947) for means; the Wald test with unpooled variance for the rest.

    Example:
        >>> from armlift.statistics.moments import Proportion
        >>> effect = difference(Proportion(1000, 130), Proportion(1000, 100))
        >>> print(effect.estimate.round(3), effect.low.round(4), effect.p_value.round(4))
        0.03 0.0021 0.0353
    """
    offset = checked_margin(confidence, alternative, margin)
    reason = reasons(treatment, control)
    noise_t, noise_c = _squared_errors(treatment, control)
    freedom = _degrees_of_freedom(treatment, control, noise_t, noise_c)
    estimate = treatment.value - control.value
    error = np.sqrt(noise_t + noise_c)
    half = _critical(confidence, alternative, freedom) * error
    p_value = _p_value(ratio(estimate - offset, error), alternative, freedom)
    return told_effect(
        estimate, error, estimate - half, estimate + half, p_value, reason, confidence, alternative
    )


def relative_difference(
    treatment: Sample,
    control: Sample,
    *,
    confidence: float = 0.95,
    alternative: Alternative = "two-sided",
    margin: ArrayLike = 0.0,
    method: Literal["fieller", "delta"] = "fieller",
) -> Effect:
    """Treatment's value over control's, minus 1.

    The standard error is the delta method's. The interval is Fieller's, which holds the ratios r that the
    test of treatment - r * control does not reject: unlike the symmetric delta interval it misses the truth
    equally often on both sides. Where the control's value is within its own noise of 0 it has no bounds.

    Args:
        treatment: Statistics of shape (...).
        control: Statistics that broadcast with them.
        confidence: Coverage of the interval; it is open on one side unless the alternative is two-sided.
        alternative: What the test is to show: that the relative difference is not, is above or is below
            `margin`.
        margin: Relative difference of the null hypothesis, such as -0.02; it does not move the interval.
        method: `delta` gives the delta method's interval and p-value instead, estimate -+ z standard errors.

    Raises:
        ParameterError: `confidence`, `alternative`, `margin` or `method` is out of bounds.

    Source: Fieller (1954); Deng, Knoblich and Lu (2018) for the standard error.

    Example:
        >>> from armlift.statistics.moments import Proportion
        >>> effect = relative_difference(Proportion(1000, 130), Proportion(1000, 100))
        >>> print(effect.estimate.round(3), effect.low.round(3), effect.high.round(3))
        0.3 0.018 0.675
    """
    offset = checked_margin(confidence, alternative, margin)
    if method not in ("fieller", "delta"):
        raise ParameterError("method", method, "'fieller' or 'delta'", "Choose one of them.")
    reason = reasons(treatment, control, relative=True)
    noise_t, noise_c = _squared_errors(treatment, control)
    freedom = _degrees_of_freedom(treatment, control, noise_t, noise_c)
    critical = _critical(confidence, alternative, freedom)
    base = control.value
    quotient = ratio(treatment.value, base)
    scale = ratio(np.ones_like(base), base * base)
    noise_t, noise_c = noise_t * scale, noise_c * scale  # now in units of the control's value
    error = np.sqrt(noise_t + quotient * quotient * noise_c)
    if method == "delta":
        effect, half = quotient - 1.0, critical * error
        p_value = _p_value(ratio(effect - offset, error), alternative, freedom)
        return told_effect(
            effect, error, effect - half, effect + half, p_value, reason, confidence, alternative
        )

    weakness = critical * critical * noise_c
    bounded = weakness < 1.0
    reason = np.where((reason == Reason.NONE) & ~bounded, np.int8(Reason.WEAK_BASELINE), reason)
    left = np.where(bounded, 1.0 - weakness, 1.0)
    half = critical * np.sqrt(noise_t * left + quotient * quotient * noise_c) / left
    centre = quotient / left

    null = 1.0 + offset
    contrast = ratio(quotient - null, np.sqrt(noise_t + null * null * noise_c))
    # A ratio has a direction only once the control's sign is known: the larger p-value of both claims.
    sign_known = np.sqrt(ratio(np.ones_like(noise_c), noise_c))
    p_sign = _p_value(sign_known, "two-sided" if alternative == "two-sided" else "greater", freedom)
    p_sign = np.where(noise_c > 0.0, p_sign, 0.0)
    p_value = np.maximum(_p_value(contrast, alternative, freedom), p_sign)
    return told_effect(
        quotient - 1.0,
        error,
        centre - half - 1.0,
        centre + half - 1.0,
        p_value,
        reason,
        confidence,
        alternative,
    )


def non_inferiority(
    treatment: Sample,
    control: Sample,
    margin: ArrayLike,
    *,
    relative: bool = False,
    better: Literal["higher", "lower"] = "higher",
    confidence: float = 0.95,
) -> Effect:
    """Test that the treatment is not worse than the control by `margin` or more.

    A small p-value shows non-inferiority. The bounded end of the interval is the largest loss that is still
    compatible with the data.

    Args:
        treatment: Statistics of shape (...).
        control: Statistics that broadcast with them.
        margin: Loss that would just be too large, above 0: in the metric's unit, or relative to the control.
        relative: Whether effect and margin are relative.
        better: Whether a higher or a lower value of the metric is better.
        confidence: Of the one-sided interval, 1 - alpha.

    Raises:
        ParameterError: `margin` is not above 0, or `better` or `confidence` is out of bounds.

    Example:
        >>> from armlift.statistics.moments import Proportion
        >>> effect = non_inferiority(Proportion(10_000, 990), Proportion(10_000, 1000), margin=0.01)
        >>> print(effect.low.round(4), effect.p_value.round(4))
        -0.008 0.0167
    """
    loss = np.asarray(margin, float)
    if not np.all((loss > 0.0) & np.isfinite(loss)):
        raise ParameterError("margin", margin, "0 < margin < infinity", "Name the loss as a positive number.")
    if better not in ("higher", "lower"):
        raise ParameterError("better", better, "'higher' or 'lower'", "Say which way the metric improves.")
    compare = relative_difference if relative else difference
    if better == "higher":
        return compare(treatment, control, confidence=confidence, alternative="greater", margin=-loss)
    return compare(treatment, control, confidence=confidence, alternative="less", margin=loss)


def reasons(treatment: Sample, control: Sample, *, relative: bool = False) -> NDArray[np.int8]:
    """`Reason` codes of a comparison, as far as the data decide them.

    Args:
        treatment: Statistics of shape (...).
        control: Statistics that broadcast with them.
        relative: Whether the effect is relative to the control's value.
    """
    fewest, most = np.minimum(treatment.n, control.n), np.maximum(treatment.n, control.n)
    no_baseline = relative & (control.value == 0.0)
    constant = _is_constant(treatment) & _is_constant(control)
    return np.select(
        [most == 0.0, fewest == 0.0, fewest < 2.0, no_baseline, constant],
        [
            np.int8(reason)
            for reason in (
                Reason.NO_DATA,
                Reason.EMPTY_ARM,
                Reason.TOO_FEW,
                Reason.ZERO_BASELINE,
                Reason.NO_VARIANCE,
            )
        ],
        default=np.int8(Reason.NONE),
    )


def _is_constant(arm: Sample) -> NDArray[np.bool_]:
    """Whether the arm's units do not differ by more than rounding."""
    return np.less_equal(arm.variance, (_ROUNDING * arm.value) ** 2)


def checked_margin(confidence: float, alternative: Alternative, margin: ArrayLike) -> Floats:
    """The margin as an array, or a `ParameterError` that names which of the three is wrong."""
    if not 0.0 < confidence < 1.0:
        raise ParameterError("confidence", confidence, "0 < confidence < 1", "95 % is 0.95.")
    if alternative not in get_args(Alternative):
        allowed = ", ".join(get_args(Alternative))
        raise ParameterError("alternative", alternative, f"one of {allowed}", "Choose one of them.")
    offset = np.asarray(margin, float)
    if not np.isfinite(offset).all():
        raise ParameterError("margin", margin, "finite", "0 tests for any effect.")
    return offset


def _squared_errors(treatment: Sample, control: Sample) -> tuple[Floats, Floats]:
    return ratio(treatment.variance, treatment.n), ratio(control.variance, control.n)


def _degrees_of_freedom(
    treatment: Sample, control: Sample, noise_t: Floats, noise_c: Floats
) -> Floats | None:
    """Welch and Satterthwaite's for two means, at least 1; None stands for the normal distribution."""
    if not (isinstance(treatment, Mean) and isinstance(control, Mean)):
        return None
    share = ratio(noise_t, noise_t + noise_c)
    spread_t = ratio(share * share, np.maximum(treatment.n - 1.0, 1.0))
    spread_c = ratio((1.0 - share) ** 2, np.maximum(control.n - 1.0, 1.0))
    return np.maximum(1.0 / (spread_t + spread_c), 1.0)


def _critical(confidence: float, alternative: Alternative, freedom: Floats | None) -> Floats:
    from scipy.special import ndtri, stdtrit

    tail = (1.0 - confidence) / (2.0 if alternative == "two-sided" else 1.0)
    return np.negative(ndtri(tail) if freedom is None else stdtrit(freedom, tail), dtype=np.float64)


def _p_value(statistic: Floats, alternative: Alternative, freedom: Floats | None) -> Floats:
    from scipy.special import ndtr, stdtr

    if alternative == "two-sided":
        deviate = -np.abs(statistic)
    else:
        deviate = statistic if alternative == "less" else -statistic
    tail = ndtr(deviate) if freedom is None else stdtr(freedom, deviate)
    return np.multiply(tail, 2.0 if alternative == "two-sided" else 1.0, dtype=np.float64)


def told_effect(
    estimate: Floats,
    error: Floats,
    low: Floats,
    high: Floats,
    p_value: Floats,
    reason: NDArray[np.int8],
    confidence: float,
    alternative: Alternative,
) -> Effect:
    """The result, opened on the untested side and where nothing can be said."""
    shape = np.broadcast_shapes(np.shape(estimate), np.shape(p_value))
    estimated = np.isin(reason, (Reason.NONE, Reason.NO_VARIANCE, Reason.TOO_FEW, Reason.WEAK_BASELINE))
    bounded = reason == Reason.NONE
    tested = bounded | (reason == Reason.WEAK_BASELINE)
    return Effect(
        estimate=np.broadcast_to(np.where(estimated, estimate, 0.0), shape),
        standard_error=np.broadcast_to(np.where(tested, error, 0.0), shape),
        low=np.broadcast_to(np.where(bounded & (alternative != "less"), low, -np.inf), shape),
        high=np.broadcast_to(np.where(bounded & (alternative != "greater"), high, np.inf), shape),
        p_value=np.where(tested, p_value, 1.0),
        reason=np.broadcast_to(reason, shape),
        confidence=confidence,
        alternative=alternative,
    )
