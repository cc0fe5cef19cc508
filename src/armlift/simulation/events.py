"""Decisions and events of replicate 0, in the schema that live traffic has too."""

from __future__ import annotations

import numpy as np
import pandas as pd

from armlift.experiments.log_rows import Decision, Event
from armlift.simulation.runner import PolicyRun
from armlift.simulation.world import World

EXPERIMENT = "simulation"

DECISION_COLUMNS = Decision._fields
EVENT_COLUMNS = Event._fields


def arrival_times(decisions: int, *, start: pd.Timestamp, per_day: float, seed: int) -> pd.DatetimeIndex:
    """The virtual clock: a Poisson stream of arrivals, the same for every policy.

    Args:
        decisions: Number of arrivals T.
        start: Time at which the clock starts, UTC.
        per_day: Mean number of arrivals a day.
        seed: Seed of the gaps.
    """
    gaps = np.random.default_rng([seed, 0]).exponential(86_400e6 / per_day, decisions)
    return pd.DatetimeIndex(start + pd.to_timedelta(gaps.cumsum().round(), unit="us")).as_unit("us")


def decision_table(run: PolicyRun, world: World, times: pd.DatetimeIndex) -> pd.DataFrame:
    """Every decision of replicate 0, one row each, in order of time.

    Args:
        run: A run that kept its trace.
        world: The world it was played in.
        times: Time of each decision.
    """
    assert run.trace is not None
    number = pd.Series(np.arange(len(times))).astype(str).str.zfill(7)
    user = pd.Series(world.user_ids[run.trace.users]).astype(str)
    day = pd.Series(times.strftime("%Y%m%d"))
    table = pd.DataFrame(
        {
            "decision_id": run.policy_id + "-" + number,
            "ts": times,
            "experiment_id": EXPERIMENT,
            "strategy_id": run.policy_id,
            "arm_id": np.array(world.arms)[run.trace.arms],
            "propensity": run.trace.propensities,
            "allocation_version": run.trace.batches,
            "user_key": "user-" + user,
            "session_id": "user-" + user + "-" + day,
            "context": "{}",
            "simulated": True,
            "bot_flag": False,
            "flag_reasons": pd.array([pd.NA] * len(times), dtype="string"),
        }
    )
    return table[list(DECISION_COLUMNS)]


def event_table(run: PolicyRun, world: World, decisions: pd.DataFrame) -> pd.DataFrame:
    """What the decisions led to: an impression each, and a click with item and position where there is one.

    Args:
        run: A run that kept its trace.
        world: The world it was played in.
        decisions: Its `decision_table`.
    """
    assert run.trace is not None
    users, arms, draws = run.trace.users, run.trace.arms, run.trace.draws
    clicked = draws < world.click_probability[users, arms]
    impressions = decisions.assign(event_type="impression", reward=np.nan)
    clicks = decisions[clicked].assign(event_type="click_detail", reward=1.0)
    for table in (impressions, clicks):
        table["item_id"] = table["position"] = pd.Series(pd.NA, index=table.index, dtype="Int64")
    if world.position_probability is not None and world.items is not None:
        reached = world.position_probability[users[clicked], arms[clicked]].cumsum(axis=1)
        position = np.minimum((reached <= draws[clicked, None]).sum(axis=1), world.items.shape[2] - 1)
        clicks["position"] = pd.array(position, dtype="Int64")
        clicks["item_id"] = pd.array(world.items[users[clicked], arms[clicked], position], dtype="Int64")
    impressions["event_id"], clicks["event_id"] = (
        impressions["decision_id"] + "-i",
        clicks["decision_id"] + "-c",
    )
    events = pd.concat([impressions, clicks]).sort_index(kind="stable").reset_index(drop=True)
    return _with_missing(events.assign(ts_server=events["ts"]))


def _with_missing(events: pd.DataFrame) -> pd.DataFrame:
    """Add the columns that only live traffic fills, with their types."""
    nothing = pd.Series(pd.NA, index=events.index)
    for column in ("revenue", "price"):
        events[column] = nothing.astype("Float64")
    events["quantity"] = nothing.astype("Int64")
    for column in ("device", "channel"):
        events[column] = nothing.astype("string")
    for column in ("srm_flag", "guardrail_breach"):
        events[column] = False
    return events[list(EVENT_COLUMNS)]
