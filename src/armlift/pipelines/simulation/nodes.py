"""Nodes of the simulation pipeline: the world, the runs and their tables."""

from __future__ import annotations

import logging
from time import perf_counter

import pandas as pd

from armlift.bandits import FixedSplit, Policy, create_policy
from armlift.pipelines.parameters import PolicyParameters, SimulationParameters, WorldParameters
from armlift.simulation import PolicyRun, World, bernoulli_world, equal_arms_world, simulate

logger = logging.getLogger(__name__)


def build_world(
    history: pd.DataFrame,
    future: pd.DataFrame,
    withheld_users: pd.DataFrame,
    items: pd.DataFrame,
    slates: pd.DataFrame,
    world: WorldParameters,
) -> tuple[World, pd.DataFrame, dict[str, str | float]]:
    """Fit the click model on ratings that no arm has seen, and precompute each slate's click probability."""
    from armlift.datasets import WorldSplit
    from armlift.simulation.click_model import build_world as world_of_slates
    from armlift.simulation.summary import arm_click_rates
    from armlift.simulation.tastes import fit_tastes

    if world.kind == "bernoulli":
        truth = bernoulli_world(world.means)
    else:
        truth = world_of_slates(
            WorldSplit(history, future, withheld_users["user_id"].to_numpy()),
            slates,
            fit_tastes(future, items, seed=world.seed),
            click_rate=world.click_rate,
            taste_weight=world.taste_weight,
            examination_decay=world.examination_decay,
        )
        truth = equal_arms_world(truth) if world.kind == "aa" else truth
    facts: dict[str, str | float] = {
        "kind": truth.kind,
        "users": len(truth.user_ids),
        "users_with_history": truth.users_with_history,
        "click_rate": float(truth.means.mean()),
        "best_arm": truth.arms[truth.best_arm],
    }
    logger.info(
        "world %s: %d users, %.0f %% of them with a history; best arm %s; mean click rate of the arms %.4f",
        truth.kind,
        len(truth.user_ids),
        100.0 * truth.users_with_history,
        truth.arms[truth.best_arm],
        truth.means.mean(),
    )
    return truth, arm_click_rates(truth), facts


def play_policies(
    world: World, simulation: SimulationParameters, policies: PolicyParameters
) -> dict[str, PolicyRun]:
    """Play every policy against the world; replicate 0 keeps every decision."""
    from armlift.simulation.warmup import compile_kernels

    runs = {}
    played = _create_policies(policies)
    for policy in played:  # before the first minute is spent, not after
        policy.check_arms(len(world.arms))
    started = perf_counter()
    logger.info("loading the simulation kernels; the first time they are compiled, in about half a minute")
    compile_kernels()
    logger.info("%8.1f s  kernels ready", perf_counter() - started)
    for policy in played:
        started = perf_counter()
        runs[policy.id] = simulate(
            policy,
            world,
            horizon=simulation.horizon,
            replicates=simulation.replicates,
            seed=simulation.seed,
            batch_size=simulation.batch_size,
            checkpoints=simulation.checkpoints,
            workers=simulation.workers,
            traced=True,
        )
        seconds = perf_counter() - started
        logger.info(
            "%8.1f s  played %s, %d x %d decisions",
            seconds,
            policy.id,
            simulation.replicates,
            simulation.horizon,
        )
    return runs


def write_events(
    policy_runs: dict[str, PolicyRun],
    world: World,
    future: pd.DataFrame,
    simulation: SimulationParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write replicate 0 of each policy in the event schema, and check the simulator's sums against it."""
    from armlift.simulation.events import arrival_times, decision_table, event_table
    from armlift.simulation.trends import check_sums

    start = future["timestamp"].max().ceil("D")
    times = arrival_times(
        simulation.horizon, start=start, per_day=simulation.decisions_per_day, seed=simulation.seed
    )
    decisions, events = [], []
    for run in policy_runs.values():
        made = decision_table(run, world, times)
        followed = event_table(run, world, made)
        check_sums(run, world, made, followed)
        decisions.append(made)
        events.append(followed)
    return pd.concat(decisions, ignore_index=True), pd.concat(events, ignore_index=True)


def tabulate(
    policy_runs: dict[str, PolicyRun], world: World, policies: PolicyParameters
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Tables of trends, traffic, posteriors, CUSUM and the summary of all policies."""
    from armlift.simulation import summary, trends

    played, runs = _create_policies(policies), list(policy_runs.values())
    split = next((policy for policy in played if isinstance(policy, FixedSplit)), None)
    return (
        trends.policy_trend(runs, world),
        trends.traffic_share(runs, world),
        summary.posterior_snapshots(played, runs, world),
        trends.cusum(split, policy_runs[split.id], world) if split else trends.empty_cusum(),
        summary.policy_summary(played, runs, world),
    )


def _create_policies(policies: PolicyParameters) -> list[Policy]:
    return [create_policy(policy_id, **own) for policy_id, own in policies.of_each_policy().items()]
