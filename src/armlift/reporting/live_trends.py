"""Trends of live strategies from sums by stretch of time: reward, clicks, traffic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from armlift.experiments.brief import Brief
from armlift.experiments.live_window import LiveSums
from armlift.statistics.moments import Estimate, ratio
from armlift.statistics.sequential.confidence_sequence import confidence_sequence

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
SUMS = LiveSums._fields
"""Columns of every table of sums."""


class Roles(NamedTuple):
    """Who is compared with whom.

    Attributes:
        baseline: Strategy with the fixed split, the A/B test; None if the brief has none.
        bandits: The other strategies, in the brief's order.
        arms: Ids of the variants, in the brief's order.
        split: Share of each arm in the fixed split; even where the brief has none.
        tuned_at: Decisions of each strategy at which intervals are tightest: the brief's minimum sample.
        default: Reward of a decision that gets none; None if such a decision is no unit at all.
    """

    baseline: str | None
    bandits: tuple[str, ...]
    arms: tuple[str, ...]
    split: tuple[float, ...]
    tuned_at: float
    default: float | None = 0.0

    @property
    def strategies(self) -> tuple[str, ...]:
        """All of them, the A/B test first."""
        return (*([] if self.baseline is None else [self.baseline]), *self.bandits)


def roles(brief: Brief) -> Roles:
    """Say which strategy of a brief is the A/B test, and which ones are bandits."""
    fixed = [strategy for strategy in brief.strategies if strategy.allocation == "fixed"]
    even = (1.0 / len(brief.arms),) * len(brief.arms)
    return Roles(
        fixed[0].id if fixed else None,
        tuple(strategy.id for strategy in brief.strategies if strategy not in fixed[:1]),
        brief.arms,
        brief.weights(fixed[0]) if fixed else even,
        float(brief.minimum_sample * len(brief.arms)),
        brief.default_reward,
    )


def dense(series: pd.DataFrame, strategies: Sequence[str], arms: Sequence[str]) -> pd.DataFrame:
    """Sums of every stretch, strategy and arm, 0 where nothing happened.

    Args:
        series: bucket_at, strategy_id, arm_id and `SUMS`.
        strategies: Strategies wanted; sums of others are left out.
        arms: Arms wanted.

    Returns:
        The columns `SUMS` with the index bucket_at, strategy_id, arm_id, each level complete and in order.
    """
    rows = series[series["strategy_id"].isin(strategies) & series["arm_id"].isin(arms)]
    moments = pd.DatetimeIndex(np.sort(rows["bucket_at"].unique()), name="bucket_at")
    index = pd.MultiIndex.from_product(
        [moments, list(strategies), list(arms)], names=["bucket_at", "strategy_id", "arm_id"]
    )
    sums = rows.groupby(["bucket_at", "strategy_id", "arm_id"], observed=True)[list(SUMS)].sum()
    return sums.reindex(index, fill_value=0).astype(float)


def counted(sums: pd.DataFrame, who: Roles) -> pd.DataFrame:
    """Units and their rewards: what means are taken of.

    Clicks come within minutes, but that there was none is known only when the reward window ends: a mean of
    the rewards that are there would begin at 1. So each decision is a unit from the start, and has the
    default reward until it gets another one. Without a default, decisions with a reward are the units.

    Args:
        sums: From `dense`, or sums of it.
        who: Gives the default.

    Returns:
        units, total, squares; additive. In a single stretch the total may be that of earlier decisions.
    """
    if who.default is None:
        columns = {"units": "rewards", "total": "reward_total", "squares": "reward_squares"}
        return sums[list(columns.values())].set_axis(list(columns), axis=1)
    waiting = sums["decisions"] - sums["rewards"]
    return pd.DataFrame(
        {
            "units": sums["decisions"],
            "total": sums["reward_total"] + who.default * waiting,
            "squares": sums["reward_squares"] + who.default**2 * waiting,
        }
    )


def moments_of(sums: pd.DataFrame) -> pd.DatetimeIndex:
    """The stretches of a table from `dense`, by their starts."""
    return pd.DatetimeIndex(sums.index.unique("bucket_at"))


def strategy_trend(series: pd.DataFrame, who: Roles) -> pd.DataFrame:
    """How each strategy fared until the end of each stretch.

    Bands hold at all moments together with 95 %: asymptotic confidence sequences, whose variance is that of
    single rewards. A strategy's own mean is not biased by its adapting, as the means of its arms are: given
    the past, the next reward has as its mean what the strategy earns at that time.

    Args:
        series: Sums by bucket_at, strategy_id and arm_id, from the start of the experiment.
        who: Strategies and arms.

    Returns:
        at, strategy, decisions, rewards (decisions with one), reward (sum so far), mean (per unit, see
        `counted`) with mean_low and mean_high, scaled (reward at equal traffic: mean times the strategies'
        average number of units) with its band, ctr (clicks per impression) with its band. Null where nothing
        can be said.
    """
    sums = _by_strategy(series, who)
    units = counted(sums, who)
    n, total, squares = (units[name].to_numpy() for name in ("units", "total", "squares"))
    mean, low, high = mean_band(n, total, squares, who.tuned_at)
    traffic = units["units"].groupby("bucket_at").transform("mean").to_numpy()
    seen, clicks = sums["impressions"].to_numpy(), sums["clicks"].to_numpy()
    # One impression may bring several clicks: then their number varies at least as a Poisson number does.
    ctr, ctr_low, ctr_high = mean_band(seen, clicks, clicks + ratio(clicks, seen) * clicks, who.tuned_at)
    columns = {
        "decisions": sums["decisions"].to_numpy(),
        "rewards": sums["rewards"].to_numpy(),
        "reward": total,
        "mean": mean,
        "mean_low": low,
        "mean_high": high,
        "scaled": mean * traffic,
        "scaled_low": low * traffic,
        "scaled_high": high * traffic,
        "ctr": ctr,
        "ctr_low": ctr_low,
        "ctr_high": ctr_high,
    }
    index = sums.index.to_frame(index=False).rename(columns={"bucket_at": "at", "strategy_id": "strategy"})
    return index.assign(**columns)


def mean_band(n: Floats, total: Floats, squares: Floats, tuned_at: float) -> tuple[Floats, Floats, Floats]:
    """Mean with its confidence sequence; NaN where nothing can be said.

    Args:
        n: Units so far, any shape.
        total: Their sum.
        squares: Sum of their squares.
        tuned_at: Units at which the interval is tightest.
    """
    mean = ratio(total, n)
    variance = np.maximum(ratio(squares, n) - mean * mean, 0.0)
    known = confidence_sequence(
        Estimate(n, mean, variance), Estimate(n, np.zeros_like(n), np.zeros_like(n)), tuned_at=tuned_at
    )
    low = np.where(np.isfinite(known.low), known.low, np.nan)
    high = np.where(np.isfinite(known.high), known.high, np.nan)
    if np.all(total >= 0.0):  # rewards that were never negative have no mean below 0
        low = np.maximum(low, 0.0)
    return np.where(n > 0, mean, np.nan), low, high


def traffic_trend(series: pd.DataFrame, who: Roles) -> pd.DataFrame:
    """Share of each strategy's decisions that each arm got in each stretch.

    Args:
        series: Sums by bucket_at, strategy_id and arm_id.
        who: Strategies and arms.

    Returns:
        at, strategy, arm, decisions, share (0 to 1); stretches without a decision of the strategy are left
        out.
    """
    rows = dense(series, who.strategies, who.arms)[["decisions"]].reset_index()
    rows.columns = pd.Index(["at", "strategy", "arm", "decisions"])
    all_arms = rows.groupby(["at", "strategy"])["decisions"].transform("sum")
    rows = rows.assign(share=rows["decisions"] / all_arms)
    return rows[all_arms > 0].reset_index(drop=True)


def _by_strategy(series: pd.DataFrame, who: Roles) -> pd.DataFrame:
    """Cumulative sums over all arms, index bucket_at and strategy_id."""
    by_arm = dense(series, who.strategies, who.arms)
    sums = by_arm.groupby(["bucket_at", "strategy_id"], sort=False).sum()
    return sums.groupby("strategy_id", sort=False).cumsum()
