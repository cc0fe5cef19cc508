"""How often monitoring cries wolf, and how soon it sees a shift of tastes, with the default thresholds.

Each story is three days of reference and some days after it, in the world of the embedded sample: visits
under the fixed split, slates, clicks and ratings. In a calm story nothing changes; in the others a share of
all choices goes by other items from the first moment after the reference. The same seed gives the same
stories, whatever the number of workers.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from armlift.datasets import WorldSplit, world_split
from armlift.datasets.sample import generate_sample
from armlift.monitoring import Thresholds
from armlift.monitoring.reports import Observed, decay_report, drift_report
from armlift.monitoring.windows import Windows
from armlift.pipelines.monitoring.parameters import DecayParameters, DriftParameters, WindowParameters
from armlift.pipelines.monitoring.sources import observe_visits
from armlift.recommenders import create_recommender
from armlift.simulation import World
from armlift.simulation.click_model import ClickModel, build_world
from armlift.simulation.taste_shift import (
    play_stretch,
    rate_by_taste,
    shifted_tastes,
    world_model,
    world_of,
)
from armlift.simulation.tastes import Tastes, fit_tastes

DAY = pd.Timedelta(days=1)
REFERENCE, CALM_DAYS, MOST_DAYS, RATINGS_EACH = 3, 3, 5, 4
START = pd.Timestamp("2024-01-01", tz="UTC")
READING = {"click_rate": 0.1, "taste_weight": 0.5, "examination_decay": 0.7}
ARMS = {"popularity": {}, "random": {}, "svd": {"n_factors": 20, "n_epochs": 10}}


class Setting(NamedTuple):
    """What all stories share."""

    split: WorldSplit
    items: pd.DataFrame
    slates: pd.DataFrame
    world: World
    tastes: Tastes
    model: ClickModel


class Story(NamedTuple):
    """What monitoring said of one story.

    Attributes:
        windows: Windows after the reference.
        drift: Of them, those with a feature that drifts.
        warning: Those with a feature that drifts or is worth a warning.
        first: Number of the first window with drift or decay, from 1; 0 for none.
        decay: Number of the first window in which an arm has decayed; 0 for none.
        readings: Readings of features that are decided.
        psi_warning: Of them, those whose index reaches `psi_warning`, whatever the test says.
        psi_drift: Those whose index reaches `psi_drift`.
        formula: Expected number of the last two.
    """

    windows: int
    drift: int
    warning: int
    first: int
    decay: int
    readings: int
    psi_warning: int
    psi_drift: int
    formula: tuple[float, float]


@lru_cache(maxsize=1)
def setting() -> Setting:
    sample = generate_sample(seed=0)
    split = world_split(sample.ratings, seed=0)
    users = np.unique(split.future["user_id"])
    slates = [
        create_recommender(name, **own)
        .fit(split.history, sample.items, seed=0)
        .recommend(users, 10, split.history)
        .assign(arm=name)
        for name, own in ARMS.items()
    ]
    table = pd.concat(slates, ignore_index=True)
    tastes = fit_tastes(split.future, sample.items, seed=0)
    world = build_world(split, table, tastes, **READING)
    return Setting(split, sample.items, table, world, tastes, world_model(world, tastes, **READING))


def play(task: tuple[float, int, int, int]) -> Story:
    share, days, per_day, seed = task
    known = setting()
    later = shifted_tastes(known.tastes, share=share, seed=seed)
    shifted = world_of(known.world, later, known.model)
    log, ratings = [], known.split.history
    for day in range(REFERENCE + days):
        new = day >= REFERENCE
        start = START + day * DAY
        log.append(
            play_stretch(
                shifted if new else known.world,
                start=start,
                end=start + DAY,
                per_day=per_day,
                seed=100_000 * seed + day,
                name=f"day{day}",
            )
        )
        rated = rate_by_taste(
            later if new else known.tastes, ratings, log[-1][0], each=RATINGS_EACH, seed=100_000 * seed + day
        )
        ratings = pd.concat([ratings, rated], ignore_index=True)
    return judge(known, log, ratings, START + (REFERENCE + days) * DAY, seed)


def judge(
    known: Setting,
    log: list[tuple[pd.DataFrame, pd.DataFrame]],
    ratings: pd.DataFrame,
    end: pd.Timestamp,
    seed: int,
) -> Story:
    from armlift.monitoring import rating_features

    decisions, events = (pd.concat(tables, ignore_index=True) for tables in zip(*log, strict=True))
    span = WindowParameters(window_hours=24.0, reference_windows=REFERENCE)
    visits = observe_visits(
        "simulated",
        decisions,
        events,
        known.slates,
        known.split.history,
        known.items,
        span,
        ["fixed"],
        end,
    )
    assert visits is not None
    windows = Windows.between(START, end, DAY, REFERENCE)
    rated = Observed("ratings", windows, {"ratings": rating_features(ratings, known.items, windows)})
    limits: Thresholds = DriftParameters().thresholds
    drift = pd.concat([drift_report(one, limits, seed=seed, simulate=False) for one in (visits, rated)])
    watch = DecayParameters()
    decay = decay_report(
        visits, alpha=watch.alpha, tolerance=watch.tolerance, minimum_units=watch.minimum_units
    )
    places = {start: place for place, start in enumerate(sorted(set(drift["start"])), start=1)}
    drifted = {places[start] for start in drift.loc[drift["verdict"] == "drift", "start"]}
    warned = {places[start] for start in drift.loc[drift["verdict"] == "warning", "start"]} | drifted
    decayed = {places[start] for start in decay.loc[decay["verdict"] == "decay", "start"]}
    decided = drift[drift["psi"].notna()]
    return Story(
        len(places),
        len(drifted),
        len(warned),
        min(drifted | decayed, default=0),
        min(decayed, default=0),
        len(decided),
        int((decided["psi"] >= limits.psi_warning).sum()),
        int((decided["psi"] >= limits.psi_drift).sum()),
        (float(decided["false_alarms_warning"].sum()), float(decided["false_alarms_drift"].sum())),
    )


def rate(count: int, of: int) -> str:
    interval = binomtest(count, of).proportion_ci()
    return f"{count} of {of}: {count / of:.2%} ({interval.low:.2%} .. {interval.high:.2%})"


def print_calm(stories: list[Story]) -> None:
    """Print how often something is said of stories in which nothing happens."""
    windows, readings = sum(one.windows for one in stories), sum(one.readings for one in stories)
    formula = np.sum([one.formula for one in stories], axis=0) / readings
    print("| calm | rate (95 % interval) |\n|---|---|")
    print(f"| windows with drift | {rate(sum(one.drift for one in stories), windows)} |")
    print(f"| windows with drift or warning | {rate(sum(one.warning for one in stories), windows)} |")
    decayed = rate(sum(one.decay > 0 for one in stories), len(stories))
    print(f"| stories of {CALM_DAYS} windows with decay | {decayed} |")
    for name, of, expected in zip(("0.1", "0.25"), ("psi_warning", "psi_drift"), formula, strict=True):
        count = rate(sum(getattr(one, of) for one in stories), readings)
        print(f"| readings whose index alone reaches {name} | {count}; formula {expected:.2%} |")


def print_shifted(share: float, stories: list[Story]) -> None:
    """Print how soon a shift is found, by drift or decay."""
    delays = np.array([one.first for one in stories if one.first])
    first, in_all = rate(int((delays == 1).sum()), len(stories)), rate(len(delays), len(stories))
    middle = f"{np.median(delays):g}, {delays.mean():.2f}" if len(delays) else "-"
    print(f"| {share:g} | {first} | {in_all} | {middle} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=200, help="calm and drifted windows, each")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.4, 0.6], help="of choices that shift")
    parser.add_argument("--per-day", type=int, default=3000, help="visits in a window")
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    calm = range(-(-given.windows // CALM_DAYS))
    with ProcessPoolExecutor(given.workers) as pool:
        tasks = [(0.0, CALM_DAYS, given.per_day, 1 + given.seed + number) for number in calm]
        print_calm(list(pool.map(play, tasks, chunksize=4)))
        print(
            "\n| share that shifts | found in the first window | by the fifth | median, mean delay, windows |"
        )
        print("|---|---|---|---|", flush=True)
        for share in given.shares:
            first = 10_001 + given.seed
            tasks = [(share, MOST_DAYS, given.per_day, first + number) for number in range(given.windows)]
            print_shifted(share, list(pool.map(play, tasks, chunksize=4)))


if __name__ == "__main__":
    main()
