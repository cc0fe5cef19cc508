"""Rewards of arms as statistics: what every estimate of a live experiment starts from."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from armlift.experiments.brief import Brief
from armlift.experiments.rules import deciding_strategy
from armlift.statistics.moments import Mean, Proportion

Floats = NDArray[np.float64]
SUFFICIENT = ("rewards", "reward_total", "reward_squares")
"""Columns of sums that a reward's statistics are made of."""


def rewards_of(n: ArrayLike, total: ArrayLike, squares: ArrayLike, *, bounded: bool) -> Proportion | Mean:
    """Statistics of rewards from their sums.

    Args:
        n: Rewards, shape (...).
        total: Their sum.
        squares: Sum of their squares.
        bounded: Whether a reward is a yes or a no; sums of amounts make a mean.
    """
    if bounded:
        units = np.asarray(n, float)
        return Proportion(units, np.clip(np.asarray(total, float), 0.0, units))
    sums = np.asarray(total, float)[..., None]
    return Mean.from_sums(n, sums, np.asarray(squares, float)[..., None, None])


def sums_by_arm(sums: pd.DataFrame, arms: tuple[str, ...], strategy: str | None = None) -> pd.DataFrame:
    """Sums of each arm, in order; 0 where an arm has none.

    Args:
        sums: `strategy_id`, `arm_id` and sums, such as `Readings.totals` gives them.
        arms: Arms wanted.
        strategy: Of this strategy alone; None for all together.
    """
    rows = sums if strategy is None else sums[sums["strategy_id"] == strategy]
    numbers = rows.select_dtypes("number").columns
    return rows.groupby("arm_id")[list(numbers)].sum().reindex(list(arms), fill_value=0)


def has_amounts(brief: Brief) -> bool:
    """Whether rewards are amounts, such as revenue; otherwise each is a yes or a no."""
    return brief.any_reward and brief.primary_metric.kind == "mean"


def arm_rewards(sums: pd.DataFrame, brief: Brief, strategy: str | None = None) -> Proportion | Mean:
    """Rewards of each arm, shape (K,), in the brief's order.

    Args:
        sums: As for `sums_by_arm`.
        brief: What was declared.
        strategy: Of this strategy alone; None for all together.
    """
    by_arm = sums_by_arm(sums, brief.arms, strategy)
    return rewards_of(*(by_arm[name] for name in SUFFICIENT), bounded=not has_amounts(brief))


def trial_of(brief: Brief) -> str | None:
    """The strategy whose plain means may be compared: the fixed split that decides; None without one."""
    strategy = deciding_strategy(brief)
    return strategy.id if strategy.allocation == "fixed" else None


def cumulative_rewards(
    series: pd.DataFrame, brief: Brief, strategy: str | None = None
) -> tuple[pd.DatetimeIndex, Proportion | Mean]:
    """Rewards of each arm up to the end of each stretch.

    Args:
        series: `bucket_at`, `strategy_id`, `arm_id` and sums.
        brief: What was declared.
        strategy: Of this strategy alone; None for all together.

    Returns:
        The starts of the stretches, T of them, and statistics of shape (T, K).
    """
    rows = series if strategy is None else series[series["strategy_id"] == strategy]
    moments = pd.DatetimeIndex(np.sort(rows["bucket_at"].unique()), name="bucket_at")
    cells = pd.MultiIndex.from_product([moments, brief.arms], names=["bucket_at", "arm_id"])
    table = rows.groupby(["bucket_at", "arm_id"])[list(SUFFICIENT)].sum().reindex(cells, fill_value=0)
    shape = len(moments), len(brief.arms)
    columns = (table[name].to_numpy(float).reshape(shape).cumsum(axis=0) for name in SUFFICIENT)
    return moments, rewards_of(*columns, bounded=not has_amounts(brief))
