from typing import Any

import numpy as np
import pandas as pd
import pytest
from surprise import SVD, Dataset, Reader

from armlift.datasets.splits import k_fold_splits
from armlift.errors import ParameterError
from armlift.recommenders.svd import SVDRecommender


@pytest.fixture(scope="module")
def history(invented: Any) -> pd.DataFrame:
    """The invented history, with ids in the order of their first rating, as surprise numbers them."""
    return invented.history.assign(
        user_id=pd.factorize(invented.history["user_id"])[0],
        item_id=pd.factorize(invented.history["item_id"])[0],
    )


@pytest.fixture(scope="module")
def items(history: pd.DataFrame) -> pd.DataFrame:
    """All rated items, and one that nobody rated."""
    return pd.DataFrame({"item_id": range(history["item_id"].max() + 2)})


def test_scores_are_the_predictions_of_surprise(history: pd.DataFrame, items: pd.DataFrame) -> None:
    recommender = SVDRecommender(
        n_factors=5, n_epochs=3, learning_rate=0.02, regularization=0.1, min_ratings=0
    )
    scores = recommender.fit(history, items, seed=11).score(range(20))
    random_state = np.random.RandomState(np.random.MT19937(11))
    reference = SVD(n_factors=5, n_epochs=3, lr_all=0.02, reg_all=0.1, random_state=random_state).fit(
        Dataset.load_from_df(history[["user_id", "item_id", "rating"]], Reader()).build_full_trainset()
    )
    expected = [[reference.predict(u, i, clip=False).est for i in items["item_id"]] for u in range(20)]
    np.testing.assert_allclose(scores, expected, atol=1e-9)


def test_new_users_and_items_get_mean_and_bias(history: pd.DataFrame, items: pd.DataFrame) -> None:
    recommender = SVDRecommender(min_ratings=0).fit(history, items, seed=0)
    mean = history["rating"].mean()
    new, known = recommender.score([10**6, 0])
    np.testing.assert_allclose(new, recommender.item_score_, atol=1e-9)
    assert new[-1] == pytest.approx(mean)
    assert known[-1] == pytest.approx(mean + recommender.user_bias_[0])
    assert known[-1] != pytest.approx(mean)


def test_rarely_rated_items_are_no_candidates(history: pd.DataFrame, items: pd.DataFrame) -> None:
    scores = SVDRecommender(min_ratings=20).fit(history, items, seed=0).score([0])[0]
    often = history["item_id"].value_counts().reindex(items["item_id"], fill_value=0) >= 20
    np.testing.assert_array_equal(np.isfinite(scores), often)


@pytest.mark.parametrize(
    "params",
    [{"n_factors": 0}, {"n_epochs": 0}, {"learning_rate": 0}, {"regularization": -1}, {"min_ratings": 0.5}],
)
def test_hyper_parameters_have_bounds(params: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=next(iter(params))):
        SVDRecommender(**params)


def test_expected_ratings_are_scores_on_the_rating_scale(history: pd.DataFrame, items: pd.DataFrame) -> None:
    recommender = SVDRecommender(min_ratings=0, learning_rate=0.1, regularization=0).fit(
        history, items, seed=0
    )
    users = [0, 1, 2, 10**6]
    scores = recommender.score(users)
    expected = recommender.expected_rating(np.repeat(users, len(items)), np.tile(items["item_id"], 4))
    lowest, highest = history["rating"].min(), history["rating"].max()
    np.testing.assert_allclose(expected, np.clip(scores, lowest, highest).ravel(), atol=1e-9)
    assert (scores > highest).any()


@pytest.mark.slow
def test_the_known_error_on_real_ratings_is_reached(real: Any) -> None:
    split = k_fold_splits(pd.concat([real.history, real.later]), 5, seed=0)[0]
    recommender = SVDRecommender().fit(split.train, real.items, seed=0)
    error = split.test["rating"] - recommender.expected_rating(split.test["user_id"], split.test["item_id"])
    assert np.sqrt((error**2).mean()) < 0.875
