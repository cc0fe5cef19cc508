from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.sparse.linalg import svds
from surprise import SVD, BaselineOnly, Dataset, Reader
from surprise.accuracy import rmse

from armlift.datasets.sample import GENRES, STARS, Sample, generate_sample
from armlift.datasets.splits import per_user_temporal_split
from armlift.errors import ParameterError


@pytest.fixture(scope="module")
def sample() -> Sample:
    return generate_sample()


def _gini(counts: pd.Series) -> float:
    ordered = np.sort(counts.to_numpy())
    n = len(ordered)
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * ordered.sum()))


def _top_share(counts: pd.Series, share: float) -> float:
    ordered = np.sort(counts.to_numpy())[::-1]
    return float(ordered[: int(np.ceil(share * len(ordered)))].sum() / ordered.sum())


def _visits(ratings: pd.DataFrame) -> pd.Series:
    """Number of bursts of each user, an hour without a rating between two of them."""
    pause = ratings.groupby("user_id")["timestamp"].diff()
    begins = pause.isna() | (pause > pd.Timedelta(hours=1))
    return begins.groupby(ratings["user_id"]).sum()


def test_tables_have_the_agreed_columns_types_and_order(sample: Sample) -> None:
    assert dict(sample.ratings.dtypes.astype(str)) == {
        "user_id": "int64",
        "item_id": "int64",
        "rating": "float64",
        "timestamp": "datetime64[us, UTC]",
    }
    assert dict(sample.items.dtypes.astype(str)) == {
        "item_id": "int64",
        "title": "str",
        "year": "Int64",
        "genres": "str",
    }
    assert dict(sample.users.dtypes.astype(str)) == {"user_id": "int64"}
    ordered = sample.ratings.sort_values(["timestamp", "user_id", "item_id"], ignore_index=True)
    pd.testing.assert_frame_equal(sample.ratings, ordered)
    assert sample.items["item_id"].is_monotonic_increasing
    assert sample.users["user_id"].is_monotonic_increasing


@pytest.mark.parametrize(
    ("n_users", "n_items", "n_ratings"),
    [(600, 2000, 60_000), (1, 34, 20), (5, 40, 120), (30, 100, 601), (7, 50, 7 * 20)],
    ids=["default", "least", "everyone rates all there is", "odd", "everyone rates the least"],
)
def test_sizes_are_exact_and_no_item_is_rated_twice(n_users: int, n_items: int, n_ratings: int) -> None:
    made = generate_sample(n_users=n_users, n_items=n_items, n_ratings=n_ratings)
    assert (len(made.users), len(made.items), len(made.ratings)) == (n_users, n_items, n_ratings)
    assert not made.ratings.duplicated(["user_id", "item_id"]).any()
    assert made.ratings["item_id"].isin(made.items["item_id"]).all()
    activity = made.ratings.groupby("user_id").size()
    assert activity.index.equals(pd.Index(made.users["user_id"]))
    assert activity.min() >= 20


@pytest.mark.parametrize(
    ("sizes", "name", "bound"),
    [
        ({"n_users": 0}, "n_users", "n_users >= 1"),
        ({"n_items": 33}, "n_items", "n_items >= 34"),
        ({"n_ratings": 11_999}, "n_ratings", "12000 <= n_ratings <= 720000"),
        ({"n_ratings": 720_001}, "n_ratings", "12000 <= n_ratings <= 720000"),
    ],
)
def test_impossible_sizes_are_named_with_their_bound(sizes: dict[str, int], name: str, bound: str) -> None:
    with pytest.raises(ParameterError, match=name) as caught:
        generate_sample(**sizes)
    assert (caught.value.name, caught.value.value, caught.value.bound) == (name, sizes[name], bound)


def test_the_seed_alone_decides(sample: Sample) -> None:
    again, other = generate_sample(), generate_sample(seed=1)
    for table in ("ratings", "items", "users"):
        pd.testing.assert_frame_equal(getattr(sample, table), getattr(again, table))
    assert not sample.ratings.equals(other.ratings)
    assert not sample.items.equals(other.items)


