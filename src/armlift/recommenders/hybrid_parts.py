"""What all hybrids share: parts that are fitted, saved and loaded together, and scales on which they mix."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from armlift.errors import ParameterError
from armlift.recommenders.base import SCORE_DECIMALS, Recommender
from armlift.recommenders.registry import create_recommender, load_recommender

#: Damps the head of a reciprocal rank (Cormack, Clarke and Büttcher 2009).
RANK_OFFSET = 60.0

PartParams = Mapping[str, Mapping[str, Any]]


class Hybrid(Recommender):
    """Base of the recommenders made of other recommenders, their parts.

    A part is fitted once, on the whole history with the hybrid's seed, whatever roles it has; it is saved
    in a folder of its own below the hybrid's, `parts/<name>`. A part may be a hybrid itself.

    Args:
        parts: Hyper-parameters of each part by the name of its recommender, two parts or more; those left
            out are added.

    Attributes:
        parts_: The fitted parts by name, all over the hybrid's own catalogue.
        user_ids_: Users of the history, sorted, shape (U,).
        activity_: Ratings of each of them, and 0 for the new user, shape (U + 1,).

    Raises:
        ParameterError: Fewer than two parts, no such recommender, or a hyper-parameter out of its bound.
    """

    parts_: dict[str, Recommender]
    user_ids_: NDArray[np.int64]
    activity_: NDArray[np.int64]

    def __init__(self, *, parts: PartParams) -> None:
        if not isinstance(parts, Mapping) or len(parts) < 2:
            raise ParameterError(
                "parts",
                parts,
                "hyper-parameters by name of at least 2 recommenders",
                "Name the recommenders to combine, such as {ease: {}, popularity: {}}.",
            )
        self.parts = {name: create_recommender(name, **own).params for name, own in parts.items()}

    def _fit_parts(self, history: pd.DataFrame, items: pd.DataFrame, seed: int) -> dict[str, Recommender]:
        return {
            name: create_recommender(name, **own).fit(history, items, seed=seed)
            for name, own in self.parts.items()
        }

    def _fit(self, history: pd.DataFrame, items: pd.DataFrame, seed: int) -> None:
        self.parts_ = self._fit_parts(history, items, seed)
        self.user_ids_, activity = np.unique(history["user_id"].to_numpy(np.int64), return_counts=True)
        self.activity_ = np.append(activity, 0)

    def _activity(self, users: NDArray[np.int64]) -> NDArray[np.int64]:
        """Number of ratings of users in the history, shape as given."""
        # get_indexer says -1 for a new user, which is the last row.
        return self.activity_[pd.Index(self.user_ids_).get_indexer(pd.Index(users))]

    def _mix(
        self,
        users: NDArray[np.int64],
        seen: NDArray[np.bool_],
        weights: NDArray[np.float64],
        scale: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    ) -> NDArray[np.float64]:
        """Add the parts' scores, put on a common scale.

        Args:
            users: Shape (U,).
            seen: Pairs that are out of the question, shape (U, I).
            weights: Weight of each part for each user, shape (U, parts).
            scale: Puts the scores of a part, (U, I), on the common scale.

        Returns:
            Scores, shape (U, I); -inf where no part of positive weight has a candidate.
        """
        total, candidate = np.zeros(seen.shape), np.zeros(seen.shape, dtype=bool)
        for part, weight in zip(self.parts_.values(), weights.T[:, :, np.newaxis], strict=True):
            if weight.any():
                scores = unseen_scores(part, users, seen)
                total += weight * scale(scores)
                candidate |= (scores > -np.inf) & (weight > 0)
        return np.where(candidate, np.round(total, SCORE_DECIMALS), -np.inf)

    def save(self, path: Path | str) -> None:
        """Write the fitted hybrid to a folder, each part to a folder below `parts` in it.

        Args:
            path: Folder, made if missing; an older recommender in it is overwritten.

        Raises:
            NotFittedError: The recommender is not fitted.
        """
        super().save(path)
        for name, part in self.parts_.items():
            part.save(Path(path) / "parts" / name)

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a hybrid that `save` wrote, with its parts.

        Args:
            path: Folder given to `save`.

        Returns:
            The fitted hybrid.

        Raises:
            DataFileError: The folder holds no recommender, or one of another class, or lacks a part.
        """
        hybrid = super().load(path)
        hybrid.parts_ = {name: load_recommender(Path(path) / "parts" / name) for name in hybrid.parts}
        return hybrid

    def _state(self) -> dict[str, NDArray[Any]]:
        state = super()._state()
        del state["parts_"]
        return state


def unseen_scores(
    part: Recommender, users: NDArray[np.int64], seen: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Scores of a part, shape (U, I), -inf at the `seen` pairs (U, I) and beyond the part's candidates."""
    return part._unseen_scores(users, seen)


def standardise(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put scores on a common scale: mean 0 and standard deviation 1 over each user's candidates.

    Args:
        scores: Scores of a part, -inf beyond its candidates, shape (U, I).

    Returns:
        Standardised scores, finite, shape (U, I): an item beyond the candidates counts as the worst of
        them; scores that are all alike, or none at all, become 0.

    Example:
        >>> standardise(np.array([[1.0, 3.0, -np.inf]])).tolist()
        [[-1.0, 1.0, -1.0]]
    """
    candidate = scores > -np.inf
    count = np.maximum(candidate.sum(axis=1, keepdims=True), 1)
    finite = np.where(candidate, scores, 0.0)
    distance = np.where(candidate, finite - finite.sum(axis=1, keepdims=True) / count, 0.0)
    deviation = np.sqrt((distance**2).sum(axis=1, keepdims=True) / count)
    # Scores are equal where only rounding tells them apart.
    alike = deviation < 10.0**-SCORE_DECIMALS
    standard = np.where(alike, 0.0, distance / np.where(alike, 1.0, deviation))
    worst = np.minimum(standard.min(axis=1, keepdims=True, where=candidate, initial=np.inf), 0.0)
    return np.where(candidate, standard, worst)


def reciprocal_rank(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put scores on a common scale by their order alone: 1 / (60 + rank), the best item of a user first.

    Args:
        scores: Scores of a part, -inf beyond its candidates, shape (U, I).

    Returns:
        Reciprocal ranks, shape (U, I), times 61, so that the best gets 1; tied items share their mean
        rank, and items beyond the candidates get 0.

    Example:
        >>> reciprocal_rank(np.array([[5.0, 7.0, -np.inf]])).round(3).tolist()
        [[0.984, 1.0, 0.0]]
    """
    from scipy.stats import rankdata

    ranks = np.asarray(rankdata(-scores, axis=1), dtype=np.float64)
    return np.where(scores > -np.inf, (RANK_OFFSET + 1.0) / (RANK_OFFSET + ranks), 0.0)


SCALES = {"standard": standardise, "reciprocal_rank": reciprocal_rank}
"""Scales on which the scores of different recommenders can be added, by name."""
