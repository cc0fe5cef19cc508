"""What a bandit gains over the A/B test beside it, with an interval that holds at every look."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from armlift.reporting.live_trends import Roles, counted, dense, moments_of
from armlift.statistics.effect import Effect, Reason
from armlift.statistics.moments import Estimate, ratio
from armlift.statistics.sequential.confidence_sequence import confidence_sequence

Floats = NDArray[np.float64]
Method = Literal["randomised", "weighted"]

_FEW = 50
"""Decisions that each arm of the imagined split must have before the weighted lift says anything."""

_LEAST = 1e-3
"""Propensities below this count as this: no floor is lower, and a rounding must not become a weight."""


class LiftNow(NamedTuple):
    """The lift after all rewards so far. Where nothing can be said, the intervals are the whole line.

    Attributes:
        relative: Mean reward of the bandit over the baseline's, minus 1.
        relative_low: Lower end of its interval.
        relative_high: Upper end.
        difference: Mean reward of the bandit minus the baseline's.
        low: Lower end of its interval.
        high: Upper end.
        units: Decisions of the bandit so far that count, see `live_trends.counted`.
        reason: Why nothing can be said, if so.
    """

    relative: float
    relative_low: float
    relative_high: float
    difference: float
    low: float
    high: float
    units: float
    reason: Reason

    @property
    def outcome(self) -> Literal["gain", "loss", "open", "unknown"]:
        """What the interval of the difference says."""
        if self.reason in (Reason.NO_DATA, Reason.EMPTY_ARM, Reason.TOO_FEW, Reason.NO_VARIANCE):
            return "unknown"
        return "gain" if self.low > 0.0 else "loss" if self.high < 0.0 else "open"

    def gained(self, value: float = 1.0) -> tuple[float, float, float]:
        """What the bandit's traffic has brought beyond the baseline's rate: estimate, low, high.

        Args:
            value: Money for one unit of reward; 1 gives rewards.
        """
        scale = self.units * value
        ends = (self.low, self.high) if scale > 0 else (0.0, 0.0)
        return self.difference * scale, ends[0] * scale, ends[1] * scale


@dataclass(frozen=True, eq=False)
class LiveLift:
    """The lift of a bandit over time.

    Attributes:
        bandit: Strategy.
        baseline: Strategy with the fixed split; None where it is imagined.
        method: `randomised`: users were assigned to one strategy or the other by chance, and the strategies'
            own means are compared. `weighted`: there is no A/B test, and the fixed split's reward is
            estimated from the bandit's decisions by augmented inverse-propensity scores.
        trend: at, relative, relative_low, relative_high, difference, low, high, units; ends that are not
            known are null.
        now: The last row.
    """

    bandit: str
    baseline: str | None
    method: Method
    trend: pd.DataFrame
    now: LiftNow


def live_lift(series: pd.DataFrame, who: Roles, bandit: str) -> LiveLift:
    """Estimate the lift of a bandit.

    Both methods are valid although the bandit adapts, and may be read at any time: given the past, each
    reward of a strategy has as its mean what the strategy earns at that time, and each score what the fixed
    split would. The means of arms, which adapting does bias, are not used.

    Args:
        series: Sums by bucket_at, strategy_id and arm_id, from the start of the experiment. Inside a stretch
            an arm's propensity counts as constant, which only the method `weighted` needs.
        who: Strategies and arms.
        bandit: Strategy whose lift is wanted.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2021); Hadad, Hirshberg, Zhan,
        Wager and Athey (2021) for the scores.
    """
    names = [bandit] if who.baseline is None else [who.baseline, bandit]
    sums = dense(series, names, who.arms)
    moments = moments_of(sums)
    shape = (len(moments), len(names), len(who.arms))
    units = counted(sums, who)
    n, total, squares = (units[name].to_numpy().reshape(shape) for name in ("units", "total", "squares"))
    if who.baseline is None:
        decisions, propensity = (
            sums[name].to_numpy().reshape(shape) for name in ("decisions", "propensity_total")
        )
        chances = propensities(decisions, propensity, who.split)[:, 0]
        absolute, relative = _weighted(n[:, 0], total[:, 0], squares[:, 0], chances, who)
    else:
        absolute, relative = _randomised(n, total, squares, who)
    so_far = n[:, -1].sum(axis=-1).cumsum()
    trend = pd.DataFrame(
        {
            "at": moments,
            "relative": _known(relative.estimate, relative),
            "relative_low": _finite(relative.low),
            "relative_high": _finite(relative.high),
            "difference": _known(absolute.estimate, absolute),
            "low": _finite(absolute.low),
            "high": _finite(absolute.high),
            "units": so_far,
        }
    )
    method: Method = "weighted" if who.baseline is None else "randomised"
    return LiveLift(bandit, who.baseline, method, trend, _now(relative, absolute, so_far))


def propensities(decisions: Floats, totals: Floats, otherwise: tuple[float, ...]) -> Floats:
    """Mean propensity of each arm's decisions in each stretch.

    Args:
        decisions: Decisions, shape (stretches, strategies, arms).
        totals: Sums of their propensities.
        otherwise: Propensity of each arm before its first decision.

    Returns:
        The same shape. A stretch without a decision of the arm has the one before: rewards that arrive in it
        belong to earlier decisions.
    """
    stretch = np.arange(len(decisions))[:, None, None]
    last = np.maximum.accumulate(np.where(decisions > 0, stretch, -1), axis=0)
    means = ratio(totals, decisions)
    carried = np.take_along_axis(means, np.maximum(last, 0), axis=0)
    return np.maximum(np.where(last >= 0, carried, np.asarray(otherwise)), _LEAST)


def _randomised(n: Floats, total: Floats, squares: Floats, who: Roles) -> tuple[Effect, Effect]:
    count, reward, square = (part.sum(axis=-1).cumsum(axis=0) for part in (n, total, squares))
    control, treatment = (
        _sample(count[:, side], reward[:, side], square[:, side]) for side in range(count.shape[1])
    )
    absolute = confidence_sequence(treatment, control, tuned_at=who.tuned_at)
    return absolute, confidence_sequence(treatment, control, tuned_at=who.tuned_at, relative=True)


def _weighted(
    n: Floats, total: Floats, squares: Floats, chances: Floats, who: Roles
) -> tuple[Effect, Effect]:
    """Reward minus the score of what the fixed split would have earned, decision by decision.

    The score of a decision is v = w r + c, with the weight w = split / propensity of its arm, and
    c = sum of split * guess over all arms - w * guess of its arm; a guess is the mean of earlier stretches.
    """
    weight = np.asarray(who.split) / chances
    guess = ratio(total.cumsum(axis=0) - total, n.cumsum(axis=0) - n)
    constant = (guess @ np.asarray(who.split))[:, None] - weight * guess

    def so_far(sums: Floats) -> Floats:
        return np.asarray(sums.sum(axis=-1).cumsum())

    count, reward, square = so_far(n), so_far(total), so_far(squares)
    imagined = so_far(weight * total + constant * n)
    crossed = so_far(weight * squares + constant * total)
    doubled = so_far(weight**2 * squares + 2.0 * weight * constant * total + constant**2 * n)
    absolute = _sample(count, reward - imagined, square - 2.0 * crossed + doubled)
    quotient = ratio(reward, imagined)
    residual = ratio(square - 2.0 * quotient * crossed + quotient**2 * doubled, count)
    base = ratio(imagined, count)
    lift = Estimate(count, quotient - 1.0, np.maximum(ratio(residual, base * base), 0.0))
    # Before the rarest arm was seen often enough, the variance of its weighted rewards is a guess.
    rarest = n.cumsum(axis=0)[:, np.asarray(who.split) > 0].min(axis=-1)
    return (
        _begun(_against_zero(absolute, who), rarest >= _FEW),
        _begun(_against_zero(lift, who), (rarest >= _FEW) & (imagined > 0.0)),
    )


def _begun(effect: Effect, begun: NDArray[np.bool_]) -> Effect:
    """The effect, saying nothing where it is too early."""
    quiet = np.where(begun | (effect.reason != Reason.NONE), effect.reason, Reason.TOO_FEW)
    return replace(
        effect,
        low=np.where(begun, effect.low, -np.inf),
        high=np.where(begun, effect.high, np.inf),
        p_value=np.where(begun, effect.p_value, 1.0),
        reason=quiet.astype(np.int8),
    )


def _sample(n: Floats, total: Floats, squares: Floats) -> Estimate:
    mean = ratio(total, n)
    return Estimate(n, mean, np.maximum(ratio(squares, n) - mean * mean, 0.0))


def _against_zero(contrast: Estimate, who: Roles) -> Effect:
    nothing = np.zeros_like(contrast.n)
    return confidence_sequence(contrast, Estimate(contrast.n, nothing, nothing), tuned_at=who.tuned_at)


def _known(values: Floats, effect: Effect) -> Floats:
    return np.where(effect.reason == Reason.NONE, values, np.nan)


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)


def _now(relative: Effect, absolute: Effect, units: Floats) -> LiftNow:
    if not len(units):
        inf = float("inf")
        return LiftNow(0.0, -inf, inf, 0.0, -inf, inf, 0.0, Reason.NO_DATA)
    return LiftNow(
        relative=float(relative.estimate[-1]),
        relative_low=float(relative.low[-1]),
        relative_high=float(relative.high[-1]),
        difference=float(absolute.estimate[-1]),
        low=float(absolute.low[-1]),
        high=float(absolute.high[-1]),
        units=float(units[-1]),
        reason=Reason(int(absolute.reason[-1])),
    )
