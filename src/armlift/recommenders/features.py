"""Features of a possible click: who is asked, what is shown, and how well the two fit.

Everything is learned from the ratings of one window, so that the same code serves training, where the
window is the other folds (see `encoding`), and serving, where it is the whole history. Counts enter
relative to the average of their window: the two windows differ in size, the features must not.

How good an item is, and how generous a user, is a deviation from the mean of the window, both estimated
together: the mean rating of an item says as much about who rated it. Tastes are what these deviations leave
unexplained, so that they say nothing of a user's generosity again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from armlift.recommenders.encoding import shrunken_mean

# Observations that a prior is worth: of a deviation, of the mean of a user, of a taste, of a genre.
BIAS_STRENGTH = 5.0
USER_STRENGTH = 10.0
TASTE_STRENGTH = 20.0
GROUP_STRENGTH = 50.0

# Each sweep takes the deviations of items, then those of users, nearer to their joint optimum.
BIAS_SWEEPS = 10

FEATURE_NAMES = (
    "item_popularity",
    "item_rating_bias",
    "item_like_bias",
    "item_age",
    "genre_bias",
    "decade_bias",
    "user_activity",
    "user_rating_bias",
    "user_like_bias",
    "genre_pick_taste",
    "decade_pick_taste",
    "genre_like_taste",
    "decade_like_taste",
    "year_gap",
    "mainstream_gap",
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

    User arrays have one row more than users: the last stands for every new user, who has the priors. Rating
    deviations are in points, like deviations in shares of ratings that are likes.

    Attributes:
        user_ids: Users of the window, sorted, shape (U,).
        item_year: Release year, shape (I,).
        item_genres: Shares of the genres, shape (I, G).
        item_decades: Indicators of the decade, shape (I, D).
        item_stats: Log relative popularity, rating deviation, like deviation, rating deviations of its genres
            and of its decade, shape (I, 5).
        user_stats: Log relative activity, rating deviation, like deviation, mean year of the items rated,
            their mean log relative popularity, shape (U + 1, 5).
        genre_pick: Log of how much more of a genre a user rates than all users do, shape (U + 1, G).
        decade_pick: The same of decades, shape (U + 1, D).
        genre_like: Rating deviation in a genre beyond those of the user and the items, shape (U + 1, G).
        decade_like: The same of decades, shape (U + 1, D).
    """

    user_ids: NDArray[np.int64]
    item_year: NDArray[np.float64]
    item_genres: NDArray[np.float64]
    item_decades: NDArray[np.float64]
    item_stats: NDArray[np.float64]
    user_stats: NDArray[np.float64]
    genre_pick: NDArray[np.float64]
    decade_pick: NDArray[np.float64]
    genre_like: NDArray[np.float64]
    decade_like: NDArray[np.float64]

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
        of_ratings = window.biases(ratings)
        of_likes = window.biases((ratings >= like_threshold).astype(np.float64))
        popularity = window.relative_counts(items, len(catalogue.year), len(catalogue.year))
        of_item = of_ratings.rest + of_ratings.item[items]
        return cls(
            user_ids=known,
            item_year=catalogue.year,
            item_genres=catalogue.genres,
            item_decades=catalogue.decades,
            item_stats=np.stack(
                [
                    popularity,
                    of_ratings.item,
                    of_likes.item,
                    window.group_bias(catalogue.genres, of_item),
                    window.group_bias(catalogue.decades, of_item),
                ],
                axis=1,
            ),
            user_stats=np.stack(
                [
                    window.relative_counts(users, len(known) + 1, len(known)),
                    of_ratings.user,
                    of_likes.user,
                    window.user_mean(catalogue.year[items], float(catalogue.year.mean())),
                    window.user_mean(popularity[items], 0.0),
                ],
                axis=1,
            ),
            genre_pick=window.pick_taste(catalogue.genres),
            decade_pick=window.pick_taste(catalogue.decades),
            genre_like=window.like_taste(catalogue.genres, of_ratings.rest),
            decade_like=window.like_taste(catalogue.decades, of_ratings.rest),
        )

    def user_rows(self, user_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of users in the user arrays, the last row for new users, shape as given."""
        # get_indexer says -1 for an id it does not know.
        return pd.Index(self.user_ids).get_indexer(pd.Index(user_ids)).astype(np.int64)

    @property
    def new_user(self) -> int:
        """Row of every new user in the user arrays."""
        return len(self.user_ids)

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
            Features in the order of `FEATURE_NAMES`, shape (P, 15).
        """
        popularity, item_rating, item_like, genre_bias, decade_bias = self.item_stats[items].T
        activity, user_rating, user_like, user_year, user_popularity = self.user_stats[users].T
        genres, decades = self.item_genres[items], self.item_decades[items]
        item_year = self.item_year[items]
        return np.stack(
            [
                popularity,
                item_rating,
                item_like,
                year - item_year,
                genre_bias,
                decade_bias,
                activity,
                user_rating,
                user_like,
                np.einsum("pg,pg->p", self.genre_pick[users], genres),
                np.einsum("pd,pd->p", self.decade_pick[users], decades),
                np.einsum("pg,pg->p", self.genre_like[users], genres),
                np.einsum("pd,pd->p", self.decade_like[users], decades),
                np.abs(item_year - user_year),
                popularity - user_popularity,
            ],
            axis=1,
        )


class _Biases(NamedTuple):
    """Deviations from the mean of a window: of items (I,), of users (U + 1,), and what they leave (R,)."""

    item: NDArray[np.float64]
    user: NDArray[np.float64]
    rest: NDArray[np.float64]


@dataclass(frozen=True)
class _Window:
    """Pairs of a window, and the sums over them that the statistics consist of."""

    catalogue: Catalogue
    users: NDArray[np.int64]  # row of each pair's user, (R,)
    items: NDArray[np.int64]  # position of each pair's item, (R,)
    n_users: int  # with the new user, who has no pair

    def biases(self, values: NDArray[np.float64]) -> _Biases:
        """Ridge regression of values (R,) on item and user, by turns (Koren 2010, section 2.1)."""
        n_items = len(self.catalogue.year)
        of_items = np.bincount(self.items, minlength=n_items) + BIAS_STRENGTH
        of_users = np.bincount(self.users, minlength=self.n_users) + BIAS_STRENGTH
        centred = values - (values.mean() if len(values) else 0.0)
        item, user = np.zeros(n_items), np.zeros(self.n_users)
        for _ in range(BIAS_SWEEPS):
            item = np.bincount(self.items, centred - user[self.users], n_items) / of_items
            user = np.bincount(self.users, centred - item[self.items], self.n_users) / of_users
        return _Biases(item, user, centred - item[self.items] - user[self.users])

    def relative_counts(self, of: NDArray[np.int64], n_rows: int, n_real: int) -> NDArray[np.float64]:
        """Log of the counts of users or items, shape (n_rows,), relative to their mean over `n_real`."""
        count = np.bincount(of, minlength=n_rows)
        return np.asarray(np.log((count + 1.0) / (count.sum() / max(n_real, 1) + 1.0)))

    def user_mean(self, values: NDArray[np.float64], prior: float) -> NDArray[np.float64]:
        """Shrunken mean of values (R,) of each user, shape (U + 1,)."""
        total, count = (np.bincount(self.users, weights, self.n_users) for weights in (values, None))
        return shrunken_mean(total, count, _overall_mean(values, prior), USER_STRENGTH)

    def group_bias(self, groups: NDArray[np.float64], deviations: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean deviation (R,) in the groups of each item, shape (I,)."""
        n_items = len(self.catalogue.year)
        total, count = (np.bincount(self.items, weights, n_items) for weights in (deviations, None))
        return np.asarray(groups @ shrunken_mean(total @ groups, count @ groups, 0.0, GROUP_STRENGTH))

    def pick_taste(self, groups: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log of the shrunken share of each group in a user's picks, over that in all picks."""
        picks = self._by_user_and(groups, np.ones(len(self.items)))
        count = np.bincount(self.users, minlength=self.n_users)[:, np.newaxis]
        # At least one pick is imagined, evenly spread: nobody's share of a group is 0.
        everyone = shrunken_mean(picks.sum(axis=0), len(self.items), 1.0 / max(groups.shape[1], 1), 1.0)
        return np.log(shrunken_mean(picks, count, everyone, TASTE_STRENGTH) / everyone)

    def like_taste(self, groups: NDArray[np.float64], rest: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shrunken mean of what the deviations leave (R,), in each group of a user's items."""
        weight = self._by_user_and(groups, np.ones(len(self.items)))
        return shrunken_mean(self._by_user_and(groups, rest), weight, 0.0, TASTE_STRENGTH)

    def _by_user_and(self, groups: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
        from scipy import sparse

        table = sparse.csr_array((values, (self.users, self.items)), shape=(self.n_users, len(groups)))
        return np.asarray(table @ groups, dtype=np.float64)


def _overall_mean(values: NDArray[np.float64], prior: float) -> NDArray[np.float64]:
    """Mean that an empty window has as well."""
    return shrunken_mean(values.sum(), len(values), prior, 1.0)
