"""A small world with visits, in the tables that the main job leaves; its tastes can shift."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from armlift.datasets import world_split
from armlift.datasets.sample import generate_sample
from armlift.recommenders import Recommender, create_recommender
from armlift.simulation import World
from armlift.simulation.click_model import ClickModel, build_world
from armlift.simulation.taste_shift import play_stretch, shifted_tastes, world_model, world_of
from armlift.simulation.tastes import Tastes, fit_tastes

START = pd.Timestamp("2024-01-01", tz="UTC")
DAY = pd.Timedelta(days=1)
READING = {"click_rate": 0.15, "taste_weight": 0.5, "examination_decay": 0.7}


class SmallWorld(NamedTuple):
    ratings: pd.DataFrame
    items: pd.DataFrame
    history: pd.DataFrame
    future: pd.DataFrame
    slates: pd.DataFrame
    recommenders: dict[str, Recommender]
    world: World
    tastes: Tastes
    model: ClickModel

    def visits(self, days: int, shift: int | None = None, per_day: float = 1500.0, seed: int = 0):
        """Decisions and events of some days, under other tastes from day `shift` on."""
        later = world_of(self.world, shifted_tastes(self.tastes, share=1.0, seed=1), self.model)
        log = [
            play_stretch(
                self.world if shift is None or day < shift else later,
                start=START + day * DAY,
                end=START + (day + 1) * DAY + pd.Timedelta(minutes=10),
                per_day=per_day,
                seed=100 * seed + day,
                name=f"day{day}",
            )
            for day in range(days)
        ]
        return tuple(pd.concat(tables, ignore_index=True) for tables in zip(*log, strict=True))


def small_world() -> SmallWorld:
    sample = generate_sample(seed=3, n_users=120, n_items=200, n_ratings=5000)
    split = world_split(sample.ratings, seed=0)
    users = np.unique(split.future["user_id"])
    arms = {
        name: create_recommender(name).fit(split.history, sample.items, seed=0)
        for name in ("popularity", "random")
    }
    slates = pd.concat(
        [arm.recommend(users, 10, split.history).assign(arm=name) for name, arm in arms.items()],
        ignore_index=True,
    )
    tastes = fit_tastes(split.future, sample.items, seed=0, iterations=15)
    world = build_world(split, slates, tastes, **READING)
    return SmallWorld(
        sample.ratings,
        sample.items,
        split.history,
        split.future,
        slates,
        arms,
        world,
        tastes,
        world_model(world, tastes, **READING),
    )
