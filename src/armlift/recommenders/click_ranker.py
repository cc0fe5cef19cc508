"""Two-stage recommenders that rank by the probability of a click, as production systems do.

Stage one draws candidates for each user: the unseen items strongest by popularity times the user's taste
in genres and decades. Stage two computes the click features of the candidates and ranks them with a
fitted classifier. A click here is a rating of at least `like_threshold`: the user picked the item, and
liked it. The classifier learns it from the rated pairs, and from sampled pairs without rating, labelled 0.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from armlift.errors import DataError, ParameterError
from armlift.recommenders.base import SCORE_DECIMALS, Recommender
from armlift.recommenders.bounds import real_number, whole_number
from armlift.recommenders.encoding import assign_folds, encode_out_of_fold
from armlift.recommenders.features import Catalogue, ClickFeatures
from armlift.recommenders.interactions import as_pairs, positions_in


class ClickRanker(Recommender):
    """Base of the recommenders on click features; a subclass brings the classifier.

    The score is the probability of a click, as among the training pairs: its level depends on
    `negatives_per_rating`. A new user is ranked with the features of nobody's history, an item without
    ratings with those of an average item of its genres and year.

    Args:
        like_threshold: Rating, in points, from which on a rated pair counts as a click.
        negatives_per_rating: Pairs without rating sampled for each rating: an item drawn uniformly
            from the catalogue for the same user at the same time.
        n_candidates: Items ranked for each user.
        n_folds: Folds of the out-of-fold features.

    Attributes:
        features_: Statistics of the whole history.
        year_: Year of the latest rating of the history, in which slates are served, shape ().

    Raises:
        ParameterError: A hyper-parameter is out of its bound.
    """

    features_: ClickFeatures
    year_: NDArray[np.float64]

    def __init__(
        self, *, like_threshold: float, negatives_per_rating: int, n_candidates: int, n_folds: int
    ) -> None:
        self.like_threshold = real_number("like_threshold", like_threshold, low=0, above=True)
        self.negatives_per_rating = whole_number("negatives_per_rating", negatives_per_rating, low=1)
        self.n_candidates = whole_number("n_candidates", n_candidates, low=1)
        self.n_folds = whole_number("n_folds", n_folds, low=2)

    def click_probability(
        self, user_ids: ArrayLike, item_ids: ArrayLike, years: ArrayLike | None = None
    ) -> NDArray[np.float64]:
        """Predict the clicks of pairs of users and items, known or new, without choosing candidates.

        An item outside the catalogue counts as one without ratings, in all else as the mean of the
        catalogue.

        Args:
            user_ids: User of each pair, shape (P,).
            item_ids: Item of each pair, shape (P,).
            years: Calendar year in which each pair meets, shape (P,), or one for all; None for the year of
                the latest rating of the history.

        Returns:
            Probabilities of a click, as among the training pairs, shape (P,).

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
        return np.round(self._predict(pairs), SCORE_DECIMALS)

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
        item_stats[-1, 0] = -np.log(self.popularity_.mean() + 1.0)
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
        clicks = np.concatenate([ratings >= self.like_threshold, np.zeros(len(asked), dtype=bool)])
        if clicks.all() or not clicks.any():
            raise DataError(
                f"{clicks.sum()} of {len(clicks)} training pairs are clicks at like_threshold = "
                f"{self.like_threshold:g}: a click model needs some with and some without. "
                "Move like_threshold, or widen the training window."
            )

        def learn(rows: NDArray[np.bool_]) -> ClickFeatures:
            return ClickFeatures.fit(catalogue, users[rows], rated[rows], ratings[rows], self.like_threshold)

        def encode(others: NDArray[np.bool_], own: NDArray[np.bool_]) -> NDArray[np.float64]:
            # Sampled pairs belong to folds as well: encoded on all ratings, their larger counts would
            # give away that they are not rated.
            features = learn(others[: len(users)])
            return features.transform(features.user_rows(pair_users[own]), pair_items[own], pair_years[own])

        folds = assign_folds(len(clicks), self.n_folds, rng)
        self._fit_classifier(encode_out_of_fold(folds, self.n_folds, encode), clicks, seed)
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
        clicks = np.round(self._predict(pairs), SCORE_DECIMALS).reshape(candidates.shape)
        scores = np.full(seen.shape, -np.inf)
        np.put_along_axis(scores, candidates, clicks, axis=1)
        return scores

    @abstractmethod
    def _fit_classifier(self, features: NDArray[np.float64], clicks: NDArray[np.bool_], seed: int) -> None:
        """Learn the probability of a click from features (P, F) and labels (P,), both classes there."""

    @abstractmethod
    def _predict(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability of a click of pairs with features (P, F), shape (P,)."""

    def _state(self) -> dict[str, NDArray[Any]]:
        state = super()._state()
        del state["features_"]
        return state | {f"features_.{name}": array for name, array in asdict(self.features_).items()}

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        names = {f"features_.{field.name}": field.name for field in fields(ClickFeatures)}
        super()._restore({name: array for name, array in state.items() if name not in names})
        self.features_ = ClickFeatures(**{field: state[name] for name, field in names.items()})
