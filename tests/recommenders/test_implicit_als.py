from typing import Any

import numpy as np
import pandas as pd
import pytest

from armlift.errors import ParameterError
from armlift.recommenders import implicit_als
from armlift.recommenders.implicit_als import ImplicitALS


def ratings_table(ratings: pd.DataFrame, item_ids: np.ndarray) -> np.ndarray:
    """Ratings of users (rows) of items (columns), 0 where there is none."""
    table = ratings.pivot_table(index="user_id", columns="item_id", values="rating")
    return table.reindex(columns=item_ids).fillna(0.0).to_numpy()


def item_weights(table: np.ndarray, exponent: float) -> np.ndarray:
    count = (table > 0).sum(axis=0)
    return count**exponent / np.average(count**exponent, weights=count)


def ridges(count: np.ndarray, regularization: float, exponent: float) -> np.ndarray:
    shares = (count + 1.0) ** exponent
    return regularization * np.sqrt(count.sum()) * shares / np.average(shares, weights=count)


def loss(recommender: ImplicitALS, table: np.ndarray) -> float:
    """The loss over all pairs, written out."""
    U, V = recommender.user_factors_, recommender.item_factors_
    rated = table > 0
    of_item = item_weights(table, recommender.popularity_exponent)
    weights = of_item + recommender.confidence * table / table[rated].mean()
    penalty = sum(
        (ridges(rated.sum(axis=axis), recommender.regularization, recommender.regularization_exponent))
        @ (factors**2).sum(axis=1)
        for axis, factors in ((1, U), (0, V))
    )
    return float((weights * (rated - U @ V.T) ** 2).sum() + penalty)


@pytest.mark.parametrize(("exponent", "penalty"), [(0.0, 0.0), (0.7, 0.0), (0.7, 0.4)])
def test_the_item_factors_solve_their_least_squares(invented: Any, exponent: float, penalty: float) -> None:
    recommender = ImplicitALS(
        n_factors=4,
        n_epochs=2,
        confidence=3,
        regularization=0.01,
        regularization_exponent=penalty,
        popularity_exponent=exponent,
    )
    recommender.fit(invented.history, invented.items, seed=0)
    table = ratings_table(invented.history, recommender.item_ids_)
    U, rated, of_item = recommender.user_factors_, table > 0, item_weights(table, exponent)
    for item in (0, 17, 299):
        # A weighted ridge regression of the item's column on the users' factors, written out.
        weights = np.diag(of_item[item] + 3.0 * table[:, item] / table[rated].mean())
        ridge = ridges(rated.sum(axis=0), 0.01, penalty)[item] * np.eye(4)
        solution = np.linalg.solve(U.T @ weights @ U + ridge, U.T @ weights @ rated[:, item])
        np.testing.assert_allclose(recommender.item_factors_[item], solution, atol=1e-10)


def test_every_alternation_lowers_the_loss(invented: Any) -> None:
    losses = []
    for n_epochs in (1, 2, 3, 8):
        recommender = ImplicitALS(n_factors=4, n_epochs=n_epochs)
        recommender.fit(invented.history, invented.items, seed=0)
        losses.append(loss(recommender, ratings_table(invented.history, recommender.item_ids_)))
    assert losses == sorted(losses, reverse=True)
    assert len(set(losses)) == 4


def test_blocks_do_not_matter(invented: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ImplicitALS(n_factors=4, n_epochs=2).fit(invented.history, invented.items, seed=0)
    monkeypatch.setattr(implicit_als, "ROWS_AT_ONCE", 7)
    blocks = ImplicitALS(n_factors=4, n_epochs=2).fit(invented.history, invented.items, seed=0)
    np.testing.assert_allclose(blocks.item_factors_, whole.item_factors_, atol=1e-12)


def test_two_tastes_are_told_apart() -> None:
    """Even users pick even items, odd users odd ones; each leaves out one item of their own kind."""
    pairs = [
        (user, item)
        for user in range(20)
        for item in range(10)
        if (user - item) % 2 == 0 and item != user % 10
    ]
    ratings = pd.DataFrame(pairs, columns=["user_id", "item_id"]).assign(rating=3.0)
    recommender = ImplicitALS(n_factors=2, regularization=0.01).fit(ratings, ratings[["item_id"]], seed=0)
    slates = recommender.recommend(range(20), 1, ratings)
    assert (slates["item_id"] == slates["user_id"] % 10).all()


def test_new_users_get_the_most_popular_and_unrated_items_nothing(invented: Any) -> None:
    recommender = ImplicitALS(n_factors=4, n_epochs=2).fit(invented.history, invented.items, seed=0)
    new, known = recommender.score([10**6, int(recommender.user_ids_[0])])
    np.testing.assert_allclose(new, recommender.popularity_ / 80)
    assert (known[recommender.popularity_ == 0] == 0).all()


@pytest.mark.parametrize(
    "params",
    [
        {"n_factors": 0},
        {"n_epochs": 0},
        {"confidence": 0},
        {"regularization": 0},
        {"regularization_exponent": -1},
        {"popularity_exponent": -1},
    ],
)
def test_hyper_parameters_have_bounds(params: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=next(iter(params))):
        ImplicitALS(**params)


def test_more_of_the_same_users_change_no_slate(invented: Any) -> None:
    """The penalty grows with the data: what is right for a few users does for many like them."""
    copies = [invented.history.assign(user_id=invented.history["user_id"] + 1000 * copy) for copy in range(3)]
    once, thrice = (
        ImplicitALS(n_factors=8, n_epochs=40).fit(history, invented.items, seed=0)
        for history in (copies[0], pd.concat(copies))
    )
    user = once.user_ids_[:1]
    assert once.score(user).std() > 0.01
    assert np.corrcoef(once.score(user), thrice.score(user))[0, 1] > 0.9


def test_the_scale_of_the_ratings_changes_nothing(invented: Any) -> None:
    """Five stars or ten points: only how a rating compares with the others counts."""
    doubled = invented.history.assign(rating=invented.history["rating"] * 2)
    stars, points = (
        ImplicitALS(n_factors=4).fit(history, invented.items, seed=0)
        for history in (invented.history, doubled)
    )
    np.testing.assert_allclose(points.item_factors_, stars.item_factors_, atol=1e-10)


def test_what_is_rated_high_is_fitted_closer() -> None:
    """Two circles of users and items that differ in nothing but the ratings."""
    pairs = [(user, item) for user in range(20) for item in range(20) if (user - item) % 2 == 0]
    ratings = pd.DataFrame(pairs, columns=["user_id", "item_id"])
    ratings["rating"] = np.where(ratings["user_id"] % 2 == 0, 5.0, 1.0)
    recommender = ImplicitALS(n_factors=2, n_epochs=30).fit(ratings, ratings[["item_id"]], seed=0)
    scores = recommender.score([0, 1])
    assert scores[1, 1] < scores[0, 0] < 1


def test_popular_items_weigh_more(invented: Any) -> None:
    slates = [
        ImplicitALS(n_factors=8, popularity_exponent=exponent)
        .fit(invented.history, invented.items, seed=0)
        .recommend(invented.history["user_id"].unique(), 10, invented.history)["item_id"]
        for exponent in (0.0, 1.0)
    ]
    count = invented.history["item_id"].value_counts()
    assert count.reindex(slates[1]).mean() < count.reindex(slates[0]).mean()
