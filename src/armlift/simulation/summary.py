"""Each policy in one row, and what it believes at each checkpoint."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from armlift.bandits import KLUCB, UCB1, FixedSplit, Policy, ThompsonSampling
from armlift.simulation.runner import PolicyRun
from armlift.simulation.world import Floats, World
from armlift.statistics import paired_lift

#: Share of the best arm's attainable traffic that counts as having found it.
FOUND = 0.8
_BASELINE = FixedSplit.id


def policy_summary(policies: Sequence[Policy], runs: Sequence[PolicyRun], world: World) -> pd.DataFrame:
    """Reward, regret and lift of each policy at the horizon.

    Columns: policy; reward and regret (mean, 5th and 95th percentile of replicates); ctr_mean;
    best_arm_share, of all decisions; lift with its 95 % interval, the relative gain of total reward over the
    fixed split on paired replicates (null without one); decisions_to_best, after which the best arm's mean
    share between two checkpoints stays at or above 80 % of what the floor leaves attainable (null if never,
    and in an A/A world, which has no best arm).
    """
    totals = {run.policy_id: run.rewards[:, -1].sum(axis=1).astype(float) for run in runs}
    rows = []
    for policy, run in zip(policies, runs, strict=True):
        reward, regret = totals[run.policy_id], run.pulls[:, -1] @ world.gaps
        lift = paired_lift(reward, totals[_BASELINE]) if _BASELINE in totals else (np.nan,) * 3
        rows.append(
            {
                "policy": run.policy_id,
                "reward_mean": reward.mean(),
                "reward_p05": np.percentile(reward, 5),
                "reward_p95": np.percentile(reward, 95),
                "ctr_mean": reward.mean() / run.decisions[-1],
                "regret_mean": regret.mean(),
                "regret_p05": np.percentile(regret, 5),
                "regret_p95": np.percentile(regret, 95),
                "best_arm_share": run.pulls[:, -1, world.best_arm].mean() / run.decisions[-1],
                "lift": lift[0],
                "lift_low": lift[1],
                "lift_high": lift[2],
                "decisions_to_best": _decisions_to_best(policy, run, world),
            }
        )
    return pd.DataFrame(rows)


def _decisions_to_best(policy: Policy, run: PolicyRun, world: World) -> float:
    if not world.gaps.any():
        return np.nan
    since = np.diff(run.pulls, axis=1, prepend=0)
    share = (since[:, :, world.best_arm] / since.sum(axis=2)).mean(axis=0)
    attainable = 1.0 - (len(world.arms) - 1) * policy.floor
    lost = np.flatnonzero(share < FOUND * attainable)
    first = lost[-1] + 1 if len(lost) else 0
    return float(run.decisions[first]) if first < len(share) else np.nan


def posterior_snapshots(policies: Sequence[Policy], runs: Sequence[PolicyRun], world: World) -> pd.DataFrame:
    """What each policy believed in replicate 0 when it made the decision at each checkpoint, by arm.

    Columns: policy, checkpoint, decisions, arm; observations (rewards ever observed) and mean reward (null
    before the first); alpha and beta of a Beta posterior, or location and scale of a Normal one; bound, the
    index of ucb1 and kl_ucb or the posterior's 97.5 % quantile.
    """
    tables = []
    for policy, run in zip(policies, runs, strict=True):
        assert run.trace is not None
        states = run.trace.states
        batches = run.trace.batches[run.decisions - 1]
        columns = {"observations": states.observed, "mean": states.mean} | _beliefs(policy, run)
        for k, arm in enumerate(world.arms):
            table = {"policy": run.policy_id, "checkpoint": np.arange(1, len(batches) + 1)}
            table |= {"decisions": run.decisions, "arm": arm}
            tables.append(pd.DataFrame(table | {c: v[batches, k] for c, v in columns.items()}))
    return pd.concat(tables, ignore_index=True)


def _beliefs(policy: Policy, run: PolicyRun) -> dict[str, Floats]:
    from scipy import stats

    assert run.trace is not None
    states = run.trace.states
    nothing = np.full(states.n.shape, np.nan)
    beliefs: dict[str, Floats] = dict.fromkeys(("alpha", "beta", "location", "scale", "bound"), nothing)
    if isinstance(policy, ThompsonSampling):
        posterior = policy.posterior(states)
        if policy.model == "bernoulli":
            bound = np.asarray(stats.beta.ppf(0.975, *posterior))
            return beliefs | {"alpha": posterior.first, "beta": posterior.second, "bound": bound}
        bound = np.asarray(stats.norm.ppf(0.975, *posterior))
        return beliefs | {"location": posterior.first, "scale": posterior.second, "bound": bound}
    if isinstance(policy, UCB1 | KLUCB):
        index = policy.index(states)
        return beliefs | {"bound": np.where(np.isfinite(index), index, np.nan)}
    return beliefs


def arm_click_rates(world: World) -> pd.DataFrame:
    """True click rate of each arm, over all decisions and by segment of users.

    Columns: segment, arm, traffic_share (share of the decisions that the segment brings), click_rate,
    is_best (in its segment; equal arms are all best).
    """
    rows = []
    for segment, (share, rates) in world.segment_rates().items():
        for arm, rate in zip(world.arms, rates, strict=True):
            is_best = bool(rate >= rates.max() - 1e-12)
            rows.append((segment, arm, share, float(rate), is_best))
    return pd.DataFrame(rows, columns=["segment", "arm", "traffic_share", "click_rate", "is_best"])
