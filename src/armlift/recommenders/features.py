"""Features of a possible click: who is asked, what is shown, and how well the two fit.

Everything is learned from the ratings of one window, so that the same code serves training, where the
window is the other folds (see `encoding`), and serving, where it is the whole history. Counts enter
relative to the average of their window: the two windows differ in size, the features must not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from armlift.recommenders.encoding import shrunken_mean

# Observations that a prior is worth. Items vary more than chance explains, users' tastes less.
ITEM_STRENGTH = 10.0
USER_STRENGTH = 10.0
TASTE_STRENGTH = 20.0

FEATURE_NAMES = (
    "item_popularity",
    "item_mean_rating",
    "item_like_rate",
    "item_age",
    "genre_like_rate",
    "user_activity",
    "user_mean_rating",
    "user_like_rate",
    "genre_pick_taste",
    "genre_like_taste",
    "decade_pick_taste",
    "year_gap",
    "mainstream_gap",
    "like_rates",
)


@dataclass(frozen=True)
class Catalogue:
    """What is known of the items without any rating.

    Attributes:
        year: Release year, the median where unknown, shape (I,).
        genres: Share of each genre in the item, rows sum to 1 (to 0 without genre), shape (I, G).
        decades: Indicator of the release decade, shape (I, D).
    """

    year: NDArray[np.float64]
    genres: NDArray[np.float64]
    decades: NDArray[np.float64]

    @classmethod
    def of(cls, items: pd.DataFrame, item_ids: NDArray[np.int64]) -> Self:
        """Describe the items of a catalogue.

        Args:
            items: Items table.
            item_ids: Catalogue, sorted, shape (I,). Items missing from the table have no year, no genre.

        Returns:
            The description, rows in the order of `item_ids`.
        """
        table = items.set_index("item_id").reindex(item_ids)
        year = table["year"].to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
        known = np.isfinite(year)
        year[~known] = np.median(year[known]) if known.any() else 0.0
        # An item without genre would otherwise count as one of the genre "".
        flags = table["genres"].fillna("").str.get_dummies("|").drop(columns="", errors="ignore")
        genres = flags.to_numpy(np.float64)
        decades = (year[:, np.newaxis] // 10 == np.unique(year // 10)).astype(np.float64)
        return cls(year, genres / np.maximum(genres.sum(axis=1, keepdims=True), 1.0), decades)


@dataclass(frozen=True)
class ClickFeatures:
    """Statistics of a window of ratings, and the features they give to pairs of user and item.

    User arrays have one row more than users: the last stands for every new user, who has the priors.

    Attributes:
        user_ids: Users of the window, sorted, shape (U,).
        item_year: Release year, shape (I,).
        item_genres: Shares of the genres, shape (I, G).
        item_decades: Indicators of the decade, shape (I, D).
        item_stats: Log relative popularity, mean rating (points), like rate (share), mean like rate of the
            genres (share), shape (I, 4).
        user_stats: Log relative activity, mean rating (points), like rate (share), mean year of the
            items rated, their mean log relative popularity, shape (U + 1, 5).
        genre_pick: Log of how much more of a genre a user rates than all users do, shape (U + 1, G).
        genre_like: Like rate in a genre beyond the rates of the items rated, shape (U + 1, G).
        decade_pick: As genre_pick, shape (U + 1, D).
    """

    user_ids: NDArray[np.int64]
    item_year: NDArray[np.float64]
    item_genres: NDArray[np.float64]
    item_decades: NDArray[np.float64]
    item_stats: NDArray[np.float64]
    user_stats: NDArray[np.float64]
    genre_pick: NDArray[np.float64]
    genre_like: NDArray[np.float64]
    decade_pick: NDArray[np.float64]

    @classmethod
    def fit(
        cls,
        catalogue: Catalogue,
        user_ids: NDArray[np.int64],
        items: NDArray[np.int64],
        ratings: NDArray[np.float64],
        like_threshold: float,
    ) -> Self:
        """Learn the statistics of a window.

        Args:
            catalogue: The items.
            user_ids: User of each rating, shape (R,).
            items: Position in the catalogue of the item of each rating, shape (R,).
            ratings: Rating in points, shape (R,).
            like_threshold: Rating from which on an item counts as liked.

        Returns:
            The statistics; of an empty window, the priors.
        """
        known, users = np.unique(user_ids, return_inverse=True)
        window = _Window(catalogue, users, items, len(known) + 1)
        likes = (ratings >= like_threshold).astype(np.float64)
        item_stats = window.item_stats(ratings, likes, like_threshold)
        return cls(
            user_ids=known,
            item_year=catalogue.year,
            item_genres=catalogue.genres,
            item_decades=catalogue.decades,
            item_stats=item_stats,
            user_stats=window.user_stats(ratings, likes, like_threshold, popularity=item_stats[:, 0]),
            genre_pick=window.pick_taste(catalogue.genres),
            genre_like=window.like_taste(catalogue.genres, likes - item_stats[items, 2]),
            decade_pick=window.pick_taste(catalogue.decades),
        )

    def user_rows(self, user_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of users in the user arrays, the last row for new users, shape as given."""
        # get_indexer says -1 for an id it does not know.
        return pd.Index(self.user_ids).get_indexer(pd.Index(user_ids)).astype(np.int64)

    def affinity(self, users: NDArray[np.int64]) -> NDArray[np.float64]:
        """How likely users are to pick each item, on a log scale: popularity times their tastes.

        Args:
            users: Rows of the users, as `user_rows` gives them, shape (N,).

        Returns:
            Affinity, shape (N, I).
        """
        return np.asarray(
            self.item_stats[:, 0]
            + self.genre_pick[users] @ self.item_genres.T
            + self.decade_pick[users] @ self.item_decades.T
        )

    def transform(
        self, users: NDArray[np.int64], items: NDArray[np.int64], year: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Features of pairs.

        Args:
            users: Row of each pair's user, as `user_rows` gives it, shape (P,).
            items: Position of each pair's item in the catalogue, shape (P,).
            year: Year in which each pair meets, shape (P,).

        Returns:
            Features in the order of `FEATURE_NAMES`, shape (P, 14).
        """
        popularity, mean_rating, like_rate, genre_like_rate = self.item_stats[items].T
        activity, user_mean_rating, user_like_rate, user_year, user_popularity = self.user_stats[users].T
        genres = self.item_genres[items]
        item_year = self.item_year[items]
        return np.stack(
            [
                popularity,
                mean_rating,
                like_rate,
                year - item_year,
                genre_like_rate,
                activity,
                user_mean_rating,
                user_like_rate,
                np.einsum("pg,pg->p", self.genre_pick[users], genres),
                np.einsum("pg,pg->p", self.genre_like[users], genres),
                np.einsum("pd,pd->p", self.decade_pick[users], self.item_decades[items]),
                np.abs(item_year - user_year),
                popularity - user_popularity,
                like_rate * user_like_rate,
            ],
            axis=1,
        )


@dataclass(frozen=True)
class _Window:
    """Pairs of a window, and the sums over them that the statistics consist of."""

    catalogue: Catalogue
    users: NDArray[np.int64]  # row of each pair's user, (R,)
    items: NDArray[np.int64]  # position of each pair's item, (R,)
    n_users: int  # with the new user, who has no pair

    def item_stats(
        self, ratings: NDArray[np.float64], likes: NDArray[np.float64], like_threshold: float
    ) -> NDArray[np.float64]:
        genres = self.catalogue.genres
        count, liked = self._by_item(np.ones(len(likes))), self._by_item(likes)
        like_rate = _overall_mean(likes, 0.5)
        genre_like_rate = shrunken_mean(liked @ genres, count @ genres, like_rate, ITEM_STRENGTH)
        stats = [
            np.log((count + 1.0) / (count.mean() + 1.0)),
            shrunken_mean(
                self._by_item(ratings), count, _overall_mean(ratings, like_threshold), ITEM_STRENGTH
            ),
            shrunken_mean(liked, count, like_rate, ITEM_STRENGTH),
            genres @ genre_like_rate + (1.0 - genres.sum(axis=1)) * like_rate,
        ]
        return np.stack(stats, axis=1)

    def user_stats(
        self,
        ratings: NDArray[np.float64],
        likes: NDArray[np.float64],
        like_threshold: float,
        popularity: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        count = self._by_user(np.ones(len(likes)))
        mean_count = count.sum() / max(self.n_users - 1, 1)

        def mean(values: NDArray[np.float64], prior: float) -> NDArray[np.float64]:
            return shrunken_mean(self._by_user(values), count, _overall_mean(values, prior), USER_STRENGTH)

        stats = [
            np.log((count + 1.0) / (mean_count + 1.0)),
            mean(ratings, like_threshold),
            mean(likes, 0.5),
            mean(self.catalogue.year[self.items], float(self.catalogue.year.mean())),
            mean(popularity[self.items], 0.0),
        ]
        return np.stack(stats, axis=1)

    def pick_taste(self, groups: NDArray[np.float64]) -> NDArray[np.float64]:
        picks = self._by_user_and(groups, np.ones(len(self.items)))
        count = self._by_user(np.ones(len(self.items)))[:, np.newaxis]
        # At least one pick is imagined, evenly spread: nobody's share of a group is 0.
        everyone = shrunken_mean(picks.sum(axis=0), len(self.items), 1.0 / max(groups.shape[1], 1), 1.0)
        return np.log(shrunken_mean(picks, count, everyone, TASTE_STRENGTH) / everyone)

    def like_taste(self, groups: NDArray[np.float64], surplus: NDArray[np.float64]) -> NDArray[np.float64]:
        weight = self._by_user_and(groups, np.ones(len(self.items)))
        return shrunken_mean(self._by_user_and(groups, surplus), weight, 0.0, TASTE_STRENGTH)

    def _by_item(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(self.items, values, len(self.catalogue.year)).astype(np.float64)

    def _by_user(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(self.users, values, self.n_users).astype(np.float64)

    def _by_user_and(self, groups: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
        from scipy import sparse

        table = sparse.csr_array((values, (self.users, self.items)), shape=(self.n_users, len(groups)))
        return np.asarray(table @ groups, dtype=np.float64)


def _overall_mean(values: NDArray[np.float64], prior: float) -> NDArray[np.float64]:
    """Mean that an empty window has as well."""
    return shrunken_mean(values.sum(), len(values), prior, 1.0)
