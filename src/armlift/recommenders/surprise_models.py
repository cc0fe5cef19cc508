"""What the recommenders on scikit-surprise share: its form of ratings, and its seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def trainset(users: NDArray[np.int64], items: NDArray[np.int64], ratings: NDArray[np.float64]) -> Any:
    """Put ratings into surprise's form, without its reader, which loops over strings.

    Args:
        users: Number of each rating's user, every number from 0 on occurring, shape (R,).
        items: Number of each rating's item, likewise, shape (R,).
        ratings: In points, shape (R,).

    Returns:
        The `surprise.Trainset`, whose inner ids are these numbers.
    """
    from surprise import Trainset

    by_user: dict[int, list[tuple[int, float]]] = {user: [] for user in range(users.max() + 1)}
    by_item: dict[int, list[tuple[int, float]]] = {item: [] for item in range(items.max() + 1)}
    for user, item, rating in zip(users.tolist(), items.tolist(), ratings.tolist(), strict=True):
        by_user[user].append((item, rating))
        by_item[item].append((user, rating))
    return Trainset(
        ur=by_user,
        ir=by_item,
        n_users=len(by_user),
        n_items=len(by_item),
        n_ratings=len(ratings),
        rating_scale=(float(ratings.min()), float(ratings.max())),
        raw2inner_id_users={},
        raw2inner_id_items={},
    )


def random_state(seed: int) -> np.random.RandomState:
    """Give a seed of any size in the form that surprise takes."""
    return np.random.RandomState(np.random.MT19937(seed))
