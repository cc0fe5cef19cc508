"""Recommenders that predict ratings in points, and rank by a score of their own."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from armlift.recommenders.base import SCORE_DECIMALS, Recommender
from armlift.recommenders.interactions import as_pairs, positions_in


class RatingPredictor(Recommender):
    """Base of the recommenders that say what a user would rate an item.

    A subclass implements `_fit_ratings` and `_expected`, and `_score` for the ranking: who rates an item
    highly need not be who picks it, so the two may differ.

    Attributes:
        user_ids_: Users of the history, sorted, shape (U,).
        mean_rating_: Mean of the history, in points, shape ().
        rating_scale_: Lowest and highest rating of the history, in points, shape (2,).
    """

    user_ids_: NDArray[np.int64]
    mean_rating_: NDArray[np.float64]
    rating_scale_: NDArray[np.float64]

    def expected_rating(self, user_ids: ArrayLike, item_ids: ArrayLike) -> NDArray[np.float64]:
        """Predict the ratings of pairs of users and items, known or new.

        Args:
            user_ids: User of each pair, shape (P,).
            item_ids: Item of each pair, shape (P,).

        Returns:
            Expected ratings in points, clipped to `rating_scale_`, shape (P,).

        Raises:
            NotFittedError: The recommender is not fitted.
            ParameterError: The two arguments differ in shape, or are no one-dimensional arrays.
        """
        self._check_fitted()
        users, items = as_pairs(user_ids, item_ids)
        expected = self._expected(positions_in(self.user_ids_, users), positions_in(self.item_ids_, items))
        lowest, highest = self.rating_scale_
        return np.asarray(np.round(np.clip(expected, lowest, highest), SCORE_DECIMALS))

    def _fit(self, history: pd.DataFrame, items: pd.DataFrame, seed: int) -> None:
        ratings = history["rating"].to_numpy(np.float64)
        self.user_ids_, users = np.unique(history["user_id"].to_numpy(np.int64), return_inverse=True)
        self.mean_rating_ = np.array(ratings.mean())
        self.rating_scale_ = np.array([ratings.min(), ratings.max()])
        self._fit_ratings(users.astype(np.int64), self._item_positions(history), ratings, seed)

    @abstractmethod
    def _fit_ratings(
        self,
        users: NDArray[np.int64],
        items: NDArray[np.int64],
        ratings: NDArray[np.float64],
        seed: int,
    ) -> None:
        """Learn from ratings in points, shape (R,), of users by row of `user_ids_` and items by position."""

    @abstractmethod
    def _expected(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float64]:
        """Expected ratings, not yet clipped, shape (P,).

        Args:
            users: Row of each pair's user in `user_ids_`, -1 for a new user, shape (P,).
            items: Position of each pair's item in the catalogue, -1 for one outside it, shape (P,).
        """
