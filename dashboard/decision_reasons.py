"""Why a strategy chose as it did: what it knew at a moment, and the allocation that follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from armlift.bandits import UCB1, BanditState, ThompsonSampling
from armlift.experiments.allocation import live_policy
from armlift.experiments.brief import Brief
from armlift.experiments.brief_parts import Strategy

Floats = NDArray[np.float64]
_LEARNED = ("decisions", "rewards", "reward_total", "reward_squares")


class Knowledge(NamedTuple):
    """What a strategy knew of an arm at a moment.

    Attributes:
        arm: The arm.
        rewards: Rewards that it had seen.
        mean: Their mean; None without any.
        low: Lower end of the central 95 % of its posterior; None for strategies without one.
        high: Upper end; of UCB the bound by which it chooses, None where nothing was seen.
        allocation: Probability with which it would choose the arm.
    """

    arm: str
    rewards: int
    mean: float | None
    low: float | None
    high: float | None
    allocation: float


def knowledge(brief: Brief, strategy: Strategy, sums: pd.DataFrame) -> tuple[Knowledge, ...]:
    """Say what a strategy knew, arm by arm in the brief's order.

    Args:
        brief: The experiment's.
        strategy: One of its strategies.
        sums: Rows of sums up to the moment: `strategy_id`, `arm_id` and the counters; rows of one arm add up.
    """
    state = _state(_by_arm(brief, strategy, sums)[None])
    probabilities = _allocation(brief, strategy, state)[0]
    low, high = _limits(strategy, state)
    return tuple(
        Knowledge(
            arm,
            int(state.n[0, index]),
            float(state.total[0, index] / state.n[0, index]) if state.n[0, index] else None,
            _finite(low, index),
            _finite(high, index),
            float(probabilities[index]),
        )
        for index, arm in enumerate(brief.arms)
    )


def allocation_over_time(
    brief: Brief, strategy: Strategy, before: pd.DataFrame, series: pd.DataFrame
) -> pd.DataFrame:
    """Follow a strategy's allocation, as its sums make it after each bucket of time.

    Args:
        brief: The experiment's.
        strategy: One of its strategies.
        before: Sums up to the first bucket, as for `knowledge`.
        series: Sums of each bucket: `bucket_at`, `strategy_id`, `arm_id` and the counters.

    Returns:
        `bucket_at`, `arm_id`, `allocation` and `chosen` (share of the decisions; NaN without any), one row
        for each bucket and arm.
    """
    own = series[series["strategy_id"] == strategy.id]
    times = pd.DatetimeIndex(own["bucket_at"].drop_duplicates().sort_values())
    steps = np.zeros((len(times), len(brief.arms), len(_LEARNED)))
    place = {arm: index for index, arm in enumerate(brief.arms)}
    rows = times.get_indexer(pd.DatetimeIndex(own["bucket_at"]))
    arms = own["arm_id"].map(place)
    known = arms.notna().to_numpy()
    np.add.at(
        steps,
        (rows[known], arms[known].astype(int).to_numpy()),
        own.loc[known, list(_LEARNED)].to_numpy(float),
    )
    state = _state(_by_arm(brief, strategy, before)[None] + steps.cumsum(axis=0))
    decided = steps[..., 0]
    whole = decided.sum(axis=1, keepdims=True)
    chosen = np.divide(decided, whole, out=np.full_like(decided, np.nan), where=whole > 0)
    return pd.DataFrame(
        {
            "bucket_at": times.repeat(len(brief.arms)),
            "arm_id": list(brief.arms) * len(times),
            "allocation": _allocation(brief, strategy, state).ravel(),
            "chosen": chosen.ravel(),
        }
    )


def decisions_by_arm(rows: pd.DataFrame) -> Mapping[str, int]:
    """Count decisions by arm, the most frequent first.

    Args:
        rows: Sums with `arm_id` and `decisions`; rows of one arm add up.
    """
    by_arm = rows.groupby("arm_id", sort=False)["decisions"].sum().sort_values(ascending=False, kind="stable")
    return {str(arm): int(n) for arm, n in by_arm.items()}


def _finite(values: Floats | None, arm: int) -> float | None:
    return None if values is None or not np.isfinite(values[0, arm]) else float(values[0, arm])


def _by_arm(brief: Brief, strategy: Strategy, sums: pd.DataFrame) -> Floats:
    """Counters of `_LEARNED` by arm, shape (K, 4)."""
    own = sums[sums["strategy_id"] == strategy.id]
    by_arm = own.groupby("arm_id")[list(_LEARNED)].sum().reindex(brief.arms, fill_value=0)
    return by_arm.to_numpy(float)


def _state(sums: Floats) -> BanditState:
    """A policy's state from counters of shape (R, K, 4)."""
    decided, n, total, squares = np.moveaxis(sums, -1, 0)
    observed = n.astype(np.int64)
    return BanditState(
        n=n,
        total=total,
        squares=squares,
        observed=observed,
        pending=np.maximum(decided - n, 0).astype(np.int64),
        time=observed.sum(axis=1),
    )


def _allocation(brief: Brief, strategy: Strategy, state: BanditState) -> Floats:
    policy = live_policy(strategy)
    if policy is None:
        weights = np.array(brief.weights(strategy))
        return np.broadcast_to(weights / weights.sum(), state.n.shape)
    return policy.allocation(state)


def _limits(strategy: Strategy, state: BanditState) -> tuple[Floats | None, Floats | None]:
    policy = live_policy(strategy)
    if isinstance(policy, UCB1):
        return None, policy.index(state)
    if not isinstance(policy, ThompsonSampling):
        return None, None
    first, second = policy.posterior(state)
    if policy.model == "gaussian":
        from scipy.special import ndtri

        reach = float(ndtri(0.975)) * second
        return first - reach, first + reach
    from scipy.special import betaincinv

    low, high = (np.asarray(betaincinv(first, second, level), float) for level in (0.025, 0.975))
    return low, high
