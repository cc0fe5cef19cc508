"""Implicit ALS: factors of who rated what, by alternating least squares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from armlift.recommenders.base import SCORE_DECIMALS, Recommender
from armlift.recommenders.bounds import real_number, whole_number
from armlift.recommenders.interactions import positions_in, sparse_table

if TYPE_CHECKING:
    from scipy import sparse

# Systems of equations solved together: 8 MiB of them at 64 factors.
ROWS_AT_ONCE = 256


class ImplicitALS(Recommender):
    """Matrix factorisation of all pairs, rated or not (Hu, Koren, Volinsky 2008).

    Whether a user rated an item is approximated by user factors . item factors over all pairs. A pair has
    the weight of its item, 1 on average over the ratings, and a rated one `confidence` beyond, more for a
    high rating and less for a low one. Given one side's factors the other side's are a least-squares
    solution, one small system for each user or item, solved many at a time.

    The weight of an item rises with its popularity: who left out what everybody saw did so more likely on
    purpose (He et al. 2016, eALS). With equal weights the factors spend themselves on popularity. The
    regularization of a user or an item rises with its ratings (Rendle et al. 2022, on iALS revisited):
    otherwise it would hardly touch those with many, and flatten those with few.

    The score is user factors . item factors. A new user is answered by popularity: each item's share of
    the users; an item without ratings has score 0.

    The defaults were chosen by NDCG@10 on cuts of ml-latest-small, histories ending at many points before
    each user's last rating. The measurements are in benchmarks/README.md.

    Args:
        n_factors: Length of the factor vectors.
        n_epochs: Alternations.
        confidence: Weight of a rated pair beyond that of its item, the mean over the ratings; each has it
            in proportion to its rating.
        regularization: Weight of the squared factors in the loss, on average over the ratings, and over the
            square root of their number, with which the singular values of the table grow.
        regularization_exponent: The weight of a user's or an item's squared factors is proportional to its
            number of ratings, and one, to this power; 0 for equal weights.
        popularity_exponent: An item's weight is proportional to its number of ratings to this power; 0 for
            the equal weights of Hu, Koren and Volinsky.

    Attributes:
        user_ids_: Users of the history, sorted, shape (U,).
        user_factors_: Shape (U, n_factors).
        item_factors_: Shape (I, n_factors).

    Raises:
        ParameterError: A hyper-parameter is out of its bound.
    """

    user_ids_: NDArray[np.int64]
    user_factors_: NDArray[np.float64]
    item_factors_: NDArray[np.float64]

    def __init__(
        self,
        *,
        n_factors: int = 64,
        n_epochs: int = 10,
        confidence: float = 1.0,
        regularization: float = 0.06,
        regularization_exponent: float = 0.5,
        popularity_exponent: float = 0.5,
    ) -> None:
        self.n_factors = whole_number("n_factors", n_factors, low=1)
        self.n_epochs = whole_number("n_epochs", n_epochs, low=1)
        self.confidence = real_number("confidence", confidence, low=0, above=True)
        self.regularization = real_number("regularization", regularization, low=0, above=True)
        self.regularization_exponent = real_number("regularization_exponent", regularization_exponent, low=0)
        self.popularity_exponent = real_number("popularity_exponent", popularity_exponent, low=0)

    def _fit(self, history: pd.DataFrame, items: pd.DataFrame, seed: int) -> None:
        from threadpoolctl import threadpool_limits

        self.user_ids_, users = np.unique(history["user_id"].to_numpy(np.int64), return_inverse=True)
        ratings = history["rating"].to_numpy(np.float64)
        extra = sparse_table(
            users,
            self._item_positions(history),
            self.confidence * ratings / ratings.mean(),
            (len(self.user_ids_), len(self.item_ids_)),
        )
        extra_by_item = extra.T.tocsr()
        of_items, of_users = self._item_weights(), np.ones(len(self.user_ids_))
        rng = np.random.default_rng(seed)
        self.item_factors_ = rng.normal(0.0, self.n_factors**-0.5, (len(self.item_ids_), self.n_factors))
        with threadpool_limits(1):
            for _ in range(self.n_epochs):
                self.user_factors_ = self._solve(extra, self.item_factors_, of_users, of_items)
                self.item_factors_ = self._solve(extra_by_item, self.user_factors_, of_items, of_users)

    def _item_weights(self) -> NDArray[np.float64]:
        """Weight of the pairs of each item, shape (I,)."""
        weights = self.popularity_**self.popularity_exponent
        # The mean over ratings: one over items would depend on how long the tail of the catalogue is.
        return np.asarray(weights / np.average(weights, weights=self.popularity_), dtype=np.float64)

    def _solve(
        self,
        extra: sparse.csr_array[np.float64],
        factors: NDArray[np.float64],
        row_weights: NDArray[np.float64],
        weights: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Best factors of the rows of a matrix, given those of its columns.

        A pair weighs row weight x column weight, one of which is 1 throughout; a rated one has in addition
        what the matrix holds.
        """
        n_rows = extra.shape[0]
        solved = np.empty((n_rows, self.n_factors))
        everything = (factors.T * weights) @ factors
        ridges, diagonal = self._ridges(np.diff(extra.indptr)), np.eye(self.n_factors)
        for start in range(0, n_rows, ROWS_AT_ONCE):
            rows = range(start, min(start + ROWS_AT_ONCE, n_rows))
            systems = np.empty((len(rows), self.n_factors, self.n_factors))
            targets = np.empty((len(rows), self.n_factors))
            for number, row in enumerate(rows):
                rated = slice(extra.indptr[row], extra.indptr[row + 1])
                columns, beyond = extra.indices[rated], extra.data[rated]
                own = factors[columns]
                systems[number] = (
                    row_weights[row] * everything + ridges[row] * diagonal + (own.T * beyond) @ own
                )
                targets[number] = (row_weights[row] * weights[columns] + beyond) @ own
            solved[rows.start : rows.stop] = np.linalg.solve(systems, targets[:, :, np.newaxis])[:, :, 0]
        return solved

    def _ridges(self, counts: NDArray[np.integer]) -> NDArray[np.float64]:
        """Weight of each row's squared factors, given its number of ratings, shape (rows,)."""
        shares = (counts + 1.0) ** self.regularization_exponent
        whole = self.regularization * np.sqrt(counts.sum())
        return np.asarray(whole * shares / np.average(shares, weights=counts), dtype=np.float64)

    def _score(self, users: NDArray[np.int64], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
        rows = positions_in(self.user_ids_, users)
        known = rows >= 0
        scores = np.empty(seen.shape)
        scores[known] = self.user_factors_[rows[known]] @ self.item_factors_.T
        scores[~known] = self.popularity_ / len(self.user_ids_)
        return np.round(scores, SCORE_DECIMALS)
