"""What each strategy has lost so far against always playing the best arm, as far as the data can tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from armlift.reporting.live_lift import propensities
from armlift.reporting.live_trends import Roles, counted, dense, moments_of
from armlift.statistics.adaptive import ArmScores
from armlift.statistics.moments import ratio

Floats = NDArray[np.float64]

_Z = 1.959963984540054  # 97.5 % quantile of the normal distribution


@dataclass(frozen=True, eq=False)
class LiveRegret:
    """Estimated regret.

    Attributes:
        best: Arm with the highest estimated value; None without rewards.
        arm_values: arm, value (mean reward by AIPW over all strategies), standard_error, units.
        trend: at, strategy, regret (rewards lost so far), low, high: the values as they are known now,
            applied to all choices so far, with the 95 % interval of that sum.
    """

    best: str | None
    arm_values: pd.DataFrame
    trend: pd.DataFrame


def arm_values(series: pd.DataFrame, who: Roles) -> ArmScores:
    """Value of each arm from all strategies, by augmented inverse-propensity scores of whole stretches.

    Args:
        series: Sums by bucket_at, strategy_id and arm_id. Inside a stretch an arm's propensity counts as
            constant; the guess of its mean is that of all earlier stretches.
        who: Strategies and arms.

    Source: Hadad, Hirshberg, Zhan, Wager and Athey (2021); see `armlift.statistics.adaptive`.
    """
    _, n, total, squares, chances, _ = _cells(series, who)
    before_n = np.cumsum(n.sum(axis=1), axis=0) - n.sum(axis=1)
    before = np.cumsum(total.sum(axis=1), axis=0) - total.sum(axis=1)
    guess = np.broadcast_to(ratio(before, before_n)[:, None, :], n.shape)
    inverse = 1.0 / chances
    all_n = n.sum(axis=-1, keepdims=True)
    corrections = (total - n * guess) * inverse
    spread = (squares - 2.0 * guess * total + n * guess**2) * inverse**2
    crossed = guess[..., :, None] * corrections[..., None, :]
    products = (
        all_n[..., None] * guess[..., :, None] * guess[..., None, :]
        + crossed
        + crossed.swapaxes(-1, -2)
        + spread[..., None] * np.eye(n.shape[-1])
    )
    return ArmScores.from_sums(
        float(n.sum()), (all_n * guess + corrections).sum(axis=(0, 1)), products.sum(axis=(0, 1))
    )


def live_regret(series: pd.DataFrame, who: Roles) -> LiveRegret:
    """Estimate what each strategy has lost so far.

    Args:
        series: Sums by bucket_at, strategy_id and arm_id, from the start of the experiment.
        who: Strategies and arms.
    """
    scores = arm_values(series, who)
    moments, n, _, _, _, decisions = _cells(series, who)
    values = pd.DataFrame(
        {
            "arm": who.arms,
            "value": scores.mean,
            "standard_error": np.sqrt(
                ratio(np.diagonal(scores.covariance), np.full(len(who.arms), scores.n))
            ),
            "units": n.sum(axis=(0, 1)),
        }
    )
    if not scores.n > 1:
        return LiveRegret(None, values, _empty_trend())
    best = int(np.argmax(np.where(values["units"] > 0, scores.mean, -np.inf)))
    played = decisions.cumsum(axis=0)
    # Regret is linear in the values: the best arm's, once for each choice of another arm, minus that arm's.
    weights = -played
    weights[..., best] += played.sum(axis=-1)
    regret = weights @ scores.mean
    error = np.sqrt(
        np.maximum(np.einsum("...i,ij,...j->...", weights, scores.covariance / scores.n, weights), 0.0)
    )
    index = pd.MultiIndex.from_product([moments, who.strategies], names=["at", "strategy"])
    trend = index.to_frame(index=False).assign(
        regret=np.maximum(regret, 0.0).ravel(),
        low=np.maximum(regret - _Z * error, 0.0).ravel(),
        high=np.maximum(regret + _Z * error, 0.0).ravel(),
    )
    return LiveRegret(who.arms[best], values, trend)


class _Cells(NamedTuple):
    """Stretches, and of each stretch, strategy and arm what there was."""

    moments: pd.DatetimeIndex
    units: Floats
    total: Floats
    squares: Floats
    propensities: Floats
    decisions: Floats


def _cells(series: pd.DataFrame, who: Roles) -> _Cells:
    sums = dense(series, who.strategies, who.arms)
    shape = (-1, len(who.strategies), len(who.arms))
    units = counted(sums, who)
    n, total, squares = (units[name].to_numpy().reshape(shape) for name in ("units", "total", "squares"))
    decisions, propensity = (
        sums[name].to_numpy().reshape(shape) for name in ("decisions", "propensity_total")
    )
    moments = moments_of(sums)
    chances = propensities(decisions, propensity, who.split)
    return _Cells(moments, n, total, squares, chances, decisions)


def _empty_trend() -> pd.DataFrame:
    return pd.DataFrame({"at": pd.DatetimeIndex([], tz="UTC"), "strategy": pd.Series(dtype=str)}).assign(
        **{name: pd.Series(dtype=float) for name in ("regret", "low", "high")}
    )
