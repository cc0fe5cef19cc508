from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from armlift.datasets.splits import (
    Split,
    k_fold_splits,
    leave_one_out_split,
    per_user_temporal_split,
    random_split,
    temporal_split,
    world_split,
)
from armlift.errors import DataError, ParameterError

ORDER = ["timestamp", "user_id", "item_id"]
SPLITS: dict[str, Callable[[pd.DataFrame], Split]] = {
    "temporal": temporal_split,
    "per-user temporal": lambda ratings: per_user_temporal_split(ratings, seed=3),
    "leave one out": lambda ratings: leave_one_out_split(ratings, seed=3),
    "random": lambda ratings: random_split(ratings, seed=3),
    "fold": lambda ratings: k_fold_splits(ratings, 2, seed=3)[1],
}


def _ratings(rows: list[tuple[int, int, int]]) -> pd.DataFrame:
    """Ratings table of (user, item, second), in the order given; the rating tells the rows apart."""
    user, item, second = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    return pd.DataFrame(
        {
            "user_id": user,
            "item_id": item,
            "rating": np.arange(len(rows), dtype=np.float64),
            "timestamp": pd.to_datetime(second, unit="s", utc=True).as_unit("us"),
        }
    )


# Few users and seconds, so that ties within and between users are common.
@st.composite
def ratings_tables(draw: st.DrawFn) -> pd.DataFrame:
    pairs = draw(
        st.lists(st.tuples(st.integers(1, 6), st.integers(1, 8)), min_size=2, max_size=24, unique=True)
    )
    seconds = draw(st.lists(st.integers(0, 7), min_size=len(pairs), max_size=len(pairs)))
    return _ratings([(*pair, second) for pair, second in zip(pairs, seconds, strict=True)])


shares = st.floats(0.01, 0.99)
seeds = st.integers(0, 2**32 - 1)


def _assert_partition(ratings: pd.DataFrame, *parts: pd.DataFrame) -> None:
    """Each row is in exactly one part, and every part is a ratings table in order."""
    whole = pd.concat(parts).sort_values(ORDER, ignore_index=True)
    pd.testing.assert_frame_equal(whole, ratings.sort_values(ORDER, ignore_index=True))
    for part in parts:
        assert not part.empty
        pd.testing.assert_frame_equal(part, part.sort_values(ORDER, ignore_index=True))


def _assert_each_user_in_time(earlier: pd.DataFrame, later: pd.DataFrame) -> None:
    last, first = earlier.groupby("user_id")["timestamp"].max(), later.groupby("user_id")["timestamp"].min()
    both = last.index.intersection(first.index)
    assert (last[both] <= first[both]).all()


def _has_user_with_two(ratings: pd.DataFrame) -> bool:
    return bool(ratings["user_id"].duplicated().any())


@settings(max_examples=50)
@given(ratings_tables(), shares)
def test_temporal_split_sees_nothing_of_the_future(ratings: pd.DataFrame, share: float) -> None:
    if ratings["timestamp"].nunique() < 2:
        with pytest.raises(DataError, match="1 different timestamps"):
            temporal_split(ratings, share)
        return
    split = temporal_split(ratings, share)
    _assert_partition(ratings, split.train, split.test)
    assert split.train["timestamp"].max() < split.test["timestamp"].min()
    # No other moment between two timestamps comes nearer to the share.
    counts = ratings["timestamp"].value_counts().sort_index().cumsum().to_numpy()[:-1]
    distance = np.abs(len(ratings) - counts - share * len(ratings))
    assert abs(len(split.test) - share * len(ratings)) == pytest.approx(distance.min())


@settings(max_examples=50)
@given(ratings_tables(), shares, seeds)
def test_per_user_split_sees_nothing_of_a_users_future(
    ratings: pd.DataFrame, share: float, seed: int
) -> None:
    if not _has_user_with_two(ratings):
        with pytest.raises(DataError, match="per-user temporal"):
            per_user_temporal_split(ratings, share, seed=seed)
        return
    split = per_user_temporal_split(ratings, share, seed=seed)
    _assert_partition(ratings, split.train, split.test)
    _assert_each_user_in_time(split.train, split.test)
    n_test = split.test.groupby("user_id").size()
    for user, n in ratings.groupby("user_id").size().items():
        if n == 1:
            assert user not in n_test
        else:
            assert 1 <= n_test[user] <= n - 1
            assert abs(n_test[user] - share * n) <= max(0.5, 1 - share * n, share * n - (n - 1)) + 1e-9


