from typing import Any

import numpy as np
import pandas as pd
import pytest
from surprise import Dataset, Reader, SVDpp

from armlift.errors import ParameterError
from armlift.recommenders.svdpp import SVDPPRecommender


@pytest.fixture(scope="module")
def history(invented: Any) -> pd.DataFrame:
    """The invented history, with ids in the order of their first rating, as surprise numbers them."""
    return invented.history.assign(
        user_id=pd.factorize(invented.history["user_id"])[0],
        item_id=pd.factorize(invented.history["item_id"])[0],
    )


def test_expected_ratings_and_scores_are_those_of_surprise(history: pd.DataFrame) -> None:
    items = pd.DataFrame({"item_id": range(history["item_id"].max() + 2)})
    recommender = SVDPPRecommender(
        n_factors=4, n_epochs=2, learning_rate=0.02, regularization=0.1, min_ratings=0
    ).fit(history, items, seed=11)
    random_state = np.random.RandomState(np.random.MT19937(11))
    scale = (history["rating"].min(), history["rating"].max())
    reference = SVDpp(n_factors=4, n_epochs=2, lr_all=0.02, reg_all=0.1, random_state=random_state).fit(
        Dataset.load_from_df(
            history[["user_id", "item_id", "rating"]], Reader(rating_scale=scale)
        ).build_full_trainset()
    )
    users = [*range(20), 10**6]
    predicted = [[reference.predict(u, i, clip=False).est for i in items["item_id"]] for u in users]
    np.testing.assert_allclose(recommender.score(users), predicted, atol=1e-9)
    pairs = np.repeat(users, len(items)), np.tile(items["item_id"], len(users))
    np.testing.assert_allclose(
        recommender.expected_rating(*pairs), np.clip(np.ravel(predicted), *scale), atol=1e-9
    )


def test_rarely_rated_items_are_no_candidates(history: pd.DataFrame) -> None:
    items = history[["item_id"]].drop_duplicates()
    scores = SVDPPRecommender(n_epochs=1, min_ratings=20).fit(history, items, seed=0).score([0])[0]
    often = history["item_id"].value_counts().sort_index() >= 20
    np.testing.assert_array_equal(np.isfinite(scores), often)


@pytest.mark.parametrize(
    "params",
    [{"n_factors": 0}, {"n_epochs": 0}, {"learning_rate": 0}, {"regularization": -1}, {"min_ratings": 0.5}],
)
def test_hyper_parameters_have_bounds(params: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=next(iter(params))):
        SVDPPRecommender(**params)
