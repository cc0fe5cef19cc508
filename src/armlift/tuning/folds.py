"""The ratings that tuning may see, and the folds it validates on."""

from __future__ import annotations

from typing import Literal

import pandas as pd

from armlift.datasets.splits import Split, per_user_temporal_split, temporal_split, world_split
from armlift.errors import ParameterError

Validation = Literal["temporal", "per_user"]


def ratings_for_tuning(
    ratings: pd.DataFrame,
    *,
    test_share: float,
    training_share: float,
    withheld_share: float,
    world_seed: int,
) -> pd.DataFrame:
    """Leave out every rating that a result is reported on.

    What stays was there before the temporal test of the offline evaluation began, and is part of what trains
    the arms of a simulation, so that neither reports on ratings by which parameters were chosen.

    Args:
        ratings: Ratings table.
        test_share: As in `temporal_split`, for the offline evaluation.
        training_share: As in `world_split`.
        withheld_share: As in `world_split`.
        world_seed: Seed of `world_split`.

    Returns:
        Ratings table.

    Raises:
        ParameterError: A share is out of its bound, or nothing stays.
        DataError: The ratings cannot be split.
    """
    moment = temporal_split(ratings, test_share).test["timestamp"].min()
    history = world_split(
        ratings, training_share=training_share, withheld_share=withheld_share, seed=world_seed
    ).history
    seen: pd.DataFrame = history[history["timestamp"] < moment].reset_index(drop=True)
    if seen.empty:
        raise ParameterError(
            "evaluation.test_share",
            test_share,
            f"ratings of the world's history before {moment}",
            "Lower it, or raise world.training_share.",
        )
    return seen


def validation_folds(
    ratings: pd.DataFrame, *, kind: Validation, folds: int, share: float, seed: int
) -> tuple[Split, ...]:
    """Split ratings again and again by time: each fold validates on the last part of what it is given.

    The last fold splits all ratings, the one before splits what that trains on, and so on. So the first
    fold is the smallest, and a trial that is stopped there has cost the least.

    Args:
        ratings: Ratings table.
        kind: `temporal`, one moment for all users; `per_user`, the last ratings of each user.
        folds: Number of folds.
        share: Share of the ratings that a fold is given on which it validates.
        seed: Seed of the order of a user's ratings of one moment, for `per_user`.

    Returns:
        Splits, the earliest first.

    Raises:
        ParameterError: `share` is out of its bound.
        DataError: Too few ratings for so many folds.
    """
    splits: list[Split] = []
    rest = ratings
    for _ in range(folds):
        if kind == "temporal":
            splits.append(temporal_split(rest, share))
        else:
            splits.append(per_user_temporal_split(rest, share, seed=seed))
        rest = splits[-1].train
    return tuple(reversed(splits))
