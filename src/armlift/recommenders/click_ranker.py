"""Two-stage recommenders that rank by the probability of a click, as production systems do.

Stage one draws candidates for each user: the unseen items strongest by popularity times the user's taste
in genres and decades. Stage two computes the click features of the candidates and ranks them with fitted
classifiers.

A click here is a rating of at least `like_threshold`: the user picked the item, and liked it. Two questions
are learned apart, each from the pairs that tell of it. Slates are ranked by whether a pair becomes a click at
all, learned from rated pairs and sampled ones without rating. Pairs that were picked are judged by whether
the user likes what they picked, learned from the rated pairs alone, as conversions are from clicks (Ma et al.
2018, ESMM). One classifier for both would spend itself on telling rated from unrated pairs: among the rated
ones it was worse than the means of users and items, and its probabilities were those of another world.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from armlift.errors import DataError, ParameterError
from armlift.recommenders.base import SCORE_DECIMALS, Recommender
from armlift.recommenders.bounds import real_number, whole_number
from armlift.recommenders.encoding import assign_folds, encode_out_of_fold
from armlift.recommenders.features import Catalogue, ClickFeatures
from armlift.recommenders.interactions import as_pairs, positions_in


class Question(IntEnum):
    """What a classifier answers about a pair of user and item; the number is its place in learned arrays."""

    CLICKED = 0  # will the user pick the item, and like it?
    LIKED = 1  # if they pick it, will they like it?


class Examples(NamedTuple):
    """What a classifier learns from.

    Attributes:
        features: Click features, shape (P, F).
        labels: Whether the answer is yes; both answers are there, shape (P,).
    """

    features: NDArray[np.float64]
    labels: NDArray[np.bool_]


class ClickRanker(Recommender):
    """Base of the recommenders on click features; a subclass brings the classifiers.

    The score is the probability that the user picks an item and likes it, as among the training pairs: its
    level depends on `negatives_per_rating`. A new user is ranked with the features of nobody's history, an
    item without ratings with those of an average item of its genres and year.

    Args:
        like_threshold: Rating, in points, from which on a rated pair counts as a click.
        negatives_per_rating: Pairs without rating sampled for each rating: an item drawn uniformly
            from the catalogue for the same user at the same time.
        n_candidates: Items ranked for each user.
        n_folds: Folds of the out-of-fold features.
        unknown_share: Share of rated pairs from which liking is learned as if their user were new. Hardly
            anybody is new in the training window, and most users after it are: without this, the
            probabilities of new users are too sure.

    Attributes:
        features_: Statistics of the whole history.
        year_: Year of the latest rating of the history, in which slates are served, shape ().

    Raises:
        ParameterError: A hyper-parameter is out of its bound.
    """

    features_: ClickFeatures
    year_: NDArray[np.float64]

    def __init__(
        self,
        *,
        like_threshold: float,
        negatives_per_rating: int,
        n_candidates: int,
        n_folds: int,
        unknown_share: float,
    ) -> None:
        self.like_threshold = real_number("like_threshold", like_threshold, low=0, above=True)
        self.negatives_per_rating = whole_number("negatives_per_rating", negatives_per_rating, low=1)
        self.n_candidates = whole_number("n_candidates", n_candidates, low=1)
        self.n_folds = whole_number("n_folds", n_folds, low=2)
        self.unknown_share = real_number("unknown_share", unknown_share, low=0, high=1)

    def click_probability(
        self, user_ids: ArrayLike, item_ids: ArrayLike, years: ArrayLike | None = None
    ) -> NDArray[np.float64]:
        """Predict whether users will like what they pick, for pairs of users and items, known or new.

        An item outside the catalogue counts as one without ratings, in all else as the mean of the
        catalogue.

        Args:
            user_ids: User of each pair, shape (P,).
            item_ids: Item of each pair, shape (P,).
            years: Calendar year in which each pair meets, shape (P,), or one for all; None for the year of
                the latest rating of the history.

        Returns:
            Probabilities of a click if the user rates the item, shape (P,).

        Raises:
            NotFittedError: The recommender is not fitted.
            ParameterError: The arguments differ in shape, or a year is no finite number.
        """
        self._check_fitted()
        users, items = as_pairs(user_ids, item_ids)
        if not len(users):
            return np.empty(0)
        pairs = self._with_item_outside().transform(
            self.features_.user_rows(users), positions_in(self.item_ids_, items), self._years(years, users)
        )
        return np.round(self._predict(Question.LIKED, pairs), SCORE_DECIMALS)

    def _years(self, years: ArrayLike | None, users: NDArray[np.int64]) -> NDArray[np.float64]:
        given = np.asarray(self.year_ if years is None else years, dtype=np.float64)
        if given.shape not in ((), users.shape) or not np.isfinite(given).all():
            raise ParameterError(
                "years", years, f"finite numbers of shape {users.shape}", "Give the year of each pair."
            )
        return np.broadcast_to(given, users.shape)

    def _with_item_outside(self) -> ClickFeatures:
        """Features with one item more, the last, for all items outside the catalogue."""
        features = self.features_
        item_stats = np.vstack([features.item_stats, features.item_stats.mean(axis=0)])
        item_stats[-1, :3] = -np.log(self.popularity_.mean() + 1.0), 0.0, 0.0
        return replace(
            features,
            item_year=np.append(features.item_year, features.item_year.mean()),
            item_genres=np.vstack([features.item_genres, features.item_genres.mean(axis=0)]),
            item_decades=np.vstack([features.item_decades, features.item_decades.mean(axis=0)]),
            item_stats=item_stats,
        )

    def _fit(self, history: pd.DataFrame, items: pd.DataFrame, seed: int) -> None:
        rng = np.random.default_rng(seed)
        catalogue = Catalogue.of(items, self.item_ids_)
        users = history["user_id"].to_numpy(np.int64)
        rated = self._item_positions(history)
        ratings = history["rating"].to_numpy(np.float64)
        years = history["timestamp"].dt.year.to_numpy(np.float64)

        asked, shown = self._sample_negatives(users, rated, rng)
        pair_users = np.concatenate([users, users[asked]])
        pair_items = np.concatenate([rated, shown])
        pair_years = np.concatenate([years, years[asked]])
        liked = ratings >= self.like_threshold
        if liked.all() or not liked.any():
            raise DataError(
                f"{liked.sum()} of {len(liked)} training ratings are clicks at like_threshold = "
                f"{self.like_threshold:g}: a click model needs some with and some without. "
                "Move like_threshold, or widen the training window."
            )

        as_new = rng.random(len(pair_users)) < self.unknown_share

        def learn(rows: NDArray[np.bool_]) -> ClickFeatures:
            return ClickFeatures.fit(catalogue, users[rows], rated[rows], ratings[rows], self.like_threshold)

        def encode(others: NDArray[np.bool_], own: NDArray[np.bool_]) -> NDArray[np.float64]:
            # Sampled pairs belong to folds as well: encoded on all ratings, their larger counts would
            # give away that they are not rated.
            features = learn(others[: len(users)])
            known = features.user_rows(pair_users[own])
            some_new = np.where(as_new[own], features.new_user, known)
            return np.hstack(
                [features.transform(rows, pair_items[own], pair_years[own]) for rows in (known, some_new)]
            )

        folds = assign_folds(len(pair_users), self.n_folds, rng)
        encoded = encode_out_of_fold(folds, self.n_folds, encode)
        of_all, of_rated = encoded[:, : encoded.shape[1] // 2], encoded[: len(users), encoded.shape[1] // 2 :]
        clicked = np.concatenate([liked, np.zeros(len(asked), dtype=bool)])
        self._fit_classifiers(Examples(of_all, clicked), Examples(of_rated, liked), seed)
        self.features_ = learn(np.ones(len(users), dtype=bool))
        self.year_ = np.array(years.max())

    def _sample_negatives(
        self, users: NDArray[np.int64], rated: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ratings whose user and time a negative takes, and the item that user never rated."""
        n_items = len(self.item_ids_)
        asked = np.repeat(np.arange(len(users)), self.negatives_per_rating)
        shown = rng.integers(n_items, size=len(asked))
        _, rows = np.unique(users, return_inverse=True)
        unrated = ~np.isin(rows[asked] * n_items + shown, rows * n_items + rated)
        return asked[unrated], shown[unrated]

    def _score(self, users: NDArray[np.int64], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
        rows = self.features_.user_rows(users)
        strength = np.round(self.features_.affinity(rows), SCORE_DECIMALS)
        strength[seen] = -np.inf
        n_candidates = min(self.n_candidates, seen.shape[1])
        candidates = np.argpartition(-strength, n_candidates - 1, axis=1)[:, :n_candidates]
        pairs = self.features_.transform(
            np.repeat(rows, n_candidates), candidates.ravel(), np.full(candidates.size, float(self.year_))
        )
        clicks = np.round(self._predict(Question.CLICKED, pairs), SCORE_DECIMALS).reshape(candidates.shape)
        scores = np.full(seen.shape, -np.inf)
        np.put_along_axis(scores, candidates, clicks, axis=1)
        return scores

    @abstractmethod
    def _fit_classifiers(self, clicks: Examples, likes: Examples, seed: int) -> None:
        """Learn to answer both questions."""

    @abstractmethod
    def _predict(self, question: Question, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability of a yes for pairs with features (P, F), shape (P,)."""

    def _state(self) -> dict[str, NDArray[Any]]:
        state = super()._state()
        del state["features_"]
        return state | {f"features_.{name}": array for name, array in asdict(self.features_).items()}

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        names = {f"features_.{field.name}": field.name for field in fields(ClickFeatures)}
        super()._restore({name: array for name, array in state.items() if name not in names})
        self.features_ = ClickFeatures(**{field: state[name] for name, field in names.items()})
