"""A world whose tastes shift one day: what its users pick, click and rate from then on is something else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from armlift.bandits import FixedSplit
from armlift.errors import ParameterError
from armlift.simulation.click_model import ClickModel, calibrate
from armlift.simulation.events import arrival_times, decision_table, event_table
from armlift.simulation.runner import DecisionTrace, PolicyRun
from armlift.simulation.tastes import Tastes
from armlift.simulation.world import Floats, Integers, World

_LIKED, _DISLIKED = 4.5, 2.5
_SECONDS_BETWEEN_RATINGS = 12


def shifted_tastes(tastes: Tastes, *, share: float, seed: int) -> Tastes:
    """Let a share of every choice go by another item than before, and that share of own picks be forgotten.

    Each item's appeal to each community becomes, for the share, that of an item drawn for it: what was
    popular is so no longer, and the communities stay apart.

    Args:
        tastes: As they were.
        share: How far they shift, 0 to 1; 0 leaves them alone.
        seed: Seed of the items that change places.

    Raises:
        ParameterError: `share` is out of its bound.
    """
    if not 0.0 <= share <= 1.0:
        raise ParameterError("share", share, "0 <= share <= 1", "Give a share such as 0.5.")
    places = np.random.default_rng([seed, 1]).permutation(len(tastes.item_ids))
    profile = (1.0 - share) * tastes.profile + share * tastes.profile[places]
    return replace(tastes, profile=profile, own_share=tastes.own_share * (1.0 - share))


def world_model(
    world: World, tastes: Tastes, *, click_rate: float, taste_weight: float, examination_decay: float
) -> ClickModel:
    """The click model that a world was built with, so that a shifted one is read in the same way."""
    return calibrate(
        _log_lift(tastes, world.user_ids, _items(world)),
        world.arrival_shares,
        click_rate=click_rate,
        taste_weight=taste_weight,
        examination_decay=examination_decay,
    )


def world_of(
    world: World, tastes: Tastes, model: ClickModel, slates: Mapping[str, Integers] | None = None
) -> World:
    """The same users under given tastes, who are shown the same slates, or others.

    Args:
        world: Who arrives.
        tastes: What they like.
        model: How they read a slate.
        slates: Items by arm, shape (U, N), in the order of the world's users; None for the world's own.
    """
    arms = world.arms if slates is None else tuple(slates)
    items = _items(world) if slates is None else np.stack(list(slates.values()), axis=1)
    positions = model.position_probability(_log_lift(tastes, world.user_ids, items))
    return replace(
        world,
        arms=arms,
        items=items,
        position_probability=positions,
        click_probability=positions.sum(axis=2),
    )


def play_stretch(
    world: World, *, start: pd.Timestamp, end: pd.Timestamp, per_day: float, seed: int, name: str = "fixed"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Let users visit a world under the fixed split, and write the log of it.

    Args:
        world: The truth.
        start: First moment, UTC.
        end: First moment after it.
        per_day: Mean number of decisions a day.
        seed: Seed of users, arms, answers and times.
        name: Put before the ids of the decisions, so that two stretches do not share any.

    Returns:
        Decisions and events, in the schema of the log.
    """
    days = (end - start) / pd.Timedelta(days=1)
    most = int(per_day * days + 10.0 * np.sqrt(per_day * days) + 10.0)
    times = arrival_times(most, start=start, per_day=per_day, seed=seed)
    times = times[times < end]
    rng = np.random.default_rng([seed, 2])
    size, arms = len(times), len(world.arms)
    trace = DecisionTrace(
        arms=rng.integers(arms, size=size),
        users=rng.choice(len(world.user_ids), size=size, p=world.arrival_shares),
        draws=rng.random(size),
        propensities=np.full(size, 1.0 / arms),
        batches=np.zeros(size, dtype=np.int64),
        states=FixedSplit().initial_state(arms, 1),
    )
    nothing = np.zeros((1, 1, arms), dtype=np.int32)
    run = PolicyRun("fixed", np.array([size]), nothing, nothing, trace)
    decisions = decision_table(run, world, times)
    decisions["decision_id"] = name + decisions["decision_id"].str.removeprefix("fixed")
    return decisions, event_table(run, world, decisions)


def rate_by_taste(
    tastes: Tastes, ratings: pd.DataFrame, visits: pd.DataFrame, *, each: int, seed: int
) -> pd.DataFrame:
    """What visitors rate: most of it by taste, some at random, liked where their taste is above average.

    Args:
        tastes: What they like.
        ratings: Ratings so far; nobody rates an item twice.
        visits: Decisions with `ts` and `user_key`; a user rates at his first visit in them.
        each: Ratings of each visitor, a quarter of them at random.
        seed: Seed of the draws.

    Returns:
        Ratings table of the new ones, in order of time.
    """
    rng = np.random.default_rng([seed, 3])
    first = visits.groupby("user_key")["ts"].min()
    users = first.index.str.removeprefix("user-").astype(np.int64).to_numpy()
    rows = np.searchsorted(tastes.user_ids, users)
    appeal = tastes.mixture[rows] @ tastes.profile.T  # (visitors, items)
    n_items = len(tastes.item_ids)
    seen = np.zeros(appeal.shape, dtype=bool)
    place = pd.Index(users).get_indexer(pd.Index(ratings["user_id"]))
    known = place >= 0
    seen[place[known], np.searchsorted(tastes.item_ids, ratings["item_id"].to_numpy()[known])] = True
    # An exponential race draws without replacement: the smallest arrival times win.
    race = rng.standard_exponential(appeal.shape)
    by_taste = np.where(seen, np.inf, race / np.maximum(appeal, 1e-12))
    chosen = _smallest(by_taste, each - each // 4)
    np.put_along_axis(seen, chosen, True, axis=1)
    chosen = np.hstack([chosen, _smallest(np.where(seen, np.inf, race), each // 4)])
    liked = np.take_along_axis(appeal, chosen, axis=1) * n_items > 1.0
    pauses = (np.arange(chosen.shape[1]) * _SECONDS_BETWEEN_RATINGS).astype("timedelta64[s]")
    moments = first.dt.floor("s").to_numpy(dtype="datetime64[us]")[:, None] + pauses[None, :]
    return (
        pd.DataFrame(
            {
                "user_id": np.repeat(users, chosen.shape[1]),
                "item_id": tastes.item_ids[chosen.ravel()],
                "rating": np.where(liked, _LIKED, _DISLIKED).ravel(),
                "timestamp": pd.DatetimeIndex(moments.ravel(), tz="UTC").as_unit("us"),
            }
        )
        .sort_values(["timestamp", "user_id", "item_id"])
        .reset_index(drop=True)
    )


def _smallest(values: Floats, count: int) -> Integers:
    """Columns of the `count` smallest values of each row, in no order."""
    columns: Integers = np.argpartition(values, count, axis=1)[:, :count]
    return columns


def _items(world: World) -> Integers:
    if world.items is None:
        raise ParameterError("world", world.kind, "a world with slates", "Build it from ratings.")
    return world.items


def _log_lift(tastes: Tastes, users: Integers, items: Integers) -> Floats:
    return np.log(tastes.lift(np.broadcast_to(users[:, None, None], items.shape), items))