@settings(max_examples=50)
@given(ratings_tables(), seeds)
def test_leave_one_out_takes_a_last_one_of_each_user(ratings: pd.DataFrame, seed: int) -> None:
    if not _has_user_with_two(ratings):
        with pytest.raises(DataError, match="leave one out"):
            leave_one_out_split(ratings, seed=seed)
        return
    split = leave_one_out_split(ratings, seed=seed)
    _assert_partition(ratings, split.train, split.test)
    expected = {(own["timestamp"].max(), user) for user, own in ratings.groupby("user_id") if len(own) >= 2}
    assert len(split.test) == len(expected)
    assert set(zip(split.test["timestamp"], split.test["user_id"], strict=True)) == expected


@settings(max_examples=50)
@given(ratings_tables(), shares, seeds)
def test_random_split_has_the_share(ratings: pd.DataFrame, share: float, seed: int) -> None:
    split = random_split(ratings, share, seed=seed)
    _assert_partition(ratings, split.train, split.test)
    n = len(ratings)
    assert abs(len(split.test) - np.clip(share * n, 1, n - 1)) <= 0.5 + 1e-9


@settings(max_examples=50)
@given(ratings_tables(), st.data(), seeds)
def test_folds_partition_the_ratings(ratings: pd.DataFrame, data: st.DataObject, seed: int) -> None:
    k = data.draw(st.integers(2, min(5, len(ratings))))
    folds = k_fold_splits(ratings, k, seed=seed)
    assert len(folds) == k
    _assert_partition(ratings, *(fold.test for fold in folds))
    for fold in folds:
        _assert_partition(ratings, fold.train, fold.test)
    assert np.ptp([len(fold.test) for fold in folds]) <= 1


@settings(max_examples=50)
@given(ratings_tables(), shares, st.floats(0, 0.99), seeds)
def test_world_keeps_the_future_and_withheld_users_from_the_arms(
    ratings: pd.DataFrame, training_share: float, withheld_share: float, seed: int
) -> None:
    shares = {"training_share": training_share, "withheld_share": withheld_share}
    sizes = ratings.groupby("user_id").size()
    n_withheld = min(round(withheld_share * len(sizes)), len(sizes) - 1)
    if n_withheld == 0 and sizes.max() == 1:
        with pytest.raises(DataError, match="world split"):
            world_split(ratings, **shares, seed=seed)
        return
    world = world_split(ratings, **shares, seed=seed)
    _assert_partition(ratings, world.history, world.future)
    _assert_each_user_in_time(world.history, world.future)
    assert len(world.withheld_users) == n_withheld
    assert world.withheld_users.tolist() == sorted(set(world.withheld_users.tolist()))
    assert not world.history["user_id"].isin(world.withheld_users).any()
    known = set(sizes.index) - set(world.withheld_users.tolist())
    assert set(world.history["user_id"]) == known, "each known user has a history"
    assert {user for user in known if sizes[user] >= 2} <= set(world.future["user_id"])


@pytest.mark.parametrize("name", SPLITS)
@settings(max_examples=50)
@given(ratings=ratings_tables(), seed=seeds)
def test_row_order_and_index_do_not_matter(name: str, ratings: pd.DataFrame, seed: int) -> None:
    shuffled = ratings.sample(frac=1, random_state=np.random.default_rng(seed))
    try:
        split = SPLITS[name](ratings)
    except DataError:
        with pytest.raises(DataError):
            SPLITS[name](shuffled)
        return
    other = SPLITS[name](shuffled)
    pd.testing.assert_frame_equal(split.train, other.train)
    pd.testing.assert_frame_equal(split.test, other.test)


@settings(max_examples=50)
@given(ratings_tables(), seeds)
def test_row_order_does_not_matter_to_the_world(ratings: pd.DataFrame, seed: int) -> None:
    ratings = pd.concat([ratings, _ratings([(9, 1, 0), (9, 2, 9)])])
    shuffled = ratings.sample(frac=1, random_state=np.random.default_rng(seed))
    one, other = world_split(ratings, seed=seed), world_split(shuffled, seed=seed)
    pd.testing.assert_frame_equal(one.history, other.history)
    pd.testing.assert_frame_equal(one.future, other.future)
    np.testing.assert_array_equal(one.withheld_users, other.withheld_users)


