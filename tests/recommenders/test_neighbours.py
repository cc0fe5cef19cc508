from typing import Any

import numpy as np
import pandas as pd
import pytest
from surprise import Dataset, KNNBaseline, Reader

from armlift.datasets.splits import k_fold_splits
from armlift.errors import ParameterError
from armlift.recommenders.neighbours import ItemNeighbours, Neighbours, UserNeighbours

KINDS = (UserNeighbours, ItemNeighbours)


@pytest.fixture(scope="module")
def history(invented: Any) -> pd.DataFrame:
    """The invented history, with ids in the order of their first rating, as surprise numbers them."""
    return invented.history.assign(
        user_id=pd.factorize(invented.history["user_id"])[0],
        item_id=pd.factorize(invented.history["item_id"])[0],
    )


@pytest.fixture
def picks() -> pd.DataFrame:
    """Users 1 and 2 share items 10 and 20; user 2 alone has 30, user 3 alone has 40."""
    return pd.DataFrame(
        {
            "user_id": [1, 1, 2, 2, 2, 3],
            "item_id": [10, 20, 10, 20, 30, 40],
            "rating": [4.0, 2.0, 5.0, 3.0, 4.0, 1.0],
        }
    )


def fit(recommender: Neighbours, ratings: pd.DataFrame) -> Neighbours:
    return recommender.fit(ratings, ratings[["item_id"]].drop_duplicates(), seed=0)


@pytest.mark.parametrize("n_neighbours", [3, 40])
@pytest.mark.parametrize("kind", KINDS)
def test_expected_ratings_are_those_of_surprise(
    kind: type[Neighbours], n_neighbours: int, history: pd.DataFrame
) -> None:
    recommender = fit(kind(n_neighbours=n_neighbours, shrinkage=10), history)
    options = {"name": "pearson_baseline", "shrinkage": 10, "user_based": kind is UserNeighbours}
    scale = (history["rating"].min(), history["rating"].max())
    reference = KNNBaseline(k=n_neighbours, sim_options=options, verbose=False).fit(
        Dataset.load_from_df(
            history[["user_id", "item_id", "rating"]], Reader(rating_scale=scale)
        ).build_full_trainset()
    )
    users = np.repeat([*range(40), 10**6], 102)
    items = np.tile([*range(100), 10**6, 10**7], 41)
    expected = [reference.predict(u, i).est for u, i in zip(users.tolist(), items.tolist(), strict=True)]
    np.testing.assert_allclose(recommender.expected_rating(users, items), expected, atol=1e-9)


def test_items_score_by_the_cosines_to_what_the_user_picked(picks: pd.DataFrame) -> None:
    score = fit(ItemNeighbours(ranking_shrinkage=0), picks).score([1])[0]
    # Item 30 shares 1 of sqrt(1 * 2) users with each of items 10 and 20; nobody with 40.
    np.testing.assert_allclose(score, [1.0, 1.0, 2 / np.sqrt(2), -np.inf], atol=1e-9)


def test_items_score_by_the_cosines_of_the_users_who_picked_them(picks: pd.DataFrame) -> None:
    score = fit(UserNeighbours(ranking_shrinkage=0), picks).score([1])[0]
    np.testing.assert_allclose(score, np.array([1, 1, 1, -np.inf]) * 2 / np.sqrt(6), atol=1e-9)


def test_shrinkage_lowers_cosines_that_rest_on_few(picks: pd.DataFrame) -> None:
    score = fit(ItemNeighbours(ranking_shrinkage=3), picks).score([1], picks)[0]
    assert score[2] == pytest.approx(2 / (np.sqrt(2) + 3))


def test_only_the_nearest_neighbours_speak_for_an_item() -> None:
    ratings = pd.DataFrame(
        {"user_id": [1, 1, 2, 2, 3, 3, 3], "item_id": [10, 30, 20, 30, 10, 20, 30], "rating": 3.0}
    )
    both = fit(ItemNeighbours(ranking_shrinkage=0), ratings).score([3])[0]
    one = fit(ItemNeighbours(ranking_shrinkage=0, n_ranking_neighbours=1), ratings).score([3])[0]
    np.testing.assert_allclose(both[2], 4 / np.sqrt(6), atol=1e-9)
    np.testing.assert_allclose(one[2], 2 / np.sqrt(6), atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_new_users_get_the_most_popular(kind: type[Neighbours], picks: pd.DataFrame) -> None:
    score = fit(kind(), picks).score([99])[0]
    np.testing.assert_allclose(score, np.array([2, 2, 1, 1]) / 3)


@pytest.mark.parametrize(
    "params",
    [{"n_neighbours": 0}, {"shrinkage": -1}, {"n_ranking_neighbours": 0}, {"ranking_shrinkage": -0.5}],
)
@pytest.mark.parametrize("kind", KINDS)
def test_hyper_parameters_have_bounds(kind: type[Neighbours], params: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=next(iter(params))):
        kind(**params)


@pytest.mark.slow
def test_item_neighbours_reach_the_known_error_on_real_ratings(real: Any) -> None:
    ratings = pd.concat([real.history, real.later])
    split = k_fold_splits(ratings, 5, seed=0)[0]
    recommender = ItemNeighbours().fit(split.train, real.items, seed=0)
    error = split.test["rating"] - recommender.expected_rating(split.test["user_id"], split.test["item_id"])
    assert np.sqrt((error**2).mean()) < 0.865
