"""A small simulator that writes the tables the report reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest

from armlift.reporting import Chart, SimulationFacts, build_charts

ARMS = ("popularity", "logistic_regression", "lightgbm", "svd", "random", "a6", "a7", "a8", "a9", "a10")
RATES = (0.046, 0.052, 0.060, 0.055, 0.030, 0.040, 0.041, 0.042, 0.043, 0.044)
POLICIES = (
    "fixed",
    "epsilon_greedy",
    "epsilon_decreasing",
    "ucb1",
    "kl_ucb",
    "thompson",
    "thompson_gaussian",
    "softmax",
    "exp3",
)
SPEED = {
    "fixed": 0.0,
    "epsilon_greedy": 0.75,
    "epsilon_decreasing": 0.85,
    "ucb1": 0.3,
    "kl_ucb": 1.0,
    "thompson": 0.95,
    "thompson_gaussian": 0.7,
    "softmax": 0.2,
    "exp3": 0.12,
}
SEGMENTS = {"new": 0.12, "light": 0.31, "medium": 0.35, "heavy": 0.22}


@dataclass(frozen=True)
class Tables:
    """The input of `build_charts`, in its order."""

    policy_trend: pd.DataFrame
    traffic_share: pd.DataFrame
    posterior_snapshots: pd.DataFrame
    cusum: pd.DataFrame
    policy_summary: pd.DataFrame
    arm_click_rates: pd.DataFrame
    facts: SimulationFacts

    def charts(self) -> dict[str, Chart]:
        return build_charts(**self.__dict__)


def simulate(
    *,
    arms: int = 5,
    policies: tuple[str, ...] = POLICIES,
    checkpoints: int = 40,
    decisions: int = 20_000,
    replicates: int = 20,
    kind: Literal["movielens", "aa", "bernoulli"] = "movielens",
    seed: int = 7,
) -> Tables:
    """Play a caricature of each policy: its share on the best arm saturates at its own speed."""
    rng = np.random.default_rng(seed)
    names = ARMS[:arms]
    rates = np.full(arms, 0.05) if kind == "aa" else np.array(RATES[:arms])
    best = int(rates.argmax())
    step = decisions // checkpoints
    grid = step * np.arange(1, checkpoints + 1)
    trend, shares, snapshots, summary = [], [], [], []
    totals: dict[str, np.ndarray] = {}
    for policy in policies:
        progress = SPEED[policy] * (1 - np.exp(-grid / (0.12 * decisions)))
        share = np.full((checkpoints, arms), 1.0) * (1 - progress[:, None]) / arms
        share[:, best] += progress
        pulls = rng.multinomial(step, share, size=(replicates, checkpoints))
        clicks = rng.binomial(pulls, rates)
        reward = clicks.sum(2).cumsum(1).astype(float)
        regret = (pulls * (rates.max() - rates)).sum(2).cumsum(1)
        totals[policy] = reward[:, -1]
        columns: dict[str, Any] = {"policy": policy, "checkpoint": np.arange(checkpoints), "decisions": grid}
        interval = np.diff(regret, axis=1, prepend=0)
        for name, values in (
            ("ctr", reward / grid),
            ("cumulative_reward", reward),
            ("cumulative_regret", regret),
            ("interval_regret", interval),
        ):
            columns[f"{name}_mean"] = values.mean(0)
            columns[f"{name}_p05"], columns[f"{name}_p95"] = np.quantile(values, [0.05, 0.95], axis=0)
        trend.append(pd.DataFrame(columns))
        played, won = pulls[0].cumsum(0), clicks[0].cumsum(0)
        for place, arm in enumerate(names):
            own = {"policy": policy, "checkpoint": np.arange(checkpoints), "decisions": grid, "arm": arm}
            part = pulls[:, :, place] / step
            low, high = np.quantile(part, [0.05, 0.95], axis=0)
            shares.append(
                pd.DataFrame({**own, "share_mean": part.mean(0), "share_p05": low, "share_p95": high})
            )
            snapshots.append(_beliefs(own, policy, played[:, place], won[:, place], grid))
        fixed = totals.get("fixed")
        lifts = None if fixed is None else totals[policy] / fixed - 1
        spread = 0 if lifts is None else 1.96 * lifts.std(ddof=1) / np.sqrt(replicates)
        reached = np.flatnonzero(share[:, best] >= 0.8)
        summary.append(
            {
                "policy": policy,
                "reward_mean": reward[:, -1].mean(),
                "reward_p05": np.quantile(reward[:, -1], 0.05),
                "reward_p95": np.quantile(reward[:, -1], 0.95),
                "ctr_mean": reward[:, -1].mean() / grid[-1],
                "regret_mean": regret[:, -1].mean(),
                "regret_p05": np.quantile(regret[:, -1], 0.05),
                "regret_p95": np.quantile(regret[:, -1], 0.95),
                "best_arm_share": pulls[:, :, best].sum() / pulls.sum(),
                "lift": np.nan if lifts is None else lifts.mean(),
                "lift_low": np.nan if lifts is None else lifts.mean() - spread,
                "lift_high": np.nan if lifts is None else lifts.mean() + spread,
                "decisions_to_best": grid[reached[0]] if len(reached) else np.nan,
            }
        )
    facts = SimulationFacts(kind, "ml-latest-small", decisions, replicates, 100, names[best], 0.88)
    return Tables(
        pd.concat(trend, ignore_index=True),
        pd.concat(shares, ignore_index=True),
        pd.concat(snapshots, ignore_index=True),
        _cusum(rng, names, rates, grid, replicates),
        pd.DataFrame(summary),
        _click_rates(names, rates, flip=kind == "movielens"),
        facts,
    )


def _beliefs(
    own: dict[str, Any], policy: str, played: np.ndarray, won: np.ndarray, grid: np.ndarray
) -> pd.DataFrame:
    mean = won / np.maximum(played, 1)
    width = np.sqrt(0.5 * np.log(grid) / np.maximum(played, 1)) * (0.45 if policy == "kl_ucb" else 1)
    empty = np.full(len(grid), np.nan)
    beta, normal = policy == "thompson", policy == "thompson_gaussian"
    return pd.DataFrame(
        {
            **own,
            "observations": played,
            "mean": mean,
            "bound": np.where(played > 0, mean + width, np.nan)
            if policy.endswith(("ucb1", "kl_ucb"))
            else empty,
            "alpha": 1.0 + won if beta else empty,
            "beta": 1.0 + played - won if beta else empty,
            "location": mean if normal else empty,
            "scale": np.sqrt(0.05 / (1 + played)) if normal else empty,
        }
    )


def _cusum(
    rng: np.random.Generator, names: tuple[str, ...], rates: np.ndarray, grid: np.ndarray, replicates: int
) -> pd.DataFrame:
    step = int(grid[0])
    control = rng.binomial(step // len(names), rates[0], (replicates, len(grid))).cumsum(1)
    rows = []
    for arm, rate in zip(names[1:], rates[1:], strict=True):
        ahead = (rng.binomial(step // len(names), rate, (replicates, len(grid))).cumsum(1) - control) * len(
            names
        )
        low, high = np.quantile(ahead, [0.05, 0.95], axis=0)
        own = {"arm": arm, "control": names[0], "checkpoint": np.arange(len(grid)), "decisions": grid}
        rows.append(pd.DataFrame({**own, "cusum_mean": ahead.mean(0), "cusum_p05": low, "cusum_p95": high}))
    return pd.concat(rows, ignore_index=True)


def _click_rates(names: tuple[str, ...], rates: np.ndarray, *, flip: bool) -> pd.DataFrame:
    rows = []
    for place, (segment, traffic) in enumerate({"all": 1.0, **SEGMENTS}.items()):
        own = rates * (1 if segment == "all" else 0.8 + 0.1 * place)
        if flip and segment == "new":  # newcomers like what is popular best
            own = own[::-1] if len(names) == 2 else np.roll(own, 1)
        for arm, rate in zip(names, own, strict=True):
            rows.append((segment, arm, traffic, rate, rate == own.max()))
    return pd.DataFrame(rows, columns=["segment", "arm", "traffic_share", "click_rate", "is_best"])


@pytest.fixture(scope="session")
def make_tables() -> Callable[..., Tables]:
    return simulate


@pytest.fixture(scope="session")
def tables() -> Tables:
    return simulate()


@pytest.fixture(scope="session")
def charts(tables: Tables) -> dict[str, Chart]:
    return tables.charts()
