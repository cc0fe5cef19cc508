"""Splits of ratings into a part to train on and a part to test on.

No function depends on the row order of its input: ratings are first put in the order of every ratings table
(timestamp, user_id, item_id). Both parts keep that order and are never empty; together they hold each rating
exactly once.

Where ratings of a user are cut in the user's own time, those of one moment go in drawn order: 44 % of the
users of ml-100k gave their latest ratings within one second, and items of higher item_id are less popular
there, so that the order of item_id would make the test a search for what hardly anybody saw.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from armlift.errors import DataError, ParameterError

Booleans = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """Ratings to train on and ratings to test on.

    Attributes:
        name: The kind of split, such as `temporal` or `fold 2 of 5`.
        train: Ratings table.
        test: Ratings table, without a row of `train`.
    """

    name: str
    train: pd.DataFrame
    test: pd.DataFrame


@dataclass(frozen=True, eq=False)
class WorldSplit:
    """What a simulation world knows and what it still has to come.

    Attributes:
        history: Ratings table that trains the arms; no withheld user occurs in it.
        future: Ratings table that no arm sees: later ratings of known users, all ratings of withheld users.
        withheld_users: user_id of the users that arrive as new users, ascending, shape (withheld users,).
    """

    history: pd.DataFrame
    future: pd.DataFrame
    withheld_users: Integers


def temporal_split(ratings: pd.DataFrame, test_share: float = 0.2) -> Split:
    """Split at one moment for all users: the model trains on what was known then. The default for evaluation.

    Equal timestamps are never cut: all go to the side that brings the share of test ratings nearest to
    `test_share`, on equal distance to test.

    Args:
        ratings: Ratings table, in any row order.
        test_share: Wished share of test ratings, 0 < test_share < 1.

    Returns:
        A split in which every train timestamp is before every test timestamp.

    Raises:
        ParameterError: `test_share` is out of its bound.
        DataError: All ratings have one timestamp, or there are none.
    """
    _check_share("test_share", test_share)
    ratings = _in_order(ratings)
    timestamp = _moments(ratings)
    cuts = np.flatnonzero(timestamp[1:] > timestamp[:-1]) + 1
    if cuts.size == 0:
        raise DataError(
            f"{len(ratings)} ratings with {min(len(ratings), 1)} different timestamps: a temporal split "
            "needs at least 2. Use more data, or a random split."
        )
    wished = (1 - test_share) * len(ratings)
    cut = cuts[np.argmin(np.abs(cuts - wished))]
    return _split("temporal", ratings, np.arange(len(ratings)) >= cut)


def per_user_temporal_split(ratings: pd.DataFrame, test_share: float = 0.2, *, seed: int) -> Split:
    """Test on the last ratings of each user.

    A user with n >= 2 ratings has `test_share` of them in test, rounded, but from 1 to n - 1; a user with one
    rating stays in train. Train ratings of one user may be later than test ratings of another; where that
    matters, use `temporal_split`.

    Args:
        ratings: Ratings table, in any row order.
        test_share: Wished share of test ratings of each user, 0 < test_share < 1.
        seed: Seed of the order of a user's ratings of one moment.

    Returns:
        A split in which no train timestamp of a user is after a test timestamp of the same user.

    Raises:
        ParameterError: `test_share` is out of its bound.
        DataError: No user has two ratings.
    """
    _check_share("test_share", test_share)
    ratings = _in_order(ratings)
    place, size = _places(ratings, seed)
    return _split("per-user temporal", ratings, place >= _first_later(size, 1 - test_share))


def leave_one_out_split(ratings: pd.DataFrame, *, seed: int) -> Split:
    """Test on the last rating of each user with at least two; of several at the last moment, on a drawn one.

    Args:
        ratings: Ratings table, in any row order.
        seed: Seed of the draw.

    Returns:
        A split with at most one test rating a user.

    Raises:
        DataError: No user has two ratings.
    """
    ratings = _in_order(ratings)
    place, size = _places(ratings, seed)
    return _split("leave one out", ratings, (place == size - 1) & (size >= 2))


def random_split(ratings: pd.DataFrame, test_share: float = 0.2, *, seed: int) -> Split:
    """Test on ratings drawn without regard to time: the future leaks into train, so for rating models only.

    Args:
        ratings: Ratings table, in any row order.
        test_share: Share of test ratings, 0 < test_share < 1; rounded, with at least one rating on each side.
        seed: Seed of the draw.

    Returns:
        A split with the same rows for the same ratings, share and seed.

    Raises:
        ParameterError: `test_share` is out of its bound.
        DataError: There are fewer than two ratings.
    """
    _check_share("test_share", test_share)
    ratings = _in_order(ratings)
    n_test = int(np.clip(np.rint(test_share * len(ratings)), 1, max(len(ratings) - 1, 1)))
    return _split("random", ratings, _shuffled_places(len(ratings), seed) < n_test)


def k_fold_splits(ratings: pd.DataFrame, k: int = 5, *, seed: int) -> tuple[Split, ...]:
    """Split at random into k folds of equal size (within one rating); each is the test part once.

    Args:
        ratings: Ratings table, in any row order.
        k: Number of folds, 2 <= k <= number of ratings.
        seed: Seed of the draw.

    Returns:
        k splits; each rating is in exactly one test part.

    Raises:
        ParameterError: `k` is out of its bound.
    """
    if not 2 <= k <= len(ratings):
        raise ParameterError(
            "k", k, f"2 <= k <= {len(ratings)} ratings", "Choose another k, or use more data."
        )
    ratings = _in_order(ratings)
    fold = _shuffled_places(len(ratings), seed) % k
    return tuple(_split(f"fold {number + 1} of {k}", ratings, fold == number) for number in range(k))


def world_split(
    ratings: pd.DataFrame, *, training_share: float = 0.6, withheld_share: float = 0.1, seed: int
) -> WorldSplit:
    """Split what the arms of a simulation learn from off what the world still has to come.

    A drawn share of the users is withheld whole. Of the n >= 2 ratings of another user, the earliest
    `training_share`, rounded, but from 1 to n - 1, are history; an only rating is history. As in
    `per_user_temporal_split`, the cut is in each user's own time.

    Args:
        ratings: Ratings table, in any row order.
        training_share: Wished share of each known user's ratings in history, 0 < training_share < 1.
        withheld_share: Share of users to withhold, 0 <= withheld_share < 1; rounded, but never all users.
        seed: Seed of the draw of withheld users, and of the order of a user's ratings of one moment.

    Returns:
        History, future and the withheld users.

    Raises:
        ParameterError: A share is out of its bound.
        DataError: Nothing is left for the future, or there are no ratings.
    """
    _check_share("training_share", training_share)
    if not 0 <= withheld_share < 1:
        raise ParameterError(
            "withheld_share",
            withheld_share,
            "0 <= withheld_share < 1",
            "Give a share such as 0.1, or 0 for none.",
        )
    ratings = _in_order(ratings)
    users = np.unique(ratings["user_id"].to_numpy())
    n_withheld = min(round(withheld_share * users.size), max(users.size - 1, 0))
    withheld = users[_shuffled_places(users.size, seed) < n_withheld]
    place, size = _places(ratings, seed)
    is_future = np.isin(ratings["user_id"].to_numpy(), withheld) | (
        place >= _first_later(size, training_share)
    )
    split = _split("world", ratings, is_future)
    return WorldSplit(split.train, split.test, withheld)


def _check_share(name: str, share: float) -> None:
    if not 0 < share < 1:
        raise ParameterError(name, share, f"0 < {name} < 1", "Give a share such as 0.2.")


def _in_order(ratings: pd.DataFrame) -> pd.DataFrame:
    moment, user, item = _moments(ratings), ratings["user_id"].to_numpy(), ratings["item_id"].to_numpy()
    # Readers give ratings in this order already; to check that costs far less than to sort.
    later, other_user, other_item = np.diff(moment), np.diff(user), np.diff(item)
    tie_in_order = (other_user > 0) | ((other_user == 0) & (other_item >= 0))
    if np.all((later > 0) | ((later == 0) & tie_in_order)):
        return ratings
    return ratings.iloc[np.lexsort((item, user, moment))]


def _moments(ratings: pd.DataFrame) -> Integers:
    """Timestamps as microseconds, which NumPy compares far faster than the objects of a zoned column."""
    return ratings["timestamp"].to_numpy(dtype="datetime64[us]").view(np.int64)


def _places(ordered: pd.DataFrame, seed: int) -> tuple[Integers, Integers]:
    """Place of each rating among its user's ratings (from 0, by time) and their number, (ratings,) each."""
    user = ordered["user_id"].to_numpy()
    by_time = np.lexsort((_shuffled_places(len(ordered), seed), _moments(ordered), user))
    _, starts, sizes = np.unique(user[by_time], return_index=True, return_counts=True)
    place, size = np.empty(len(ordered), np.int64), np.empty(len(ordered), np.int64)
    place[by_time] = np.arange(len(ordered)) - np.repeat(starts, sizes)
    size[by_time] = np.repeat(sizes, sizes)
    return place, size


def _first_later(size: Integers, earlier_share: float) -> Integers:
    """Place at which the later part of a user's ratings begins; a single rating is in the earlier part."""
    wished = np.rint(earlier_share * size).astype(np.int64)
    first: Integers = np.clip(wished, 1, np.maximum(size - 1, 1))
    return first


def _shuffled_places(length: int, seed: int) -> Integers:
    return np.random.default_rng(seed).permutation(length)


def _split(name: str, ordered: pd.DataFrame, is_test: Booleans) -> Split:
    if is_test.all() or not is_test.any():
        raise DataError(
            f"{len(ordered)} ratings: a {name} split would leave one side empty; needed are at least 2 "
            "ratings (of one user, if it splits user by user). Use more data, or another split."
        )
    train, test = (ordered[rows].reset_index(drop=True) for rows in (~is_test, is_test))
    return Split(name, train, test)
