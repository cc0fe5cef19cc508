"""Matrix factorisation on the ratings: what a user would rate highest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from armlift.recommenders.base import SCORE_DECIMALS, Recommender
from armlift.recommenders.bounds import real_number, whole_number


class SVDRecommender(Recommender):
    """Biased matrix factorisation by stochastic gradient descent (Funk 2006; Koren, Bell, Volinsky 2009).

    The score is the expected rating: global mean + user bias + item bias + user factors . item factors,
    not clipped to the rating scale, where the best items would tie. A new user has neither bias nor
    factors and gets global mean + item bias; an item without ratings, if candidate at all, global mean +
    user bias.

    Args:
        n_factors: Length of the factor vectors.
        n_epochs: Passes over the ratings.
        learning_rate: Step of the descent.
        regularization: Weight of the squared biases and factors in the loss.
        min_ratings: Ratings that make an item a candidate. The mean of few ratings is noisy, and the
            highest of many noisy means wins: without this bound slates fill with obscure items.

    Attributes:
        user_ids_: Users of the history, sorted, shape (U,).
        user_bias_: Shape (U + 1,), in rating points; the last is the new user's, 0.
        user_factors_: Shape (U + 1, n_factors); the last is the new user's, 0.
        item_score_: Global mean + item bias, shape (I,), in rating points.
        item_factors_: Shape (I, n_factors).

    Raises:
        ParameterError: A hyper-parameter is out of its bound.
    """

    user_ids_: NDArray[np.int64]
    user_bias_: NDArray[np.float64]
    user_factors_: NDArray[np.float64]
    item_score_: NDArray[np.float64]
    item_factors_: NDArray[np.float64]

    def __init__(
        self,
        *,
        n_factors: int = 50,
        n_epochs: int = 20,
        learning_rate: float = 0.005,
        regularization: float = 0.02,
        min_ratings: int = 20,
    ) -> None:
        self.n_factors = whole_number("n_factors", n_factors, low=1)
        self.n_epochs = whole_number("n_epochs", n_epochs, low=1)
        self.learning_rate = real_number("learning_rate", learning_rate, low=0, above=True)
        self.regularization = real_number("regularization", regularization, low=0)
        self.min_ratings = whole_number("min_ratings", min_ratings, low=0)

    def _fit(self, history: pd.DataFrame, items: pd.DataFrame, seed: int) -> None:
        from surprise import SVD

        user_ids, users = np.unique(history["user_id"].to_numpy(np.int64), return_inverse=True)
        rated, columns = np.unique(self._item_positions(history), return_inverse=True)
        ratings = history["rating"].to_numpy(np.float64)
        model = SVD(
            n_factors=self.n_factors,
            n_epochs=self.n_epochs,
            lr_all=self.learning_rate,
            reg_all=self.regularization,
            random_state=np.random.RandomState(np.random.MT19937(seed)),
        ).fit(_trainset(users, columns, ratings))
        self.user_ids_ = user_ids
        self.user_bias_ = np.append(model.bu, 0.0)
        self.user_factors_ = np.vstack([model.pu, np.zeros(self.n_factors)])
        self.item_score_ = np.full(len(self.item_ids_), ratings.mean())
        self.item_score_[rated] += model.bi
        self.item_factors_ = np.zeros((len(self.item_ids_), self.n_factors))
        self.item_factors_[rated] = model.qi

    def _score(self, users: NDArray[np.int64], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
        # get_indexer says -1 for a new user, which is the last row.
        rows = pd.Index(self.user_ids_).get_indexer(pd.Index(users))
        scores = np.full(seen.shape, -np.inf)
        candidates = np.flatnonzero(self.popularity_ >= self.min_ratings)
        scores[:, candidates] = np.round(
            self.item_score_[candidates]
            + self.user_bias_[rows, np.newaxis]
            + self.user_factors_[rows] @ self.item_factors_[candidates].T,
            SCORE_DECIMALS,
        )
        return scores


def _trainset(users: NDArray[np.int64], items: NDArray[np.int64], ratings: NDArray[np.float64]) -> Any:
    """Ratings in surprise's form, without its reader, which loops over strings."""
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
