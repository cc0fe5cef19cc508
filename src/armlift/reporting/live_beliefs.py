"""What is believed about arms: posteriors, the probability to be the best, bounds; now and over time.

All strategies' rewards count: given the data, a posterior does not depend on how arms were chosen.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from armlift.bandits.kernels import kl_ucb_index, ucb1_index
from armlift.experiments.brief import Brief
from armlift.reporting.live_rewards import arm_rewards, cumulative_rewards, has_amounts
from armlift.statistics.moments import Mean, Proportion, Sample
from armlift.statistics.posterior_difference import difference_interval
from armlift.statistics.posteriors import (
    beta_posterior,
    credible_interval,
    normal_posterior,
    probability_best,
)

Floats = NDArray[np.float64]
CONFIDENCE = 0.95
_FRAMES = 40
_GRID = 160


def beliefs(sums: pd.DataFrame, brief: Brief) -> pd.DataFrame:
    """What is believed about each arm now.

    Args:
        sums: Sums by strategy and arm.
        brief: What was declared.

    Returns:
        arm, n, mean (reward per decision), low and high (95 % credible), p_best, ahead, ahead_low and
        ahead_high (difference to the best of the other arms' means, with its credible interval), one row an
        arm in the brief's order. Intervals are null where nothing is known.
    """
    rewards = arm_rewards(sums, brief)
    low, high = credible_interval(rewards, confidence=CONFIDENCE)
    mean = _means(rewards)
    first, second = np.argsort(-mean, kind="stable")[:2]
    rival = np.where(np.arange(len(mean)) == first, second, first)
    ahead = difference_interval(rewards, rewards[rival], confidence=CONFIDENCE)
    return pd.DataFrame(
        {
            "arm": brief.arms,
            "n": rewards.n.astype(int),
            "mean": mean,
            "low": _known(low),
            "high": _known(high),
            "p_best": probability_best(rewards),
            "ahead": mean - mean[rival],
            "ahead_low": _known(ahead.low),
            "ahead_high": _known(ahead.high),
        }
    )


def beliefs_over_time(series: pd.DataFrame, brief: Brief) -> pd.DataFrame:
    """What was believed about each arm at the end of each stretch, at most 40 of them, evenly spread.

    Args:
        series: `bucket_at`, `strategy_id`, `arm_id` and sums, from the start of the experiment.
        brief: What was declared.

    Returns:
        at, arm, n, mean, low, high, p_best.
    """
    if series.empty:
        return pd.DataFrame(columns=["at", "arm", "n", "mean", "low", "high", "p_best"])
    at, rewards = _frames(series, brief)
    low, high = credible_interval(rewards, confidence=CONFIDENCE)
    columns = {
        "n": rewards.n,
        "mean": _means(rewards),
        "low": _known(low),
        "high": _known(high),
        "p_best": probability_best(rewards),
    }
    table = {"at": np.repeat(at, len(brief.arms)), "arm": np.tile(brief.arms, len(at))}
    return pd.DataFrame({**table, **{name: array.ravel() for name, array in columns.items()}})


def densities(series: pd.DataFrame, brief: Brief) -> tuple[pd.DatetimeIndex, Floats, Floats]:
    """Posterior density of each arm's reward per decision, moment by moment.

    Args:
        series: As for `beliefs_over_time`.
        brief: What was declared.

    Returns:
        Moments (F), values of the reward (G), and densities (F, K, G), each arm's integral over all values
        being 1. All are empty without data.
    """
    if series.empty:
        return pd.DatetimeIndex([]), np.zeros(0), np.zeros((0, len(brief.arms), 0))
    at, rewards = _frames(series, brief)
    low, high = credible_interval(rewards, confidence=0.999)
    settled = slice(len(at) // 2, None)  # wide posteriors of the first moments would hide the later ones
    bounds = np.isfinite(low[settled]) & np.isfinite(high[settled])
    if not bounds.any():
        return at[:0], np.zeros(0), np.zeros((0, len(brief.arms), 0))
    grid = np.linspace(low[settled][bounds].min(), high[settled][bounds].max(), _GRID)
    return at, grid, _density(rewards, grid)


def upper_bounds(sums: pd.DataFrame, brief: Brief, strategy: str) -> pd.DataFrame:
    """Mean and upper confidence bounds of each arm within a strategy, as index policies see them.

    Args:
        sums: Sums by strategy and arm.
        brief: What was declared.
        strategy: Id of the strategy.

    Returns:
        arm, n, mean, ucb1, kl_ucb; bounds are null for arms without a reward and where rewards are amounts.
    """
    rewards = arm_rewards(sums, brief, strategy)
    t = float(rewards.n.sum())
    usable = (rewards.n > 0) & (not has_amounts(brief))
    bounds = {
        name: [
            index(float(mean), float(n), t) if known else np.nan
            for mean, n, known in zip(rewards.value, rewards.n, usable, strict=True)
        ]
        for name, index in (("ucb1", ucb1_index), ("kl_ucb", kl_ucb_index))
    }
    means = np.where(rewards.n > 0, rewards.value, np.nan)
    return pd.DataFrame({"arm": brief.arms, "n": rewards.n.astype(int), "mean": means, **bounds})


def _frames(series: pd.DataFrame, brief: Brief) -> tuple[pd.DatetimeIndex, Proportion | Mean]:
    at, rewards = cumulative_rewards(series, brief)
    chosen = np.unique(np.linspace(0, len(at) - 1, min(_FRAMES, len(at))).round().astype(int))
    return at[chosen], rewards[chosen]


def _density(rewards: Sample, grid: Floats) -> Floats:
    if isinstance(rewards, Proportion):
        from scipy.special import betaln, xlog1py, xlogy

        a, b = (part[..., None] for part in beta_posterior(rewards))
        inside = np.clip(grid, 0.0, 1.0)
        log = xlogy(a - 1.0, inside) + xlog1py(b - 1.0, -inside) - betaln(a, b)
        return np.where((grid >= 0.0) & (grid <= 1.0), np.exp(log), 0.0)
    mean, sd = (part[..., None] for part in normal_posterior(rewards))
    known = np.isfinite(sd) & (sd > 0.0)
    scale = np.where(known, sd, 1.0)
    height = np.exp(-0.5 * ((grid - mean) / scale) ** 2) / (scale * np.sqrt(2.0 * np.pi))
    return np.where(known, height, 0.0)


def _means(rewards: Sample) -> Floats:
    if isinstance(rewards, Proportion):
        return beta_posterior(rewards).mean
    return np.asarray(rewards.value)


def _known(bounds: Floats) -> Floats:
    return np.where(np.isfinite(bounds), bounds, np.nan)
