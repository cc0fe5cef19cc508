"""Hybrids: recommenders that combine others (Burke 2002) by weights, by user activity, or by stacking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from armlift.datasets import temporal_split
from armlift.errors import DataError, ParameterError
from armlift.recommenders.bounds import real_number, whole_number
from armlift.recommenders.hybrid_parts import SCALES, Hybrid, PartParams, standardise, unseen_scores
from armlift.recommenders.stacking import Choice, choice_weights

RECENTLY_POPULAR = {"popularity": {"half_life_days": 365.0}}
"""What suits everybody, new users first: popularity that forgets."""


class WeightedHybrid(Hybrid):
    """Rank items by a weighted sum of the parts' scores.

    Parts score on scales of their own (ratings, probabilities, counts), so each part's scores are first
    put on a common scale, for each user by themselves: `standard`, with mean 0 and standard deviation 1
    over the part's candidates, keeps how clearly a part prefers an item; `reciprocal_rank` keeps its
    order alone and counts the head of it most. An item that no part of positive weight has among its
    candidates is none of the hybrid's either. New users and items are answered by the parts.

    Args:
        parts: Hyper-parameters of each part by the name of its recommender, two parts or more; by default
            recent popularity, logistic regression and SVD.
        weights: Weight of each part, at least 0 and not all 0; equal weights by default.
        scale: `standard` or `reciprocal_rank`.

    Raises:
        ParameterError: A hyper-parameter is out of its bound, or a part's is.
    """

    def __init__(
        self,
        *,
        parts: PartParams | None = None,
        weights: Mapping[str, float] | None = None,
        scale: str = "standard",
    ) -> None:
        super().__init__(
            parts=RECENTLY_POPULAR | {"logistic_regression": {}, "svd": {}} if parts is None else parts
        )
        weights = dict.fromkeys(self.parts, 1.0) if weights is None else weights
        if not isinstance(weights, Mapping) or set(weights) != set(self.parts):
            raise ParameterError(
                "weights", weights, f"one number for each of {', '.join(self.parts)}", "Name each part once."
            )
        self.weights = {name: real_number(f"weights.{name}", weights[name], low=0) for name in self.parts}
        if not any(self.weights.values()):
            raise ParameterError("weights", weights, "a sum above 0", "Give some part a positive weight.")
        if scale not in SCALES:
            raise ParameterError("scale", scale, f"one of {', '.join(SCALES)}", "Choose one of these.")
        self.scale = scale

    def _score(self, users: NDArray[np.int64], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
        weights = np.tile(list(self.weights.values()), (len(users), 1))
        return self._mix(users, seen, weights, SCALES[self.scale])


class SwitchingHybrid(Hybrid):
    """Let a user's activity decide which part answers: the number of their ratings in the history.

    The first part answers for new users and those with few ratings, the last for the most active ones.

    Args:
        parts: Hyper-parameters of each part by the name of its recommender, in the order of activity; by
            default recent popularity, then EASE.
        thresholds: Ratings from which on the next part answers, one fewer than parts, rising, each at
            least 1.

    Raises:
        ParameterError: A hyper-parameter is out of its bound, or a part's is.
    """

    def __init__(self, *, parts: PartParams | None = None, thresholds: Sequence[int] = (50,)) -> None:
        super().__init__(parts=RECENTLY_POPULAR | {"ease": {}} if parts is None else parts)
        if (
            isinstance(thresholds, str)
            or not isinstance(thresholds, Sequence)
            or len(thresholds) != len(self.parts) - 1
        ):
            raise ParameterError(
                "thresholds",
                thresholds,
                f"{len(self.parts) - 1} numbers of ratings for {len(self.parts)} parts",
                "Say from how many ratings on each part but the first answers.",
            )
        self.thresholds: list[int] = []
        for number, value in enumerate(thresholds):
            low = self.thresholds[-1] + 1 if number else 1
            self.thresholds.append(whole_number(f"thresholds[{number}]", value, low=low))

    def _score(self, users: NDArray[np.int64], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
        level = np.searchsorted(self.thresholds, self._activity(users), side="right")
        scores = np.empty(seen.shape)
        for number, part in enumerate(self.parts_.values()):
            rows = level == number
            if rows.any():
                scores[rows] = unseen_scores(part, users[rows], seen[rows])
        return scores


class StackedHybrid(Hybrid):
    """Rank items by a sum of the parts' scores whose weights are learned (Wolpert 1992).

    The history itself is split at one moment. Parts fitted on what came before it score the users who
    rate after it, the new ones among them; the second level learns the weights under which the items
    that those users then liked rise to the top, among the candidates that some part ranks high. Weights
    glide with the user's activity (feature-weighted linear stacking, Sill et al. 2009): with n ratings,
    weight = (new user's weight * half + busy user's weight * n) / (half + n). At last the parts are
    refitted on the whole history. Nothing outside of it is ever looked at.

    A history too short for that, or a window in which nobody likes a candidate, teaches nothing: then all
    weights are 1. Scores of an item beyond a part's candidates count as the worst of them.

    Args:
        parts: Hyper-parameters of each part by the name of its recommender, two parts or more; by default
            recent popularity, logistic regression, SVD and EASE.
        validation_share: Share of the ratings, the latest, that teaches the weights.
        like_threshold: Rating, in points, from which on a picked item counts as liked.
        n_candidates: Best items of each part among which the second level learns to choose.
        half_activity: Number of ratings at which a user is half new, half busy.
        regularization: Pull of the weights towards 0, see `choice_weights`.

    Attributes:
        weights_: Weights of the new user's and the busy user's parts, shape (2, parts).

    Raises:
        ParameterError: A hyper-parameter is out of its bound, or a part's is.
    """

    weights_: NDArray[np.float64]

    def __init__(
        self,
        *,
        parts: PartParams | None = None,
        validation_share: float = 0.2,
        like_threshold: float = 4.0,
        n_candidates: int = 100,
        half_activity: float = 20.0,
        regularization: float = 1.0,
    ) -> None:
        super().__init__(
            parts=RECENTLY_POPULAR | {"logistic_regression": {}, "svd": {}, "ease": {}}
            if parts is None
            else parts
        )
        self.validation_share = real_number("validation_share", validation_share, low=0, high=0.9, above=True)
        self.like_threshold = real_number("like_threshold", like_threshold, low=0, above=True)
        self.n_candidates = whole_number("n_candidates", n_candidates, low=1)
        self.half_activity = real_number("half_activity", half_activity, low=0, above=True)
        self.regularization = real_number("regularization", regularization, low=0, above=True)

    def _fit(self, history: pd.DataFrame, items: pd.DataFrame, seed: int) -> None:
        choices = self._choices(history, items, seed)
        n_parts = len(self.parts)
        weights = choice_weights(choices, self.regularization) if choices else np.ones(2 * n_parts)
        self.weights_ = weights.reshape(2, n_parts)
        super()._fit(history, items, seed)

    def _choices(self, history: pd.DataFrame, items: pd.DataFrame, seed: int) -> list[Choice]:
        """What the users of the validation window could have picked, and what they did."""
        try:
            split = temporal_split(history, self.validation_share)
            parts = self._fit_parts(split.train, items, seed).values()
        except DataError:
            return []
        catalogue = next(iter(parts)).item_ids_
        liked = split.test[split.test["rating"] >= self.like_threshold]
        choices = []
        for user in liked["user_id"].unique().tolist():
            own = split.train[split.train["user_id"] == user]
            scores = np.concatenate([part.score([user], own) for part in parts])
            candidates = _candidates(scores, self.n_candidates)
            chosen = np.isin(catalogue[candidates], liked.loc[liked["user_id"] == user, "item_id"])
            if chosen.any():
                standard = standardise(scores)[:, candidates]
                busy = self._busy(len(own))
                choices.append(Choice(np.concatenate([(1.0 - busy) * standard, busy * standard]).T, chosen))
        return choices

    def _busy(self, activity: ArrayLike) -> NDArray[np.float64]:
        """How far users of given numbers of ratings are from new, 0, to busy, 1, shape as given."""
        ratings = np.asarray(activity, dtype=np.float64)
        return ratings / (ratings + self.half_activity)

    def _score(self, users: NDArray[np.int64], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
        busy = self._busy(self._activity(users))
        weights = np.stack([1.0 - busy, busy], axis=1) @ self.weights_
        return self._mix(users, seen, weights, standardise)


def _candidates(scores: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """Positions that are among the `n` best of some part, of scores (parts, I)."""
    n = min(n, scores.shape[1])
    best = np.argpartition(-scores, n - 1, axis=1)[:, :n]
    return np.unique(best[np.take_along_axis(scores, best, axis=1) > -np.inf])