def test_items_are_visibly_invented(sample: Sample) -> None:
    assert sample.items["title"].is_unique
    assert sample.items["title"].str.contains("(invented", regex=False).all()
    genres = sample.items["genres"].str.split("|")
    assert genres.str.len().isin([1, 2, 3]).all()
    assert set(genres.explode()) == set(GENRES)
    assert all(names == sorted(set(names)) for names in genres)
    assert sample.items["year"].between(1953, 2023).all()
    assert (genres.str.len() - 1).mean() == pytest.approx(0.9, abs=0.1)


def test_stars_are_half_steps_with_a_realistic_histogram(sample: Sample) -> None:
    histogram = sample.ratings["rating"].value_counts(normalize=True)
    assert set(histogram.index) == set(np.arange(1, 11) / 2)
    assert histogram.to_dict() == pytest.approx(STARS, abs=1e-4)
    assert histogram.idxmax() == 4.0
    assert sample.ratings["rating"].mean() == pytest.approx(3.5, abs=0.05)


def test_popularity_and_activity_are_long_tailed(sample: Sample) -> None:
    popularity = sample.ratings.groupby("item_id").size()
    activity = sample.ratings.groupby("user_id").size()
    assert len(popularity) > 0.97 * len(sample.items)
    assert 0.07 < _top_share(popularity, 0.01) < 0.16
    assert 0.45 < _top_share(popularity, 0.1) < 0.65
    assert 0.6 < _gini(popularity) < 0.75
    assert popularity.max() < 0.7 * len(sample.users)
    assert 0.35 < _top_share(activity, 0.1) < 0.5
    assert 0.45 < _gini(activity) < 0.65


def test_timestamps_are_plausible_whole_seconds(sample: Sample) -> None:
    moment = sample.ratings["timestamp"]
    assert moment.min() >= pd.Timestamp("2019-01-01", tz="UTC")
    assert moment.max() < pd.Timestamp("2024-01-01", tz="UTC")
    assert moment.equals(moment.dt.floor("s"))


def test_nothing_is_rated_before_its_release_and_new_items_draw_more(sample: Sample) -> None:
    rated = sample.ratings.merge(sample.items, on="item_id")
    assert (rated["timestamp"].dt.year >= rated["year"]).all()
    since_release = rated["timestamp"].dt.year - rated["year"]
    per_year = [
        (since_release[(rated["year"] == 2020)] == years).sum()
        / (sample.ratings["timestamp"].dt.year == 2020 + years).sum()
        for years in (1, 3)
    ]
    assert per_year[0] > 1.2 * per_year[1], "an item's share of all ratings fades as it gets old"


def test_ratings_grow_and_users_come_in_bursts(sample: Sample) -> None:
    month = (sample.ratings["timestamp"] - pd.Timestamp("2019-01-01", tz="UTC")).dt.days // 30
    counts = month.value_counts().sort_index()
    assert pd.Series(counts.index).corr(pd.Series(counts.to_numpy()), method="pearson") > 0.3
    assert (month >= 48).sum() > 2 * (month < 12).sum()

    visits = _visits(sample.ratings)
    assert 0.15 < (visits == 1).mean() < 0.5
    assert visits.max() <= 20
    stay = sample.ratings.groupby("user_id")["timestamp"].agg(lambda moment: moment.max() - moment.min())
    assert 0.3 < (stay > pd.Timedelta(days=60)).mean() < 0.8, "some users come back over months"


