from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from armlift.errors import ParameterError
from armlift.recommenders.ease import EASE


def table(ratings: pd.DataFrame, item_ids: np.ndarray) -> np.ndarray:
    return (
        pd.crosstab(ratings["user_id"], ratings["item_id"]).reindex(columns=item_ids, fill_value=0).to_numpy()
    )


def closed_form(X: np.ndarray, regularization: float) -> np.ndarray:
    """Steck's own formula, with the inverse over all items."""
    P = np.linalg.inv(X.T @ X + regularization * np.eye(X.shape[1]))
    B = P / -np.diag(P)
    np.fill_diagonal(B, 0.0)
    return X @ B


def test_few_users_and_few_items_give_the_closed_form(invented: Any) -> None:
    through_users = EASE(regularization=30).fit(invented.history, invented.items, seed=0)
    assert through_users.inverse_.shape == (80, 80)
    expected = closed_form(table(invented.history, through_users.item_ids_), 30)
    np.testing.assert_allclose(through_users.score(through_users.user_ids_), expected, atol=1e-8)

    few = invented.history[invented.history["item_id"].isin(invented.items["item_id"][:50])]
    through_items = EASE(regularization=30).fit(few, few[["item_id"]], seed=0)
    n_items = few["item_id"].nunique()
    assert through_items.inverse_.shape == (n_items, n_items)
    expected = closed_form(table(few, through_items.item_ids_), 30)
    np.testing.assert_allclose(through_items.score(through_items.user_ids_), expected, atol=1e-8)


def test_the_closed_form_is_the_best_model_that_copies_nothing() -> None:
    rng = np.random.default_rng(5)
    X = (rng.random((7, 4)) < 0.5).astype(float)
    X[0] = 1.0
    users, items = np.nonzero(X)
    ratings = pd.DataFrame({"user_id": users, "item_id": items, "rating": 3.0})
    off_diagonal = ~np.eye(4, dtype=bool)

    def loss(weights: np.ndarray) -> float:
        B = np.zeros((4, 4))
        B[off_diagonal] = weights
        return float(((X - X @ B) ** 2).sum() + 2.0 * (B**2).sum())

    B = np.zeros((4, 4))
    B[off_diagonal] = minimize(loss, np.zeros(12), tol=1e-12).x
    recommender = EASE(regularization=2).fit(ratings, ratings[["item_id"]].drop_duplicates(), seed=0)
    np.testing.assert_allclose(recommender.score(recommender.user_ids_), (X @ B)[X.any(axis=1)], atol=1e-4)


def test_new_users_get_the_most_popular_and_unrated_items_nothing(invented: Any) -> None:
    recommender = EASE().fit(invented.history, invented.items, seed=0)
    new, known = recommender.score([10**6, int(recommender.user_ids_[0])])
    np.testing.assert_allclose(new, recommender.popularity_ / 80)
    unrated = recommender.popularity_ == 0
    assert unrated.any()
    assert (known[unrated] == 0).all()


def test_what_is_saved_is_small(invented: Any, tmp_path: Path) -> None:
    EASE().fit(invented.history, invented.items, seed=0).save(tmp_path)
    assert (tmp_path / "state.npz").stat().st_size < 300 * 300 * 8 / 5


def test_regularization_has_a_bound() -> None:
    with pytest.raises(ParameterError, match="regularization"):
        EASE(regularization=0)
