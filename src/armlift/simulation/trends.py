"""How policies fare over decisions: sums from events, and their trends over replicates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from armlift.bandits import FixedSplit
from armlift.errors import SimulationError
from armlift.simulation.runner import PolicyRun
from armlift.simulation.world import Floats, Integers, World


def sums_from_events(
    decisions: pd.DataFrame, events: pd.DataFrame, arms: Sequence[str], checkpoints: Integers
) -> tuple[Integers, Integers]:
    """Cumulative pulls and rewards by arm, from the tables of one strategy, simulated or live.

    Args:
        decisions: Decision table in order of time.
        events: Event table; a decision's reward is 1 if it has a `click_detail`.
        arms: Arm ids, length K.
        checkpoints: Numbers of decisions at which to read the sums, ascending, shape (C,).

    Returns:
        Pulls and rewards, each of shape (C, K).
    """
    clicked = events.loc[events["event_type"] == "click_detail", "decision_id"]
    reward = decisions["decision_id"].isin(clicked).to_numpy()
    chosen = decisions["arm_id"].to_numpy()[:, None] == np.asarray(arms)[None, :]
    pulls = chosen.cumsum(axis=0)[checkpoints - 1]
    rewards = (chosen & reward[:, None]).cumsum(axis=0)[checkpoints - 1]
    return pulls, rewards


def check_sums(run: PolicyRun, world: World, decisions: pd.DataFrame, events: pd.DataFrame) -> None:
    """Refuse a run whose replicate 0, read from its events, differs from the simulator's own sums."""
    pulls, rewards = sums_from_events(decisions, events, world.arms, run.decisions)
    if not (np.array_equal(pulls, run.pulls[0]) and np.array_equal(rewards, run.rewards[0])):
        raise SimulationError(f"{run.policy_id}: the events of replicate 0 do not add up to its sums.")


def policy_trend(runs: Sequence[PolicyRun], world: World) -> pd.DataFrame:
    """Reward and regret of each policy at each checkpoint: mean, 5th and 95th percentile of replicates.

    Regret is pseudo-regret against the arm with the highest true click rate over all decisions.
    """
    tables = []
    for run in runs:
        reward = run.rewards.sum(axis=2).astype(float)
        regret = run.pulls @ world.gaps
        series = {
            "ctr": reward / run.decisions,
            "cumulative_reward": reward,
            "cumulative_regret": regret,
            "interval_regret": np.diff(regret, axis=1, prepend=0.0),
        }
        tables.append(_checkpoints(run).assign(**_bands(series)))
    return pd.concat(tables, ignore_index=True)


def traffic_share(runs: Sequence[PolicyRun], world: World) -> pd.DataFrame:
    """Share of the decisions that each arm got since the last checkpoint, over replicates."""
    tables = []
    for run in runs:
        since = np.diff(run.pulls, axis=1, prepend=0)
        share = since / since.sum(axis=2, keepdims=True)
        for k, arm in enumerate(world.arms):
            tables.append(_checkpoints(run).assign(arm=arm, **_bands({"share": share[:, :, k]})))
    return pd.concat(tables, ignore_index=True)


def cusum(split: FixedSplit, fixed: PolicyRun, world: World) -> pd.DataFrame:
    """Cumulative difference between each arm and the first arm, the control, under the fixed split.

    Rewards are weighted by the inverse of the arm's propensity, so after t decisions the expectation is t
    times the difference of the click rates, in rewards.
    """
    n_arms = len(world.arms)
    shares = split.floor + (1.0 - n_arms * split.floor) * split.weights(split.initial_state(n_arms))[0]
    weighted = np.divide(fixed.rewards, shares, out=np.zeros(fixed.rewards.shape), where=shares > 0)
    tables = []
    for k, arm in enumerate(world.arms[1:], start=1):
        difference = weighted[:, :, k] - weighted[:, :, 0]
        table = _checkpoints(fixed).drop(columns="policy")
        tables.append(table.assign(arm=arm, control=world.arms[0], **_bands({"cusum": difference})))
    return pd.concat([empty_cusum(), *tables], ignore_index=True)


def empty_cusum() -> pd.DataFrame:
    """The CUSUM table of a simulation without a fixed split."""
    text, whole, real = pd.Series(dtype=str), pd.Series(dtype=np.int64), pd.Series(dtype=float)
    return pd.DataFrame(
        {"arm": text, "control": text, "checkpoint": whole, "decisions": whole}
        | {f"cusum_{band}": real for band in ("mean", "p05", "p95")}
    )


def _checkpoints(run: PolicyRun) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "policy": run.policy_id,
            "checkpoint": np.arange(1, len(run.decisions) + 1),
            "decisions": run.decisions,
        }
    )


def _bands(series: dict[str, Floats]) -> dict[str, Floats]:
    """Mean, 5th and 95th percentile over replicates, the first axis."""
    bands: dict[str, Floats] = {}
    for name, values in series.items():
        low, high = np.percentile(values, [5, 95], axis=0)
        bands |= {f"{name}_mean": values.mean(axis=0), f"{name}_p05": low, f"{name}_p95": high}
    return bands