def test_tastes_are_learnable_from_the_earlier_ratings(sample: Sample) -> None:
    split = per_user_temporal_split(sample.ratings, 0.2, seed=0)
    columns = ["user_id", "item_id", "rating"]
    train = Dataset.load_from_df(split.train[columns], Reader(rating_scale=(0.5, 5))).build_full_trainset()
    test = list(split.test[columns].itertuples(index=False, name=None))

    mean = split.train["rating"].mean()
    item_means = split.test["item_id"].map(split.train.groupby("item_id")["rating"].mean()).fillna(mean)
    by_item_means = float(np.sqrt(np.mean((split.test["rating"] - item_means) ** 2)))
    by_biases = rmse(BaselineOnly(verbose=False).fit(train).test(test), verbose=False)
    factors = SVD(n_factors=20, n_epochs=30, reg_all=0.05, random_state=0)
    by_factors = rmse(factors.fit(train).test(test), verbose=False)

    assert by_factors < 0.92 * by_item_means
    assert by_factors < 0.99 * by_biases, "there is taste beyond what users and items are on average"


def _matrix(ratings: pd.DataFrame) -> np.ndarray:
    filled = np.zeros((600, 2000))
    filled[ratings["user_id"] - 1, ratings["item_id"] - 1] = 1
    return filled


def test_a_personal_ranker_beats_popularity_for_users_with_long_history(sample: Sample) -> None:
    split = per_user_temporal_split(sample.ratings, 0.2, seed=0)
    seen, later = _matrix(split.train), _matrix(split.test)
    popularity = np.maximum(seen.sum(axis=0), 1)
    scaled = seen / np.sqrt(popularity)
    _, _, v = svds(scaled, k=8, rng=np.random.default_rng(0))
    personal = scaled @ v.T @ v * np.sqrt(popularity)
    long = seen.sum(axis=1) >= 100
    precision = []
    for score in (np.broadcast_to(popularity, seen.shape), personal):
        slate = np.argsort(-np.where(seen > 0, -np.inf, score), axis=1)[:, :10]
        precision.append(np.take_along_axis(later, slate, axis=1)[long].mean())
    assert precision[1] > 1.08 * precision[0]


def test_liking_shows_in_genres(sample: Sample) -> None:
    """Users differ in the share of ratings a genre gets by more than chance allows."""
    rated = sample.ratings.merge(sample.items, on="item_id")
    horror = rated["genres"].str.contains("Horror").groupby(rated["user_id"])
    share, by_chance = horror.mean(), horror.mean().mean() * (1 - horror.mean().mean()) / horror.size()
    assert share.var() > 2 * by_chance.mean()


def test_the_shape_is_that_of_movielens(sample: Sample, movielens_small: Path) -> None:
    real = pd.read_csv(movielens_small / "ratings.csv").rename(
        columns={"userId": "user_id", "movieId": "item_id"}
    )
    for key, tolerance in (("item_id", 0.1), ("user_id", 0.12)):
        ours, theirs = sample.ratings.groupby(key).size(), real.groupby(key).size()
        assert _gini(ours) == pytest.approx(_gini(theirs), abs=tolerance)
        assert _top_share(ours, 0.1) == pytest.approx(_top_share(theirs, 0.1), abs=tolerance)
        # A smaller catalogue has a flatter head, as an item gets at most one rating a user.
        assert 0.5 < _top_share(ours, 0.01) / _top_share(theirs, 0.01) < 1.2
        assert ours.median() / ours.mean() == pytest.approx(theirs.median() / theirs.mean(), abs=0.35)
    histograms = [
        table["rating"].value_counts(normalize=True).sort_index() for table in (sample.ratings, real)
    ]
    pd.testing.assert_series_equal(*histograms, atol=0.01, rtol=0)
    spreads = [table.groupby("user_id")["rating"].mean().std() for table in (sample.ratings, real)]
    assert spreads[0] == pytest.approx(spreads[1], abs=0.1)
    # Popular items are the better rated ones, to the same degree.
    correlations = []
    for table in (sample.ratings, real):
        item = table.groupby("item_id")["rating"].agg(["mean", "size"]).query("size >= 20")
        correlations.append(item["mean"].corr(np.log(item["size"])))
    assert correlations[0] == pytest.approx(correlations[1], abs=0.15)