@pytest.mark.parametrize("split", [random_split, k_fold_splits, world_split, leave_one_out_split])
def test_the_seed_alone_decides(split: Callable[..., object]) -> None:
    ratings = _ratings([(user, item, user + item // 2) for user in range(20) for item in range(6)])

    def drawn(seed: int) -> list[float]:
        result = split(ratings, seed=seed)
        first = result[0] if isinstance(result, tuple) else result
        return (first.future if hasattr(first, "future") else first.test)["rating"].tolist()

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_input_is_left_as_it_was() -> None:
    ratings = _ratings([(1, 1, 3), (1, 2, 4), (2, 1, 5)])
    before = ratings.copy()
    split = temporal_split(ratings)
    split.train.loc[:, "rating"] = -1.0
    pd.testing.assert_frame_equal(ratings, before)


def test_ties_go_to_the_side_nearest_to_the_share() -> None:
    seconds = [0, 1, 1, 1, 2, 3, 3, 3, 3, 4]
    ratings = _ratings([(1, item, second) for item, second in enumerate(seconds)])
    assert temporal_split(ratings, 0.4).test["item_id"].tolist() == [5, 6, 7, 8, 9]
    assert temporal_split(ratings, 0.2).test["item_id"].tolist() == [9]
    # A share of 0.3 lies halfway between one and five test ratings: then the tie goes to test.
    assert temporal_split(ratings, 0.3).test["item_id"].tolist() == [5, 6, 7, 8, 9]


def test_each_rating_of_one_moment_is_the_last_one_equally_often() -> None:
    ratings = _ratings([(user, item, 0) for user in range(3_000) for item in range(3)])
    splits = {
        "leave one out": leave_one_out_split(ratings, seed=0).test,
        "per user": per_user_temporal_split(ratings, 0.3, seed=0).test,
        "world": world_split(ratings, training_share=0.7, withheld_share=0, seed=0).future,
    }
    for name, test in splits.items():
        assert len(test) == 3_000, name
        assert chisquare(test["item_id"].value_counts()).pvalue > 1e-4, name


def test_world_of_known_sizes() -> None:
    ratings = _ratings([(user, item, 10 * item + user) for user in range(10) for item in range(5)])
    world = world_split(ratings, training_share=0.6, withheld_share=0.2, seed=0)
    assert len(world.withheld_users) == 2
    assert (world.history.groupby("user_id")["item_id"].agg(list) == [[0, 1, 2]] * 8).all()
    assert world.future.groupby("user_id").size().isin([2, 5]).all()


@pytest.mark.parametrize("rows", [[], [(1, 1, 0)]], ids=["empty", "one row"])
def test_too_few_rows_are_an_error_that_says_so(rows: list[tuple[int, int, int]]) -> None:
    ratings = _ratings(rows)
    for name, split in SPLITS.items():
        with pytest.raises(ParameterError if name == "fold" else DataError, match=f"{len(rows)} ratings"):
            split(ratings)
    with pytest.raises(DataError, match=f"{len(rows)} ratings"):
        world_split(ratings, seed=0)


def test_one_user_alone_is_never_withheld() -> None:
    world = world_split(_ratings([(1, item, item) for item in range(10)]), withheld_share=0.9, seed=0)
    assert world.withheld_users.size == 0
    assert len(world.history) == 6


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan")])
def test_shares_out_of_bound_are_named(share: float) -> None:
    ratings = _ratings([(1, 1, 0), (1, 2, 1)])
    with pytest.raises(ParameterError, match="0 < test_share < 1"):
        temporal_split(ratings, share)
    with pytest.raises(ParameterError, match="0 < test_share < 1"):
        per_user_temporal_split(ratings, share, seed=0)
    with pytest.raises(ParameterError, match="0 < test_share < 1"):
        random_split(ratings, share, seed=0)
    with pytest.raises(ParameterError, match="0 < training_share < 1"):
        world_split(ratings, training_share=share, seed=0)
    if share != 0:
        with pytest.raises(ParameterError, match="0 <= withheld_share < 1"):
            world_split(ratings, withheld_share=share, seed=0)


@pytest.mark.parametrize("k", [1, 3])
def test_number_of_folds_out_of_bound_is_named(k: int) -> None:
    with pytest.raises(ParameterError, match="2 <= k <= 2 ratings"):
        k_fold_splits(_ratings([(1, 1, 0), (1, 2, 1)]), k, seed=0)
