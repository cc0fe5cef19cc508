"""Neighbours: what users like this one rate, and items like those that this one rated.

Ratings and ranking ask different things of a neighbour, so each has its own similarity. A rating is
predicted from how the neighbours' ratings deviate from their baselines (Koren 2010); that says nothing
about whether the user would pick the item at all, and ranked by it, slates fill with what a handful of
people loved. Slates are therefore ranked by who picked what: the sum of the cosine similarities of the
neighbours that speak for an item (Sarwar et al. 2001; Deshpande and Karypis 2004; Cremonesi et al. 2010).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from armlift.recommenders.base import SCORE_DECIMALS
from armlift.recommenders.bounds import real_number, whole_number
from armlift.recommenders.interactions import positions_in, sparse_table
from armlift.recommenders.rating_predictor import RatingPredictor
from armlift.recommenders.similarities import cosine_neighbours, pearson_baseline
from armlift.recommenders.surprise_models import trainset

if TYPE_CHECKING:
    from scipy import sparse

# Rows of similarities held at once: 20 MiB of them for 10,000 items.
ROWS_AT_ONCE = 256


class _Sides(NamedTuple):
    """The compared side x (users of `UserNeighbours`, items of `ItemNeighbours`) and the other side y."""

    x: NDArray[np.int64]
    y: NDArray[np.int64]


class Neighbours(RatingPredictor):
    """Base of the neighbourhood recommenders; a subclass says whether users or items are compared.

    The expected rating is that of scikit-surprise's `KNNBaseline` with its similarity `pearson_baseline`:
    baseline + mean deviation of the nearest neighbours' ratings from their baselines, weighted by
    similarity. A new user or item is left with the baseline, in which its own deviation is 0.

    The score of an item is the summed cosine similarity of the neighbours that speak for it. What no
    neighbour speaks for is no candidate, and a new user is answered by popularity: each item's share of
    the users.

    Args:
        n_neighbours: Nearest neighbours that a rating is predicted from; only those of positive
            similarity count.
        shrinkage: Ratings in common at which the correlation of two neighbours is believed by half.
        n_ranking_neighbours: Nearest neighbours in the ranking.
        ranking_shrinkage: Added to the denominator of the cosine, in ratings: two items that one user
            alone picked are not the most similar of all.

    Attributes:
        user_bias_: Baseline deviation of each user, in points, shape (U,).
        item_bias_: Baseline deviation of each item, in points, shape (I,).
        row_starts_: Where each user's ratings begin in the next two, shape (U + 1,).
        rated_items_: Positions of the items that the users rated, shape (R,).
        ratings_: Their ratings, in points, shape (R,).
        nearest_: Nearest neighbours in the ranking, positions on the compared side, shape (X, k).
        closeness_: Cosine similarities of these, 0 where there are fewer than k, shape (X, k).

    Raises:
        ParameterError: A hyper-parameter is out of its bound.
    """

    user_bias_: NDArray[np.float64]
    item_bias_: NDArray[np.float64]
    row_starts_: NDArray[np.int64]
    rated_items_: NDArray[np.int64]
    ratings_: NDArray[np.float64]
    nearest_: NDArray[np.int64]
    closeness_: NDArray[np.float64]

    def __init__(
        self,
        *,
        n_neighbours: int,
        shrinkage: float,
        n_ranking_neighbours: int,
        ranking_shrinkage: float,
    ) -> None:
        self.n_neighbours = whole_number("n_neighbours", n_neighbours, low=1)
        self.shrinkage = real_number("shrinkage", shrinkage, low=0)
        self.n_ranking_neighbours = whole_number("n_ranking_neighbours", n_ranking_neighbours, low=1)
        self.ranking_shrinkage = real_number("ranking_shrinkage", ranking_shrinkage, low=0)

    @abstractmethod
    def _sides(self, of_users: NDArray[np.int64], of_items: NDArray[np.int64]) -> _Sides:
        """Which of the two is compared."""

    @abstractmethod
    def _oriented(self, table: sparse.csr_array[np.float64]) -> sparse.csr_array[np.float64]:
        """A table of users and items (U, I), with the compared side as rows (X, Y)."""

    @abstractmethod
    def _support(
        self, users: NDArray[np.int64], closeness: sparse.csr_array[np.float64]
    ) -> sparse.csr_array[np.float64]:
        """Summed closeness (X, X) of the neighbours that speak for each item, for rows of users (N, I)."""

    def _fit_ratings(
        self,
        users: NDArray[np.int64],
        items: NDArray[np.int64],
        ratings: NDArray[np.float64],
        seed: int,
    ) -> None:
        from surprise import BaselineOnly

        rated, columns = np.unique(items, return_inverse=True)
        baseline = BaselineOnly(verbose=False).fit(trainset(users, columns, ratings))
        self.user_bias_ = np.asarray(baseline.bu)
        self.item_bias_ = np.zeros(len(self.item_ids_))
        self.item_bias_[rated] = baseline.bi
        table = sparse_table(users, items, ratings, self._shape)
        self.row_starts_ = table.indptr.astype(np.int64)
        self.rated_items_ = table.indices.astype(np.int64)
        self.ratings_ = table.data
        self.nearest_, self.closeness_ = cosine_neighbours(
            self._oriented(self._table(np.ones(len(ratings)))),
            self.n_ranking_neighbours,
            self.ranking_shrinkage,
        )

    @property
    def _shape(self) -> tuple[int, int]:
        return len(self.user_ids_), len(self.item_ids_)

    def _table(self, values: NDArray[np.float64]) -> sparse.csr_array[np.float64]:
        """Values of the ratings, shape (R,), as a table of users and items (U, I)."""
        from scipy import sparse

        return sparse.csr_array((values, self.rated_items_, self.row_starts_), shape=self._shape)

    def _expected(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float64]:
        # New users and items are -1, the last.
        user_bias, item_bias = np.append(self.user_bias_, 0.0), np.append(self.item_bias_, 0.0)
        expected = self.mean_rating_ + user_bias[users] + item_bias[items]
        raters = np.repeat(np.arange(len(self.user_ids_)), np.diff(self.row_starts_))
        baseline = self.mean_rating_ + user_bias[raters] + item_bias[self.rated_items_]
        deviations = self._oriented(self._table(self.ratings_ - baseline))
        by_y = deviations.T.tocsr()
        x, y = self._sides(users, items)
        known = np.flatnonzero((users >= 0) & (items >= 0))
        asked = np.unique(x[known])
        for start in range(0, len(asked), ROWS_AT_ONCE):
            rows = asked[start : start + ROWS_AT_ONCE]
            similarity = pearson_baseline(deviations, by_y, rows, self.shrinkage)
            for pair in known[np.isin(x[known], rows)].tolist():
                raters_of = slice(by_y.indptr[y[pair]], by_y.indptr[y[pair] + 1])
                close = similarity[np.searchsorted(rows, x[pair]), by_y.indices[raters_of]]
                expected[pair] += _weighted_mean(close, by_y.data[raters_of], self.n_neighbours)
        return np.asarray(expected)

    def _score(self, users: NDArray[np.int64], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
        rows = positions_in(self.user_ids_, users)
        known = rows >= 0
        scores = np.tile(self.popularity_ / len(self.user_ids_), (len(users), 1))
        n_x, k = self.nearest_.shape
        closeness = sparse_table(
            np.repeat(np.arange(n_x), k), self.nearest_.ravel(), self.closeness_.ravel(), (n_x, n_x)
        )
        support = np.round(self._support(rows[known], closeness).toarray(), SCORE_DECIMALS)
        scores[known] = np.where(support > 0, support, -np.inf)
        return scores


class UserNeighbours(Neighbours):
    """User neighbours (Resnick et al. 1994; Koren 2010): see `Neighbours`.

    An item's score is the summed similarity to the nearest users who rated it.

    Args:
        n_neighbours: See `Neighbours`.
        shrinkage: See `Neighbours`.
        n_ranking_neighbours: See `Neighbours`.
        ranking_shrinkage: See `Neighbours`.

    Raises:
        ParameterError: A hyper-parameter is out of its bound.
    """

    def __init__(
        self,
        *,
        n_neighbours: int = 40,
        shrinkage: float = 100.0,
        n_ranking_neighbours: int = 20,
        ranking_shrinkage: float = 20.0,
    ) -> None:
        super().__init__(
            n_neighbours=n_neighbours,
            shrinkage=shrinkage,
            n_ranking_neighbours=n_ranking_neighbours,
            ranking_shrinkage=ranking_shrinkage,
        )

    def _sides(self, of_users: NDArray[np.int64], of_items: NDArray[np.int64]) -> _Sides:
        return _Sides(of_users, of_items)

    def _oriented(self, table: sparse.csr_array[np.float64]) -> sparse.csr_array[np.float64]:
        return table

    def _support(
        self, users: NDArray[np.int64], closeness: sparse.csr_array[np.float64]
    ) -> sparse.csr_array[np.float64]:
        return closeness[users] @ self._table(np.ones(len(self.ratings_)))


class ItemNeighbours(Neighbours):
    """Item neighbours (Sarwar et al. 2001; Koren 2010): see `Neighbours`.

    An item's score is the summed similarity to those of its nearest items that the user rated. The number of
    these was chosen on four cuts of ml-latest-small, by NDCG@10 of the five ratings before each user's last:
    few near ones rank best, from 30 on an item's popularity decides.

    Args:
        n_neighbours: See `Neighbours`.
        shrinkage: See `Neighbours`.
        n_ranking_neighbours: See `Neighbours`.
        ranking_shrinkage: See `Neighbours`.

    Raises:
        ParameterError: A hyper-parameter is out of its bound.
    """

    def __init__(
        self,
        *,
        n_neighbours: int = 40,
        shrinkage: float = 100.0,
        n_ranking_neighbours: int = 10,
        ranking_shrinkage: float = 10.0,
    ) -> None:
        super().__init__(
            n_neighbours=n_neighbours,
            shrinkage=shrinkage,
            n_ranking_neighbours=n_ranking_neighbours,
            ranking_shrinkage=ranking_shrinkage,
        )

    def _sides(self, of_users: NDArray[np.int64], of_items: NDArray[np.int64]) -> _Sides:
        return _Sides(of_items, of_users)

    def _oriented(self, table: sparse.csr_array[np.float64]) -> sparse.csr_array[np.float64]:
        return table.T.tocsr()

    def _support(
        self, users: NDArray[np.int64], closeness: sparse.csr_array[np.float64]
    ) -> sparse.csr_array[np.float64]:
        return self._table(np.ones(len(self.ratings_)))[users] @ closeness.T.tocsr()


def _weighted_mean(
    similarity: NDArray[np.float64], deviations: NDArray[np.float64], n_neighbours: int
) -> float:
    """Mean deviation of the nearest neighbours of positive similarity, 0 without any."""
    positive = similarity > 0
    similarity, deviations = similarity[positive], deviations[positive]
    if len(similarity) > n_neighbours:
        # Stable: among equally similar neighbours the first count, as with surprise.
        nearest = np.argsort(-similarity, kind="stable")[:n_neighbours]
        similarity, deviations = similarity[nearest], deviations[nearest]
    return float(similarity @ deviations / similarity.sum()) if len(similarity) else 0.0
