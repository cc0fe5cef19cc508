"""Ranking metrics at k, from scores or from slates, for all users at once.

Items of one score have no order. Each metric is the mean over all their orders, computed in closed form: a
relevant item tied with one other stands half the time before it. So no metric depends on the order of the
catalogue, and a recommender that scores all items alike gets what a random one expects.

Source: McSherry and Najork, "Computing information retrieval performance measures efficiently in the presence
of tied scores" (2008); Järvelin and Kekäläinen (2002) for NDCG.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armlift.errors import ParameterError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Ranks:
    """Where the P relevant items of U lists stand.

    Attributes:
        row: List that the item is relevant to, 0 <= row < lists, shape (P,); every list occurs.
        above: Items ranked strictly higher, shape (P,); `depth` stands for that many or more.
        tied: Items of the same score, the item itself included, shape (P,).
        lists: Number of lists U.
        depth: Largest k that metrics can be asked for.

    Raises:
        ParameterError: A list has no relevant item, so that no metric is defined for it.
    """

    row: Integers
    above: Integers
    tied: Integers
    lists: int
    depth: int

    def __post_init__(self) -> None:
        empty = np.flatnonzero(self.relevant == 0)
        if empty.size:
            raise ParameterError(
                "row", f"no item of list {empty[0]}", "a relevant item in every list", "Leave this list out."
            )

    @property
    def relevant(self) -> Integers:
        """Relevant items of each list, retrieved or not, shape (U,)."""
        return np.bincount(self.row, minlength=self.lists).astype(np.int64)

    @classmethod
    def from_scores(cls, scores: ArrayLike, row: ArrayLike, column: ArrayLike, depth: int) -> Self:
        """Rank relevant items by the scores of all items.

        Args:
            scores: Higher is better, shape (U, I); -inf for what is no candidate and never retrieved.
            row: List of each relevant item, shape (P,).
            column: Its column in `scores`, shape (P,); -1 for an item that is not among them.
            depth: Largest k of interest, at least 1.

        Raises:
            ParameterError: A score is NaN, `depth` is below 1, or a list has no relevant item.

        Example:
            >>> ranks = Ranks.from_scores([[0.9, 0.5, 0.5, 0.1]], row=[0], column=[2], depth=2)
            >>> ranks.above, ranks.tied
            (array([1]), array([2]))
            >>> recall(ranks, 2)
            array([0.5])
        """
        scores = np.asarray(scores, float)
        row, column = np.asarray(row, np.int64), np.asarray(column, np.int64)
        if np.isnan(scores).any():
            raise ParameterError("scores", np.nan, "no NaN", "Give -inf to what is no candidate.")
        _check_k(depth, depth)
        # Only the first `depth` places count: partitioning costs a fraction of sorting.
        kept = min(depth, scores.shape[1])
        top = np.partition(scores, -kept, axis=1)[:, -kept:]
        threshold = top.min(axis=1)
        own = np.where(column >= 0, scores[row, column], -np.inf)
        above = (top[row] > own[:, np.newaxis]).sum(axis=1)
        at_threshold = (scores == threshold[:, np.newaxis]).sum(axis=1)
        tied = np.where(own > threshold[row], (top[row] == own[:, np.newaxis]).sum(axis=1), at_threshold[row])
        retrieved = (own >= threshold[row]) & (own > -np.inf)
        return cls(row, np.where(retrieved, above, depth), np.where(retrieved, tied, 1), len(scores), depth)

    @classmethod
    def from_slates(cls, slates: ArrayLike, row: ArrayLike, item: ArrayLike) -> Self:
        """Take the order of slates, in which nothing ties.

        Args:
            slates: Items shown, best first, each once in a slate, shape (U, depth).
            row: List of each relevant item, shape (P,).
            item: The relevant item, shape (P,).

        Raises:
            ParameterError: A list has no relevant item.

        Example:
            >>> ndcg(Ranks.from_slates([[7, 8, 9]], row=[0, 0], item=[7, 5]), 3).round(4)
            array([0.6131])
        """
        slates = np.asarray(slates)
        row = np.asarray(row, np.int64)
        shown = slates[row] == np.asarray(item)[:, np.newaxis]
        depth = slates.shape[1]
        place = np.where(shown.any(axis=1), shown.argmax(axis=1), depth)
        return cls(row, place, np.ones_like(row), len(slates), depth)


def retrieved(ranks: Ranks, k: int) -> Floats:
    """Chance of each relevant item to stand among the first k, shape (P,)."""
    return _expected(ranks, k, np.ones(k))


def gain(ranks: Ranks, k: int) -> Floats:
    """Expected discounted gain of each relevant item, 1 / log2(1 + rank) up to rank k, shape (P,)."""
    return _expected(ranks, k, discounts(k))


def discounts(k: int) -> Floats:
    """Gain of ranks 1 to k, 1 / log2(1 + rank), shape (k,)."""
    weights: Floats = 1.0 / np.log2(np.arange(2.0, k + 2.0))
    return weights


def precision(ranks: Ranks, k: int) -> Floats:
    """Share of the first k that is relevant, shape (U,)."""
    return _sum_by_list(ranks, retrieved(ranks, k)) / k


def recall(ranks: Ranks, k: int) -> Floats:
    """Share of the relevant items among the first k, shape (U,)."""
    shares: Floats = _sum_by_list(ranks, retrieved(ranks, k)) / ranks.relevant
    return shares


def ndcg(ranks: Ranks, k: int) -> Floats:
    """Discounted gain of the first k over that of the ideal list, shape (U,)."""
    ideal = np.cumsum(discounts(k))
    normalised: Floats = _sum_by_list(ranks, gain(ranks, k)) / ideal[np.minimum(ranks.relevant, k) - 1]
    return normalised


def average_precision(ranks: Ranks, k: int) -> Floats:
    """Mean of the precision at each relevant item's rank, 0 beyond k, over min(k, relevant), shape (U,)."""
    _check_k(k, ranks.depth)
    groups = _tie_groups(ranks)
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, k + 1))])
    first, last = np.minimum(groups.above, k), np.minimum(groups.above + groups.tied, k)
    # Relevant items of the own group that stand before a relevant one, for each place it is further down.
    others = (groups.relevant - 1) / np.maximum(groups.tied - 1, 1)
    at_first = groups.before + 1 - others * (groups.above + 1)
    precisions = at_first * (harmonic[last] - harmonic[first]) + others * (last - first)
    total = np.bincount(groups.row, precisions * groups.relevant / groups.tied, minlength=ranks.lists)
    means: Floats = total / np.minimum(ranks.relevant, k)
    return means


def reciprocal_rank(ranks: Ranks, k: int) -> Floats:
    """1 / rank of the first relevant item, 0 beyond k, shape (U,)."""
    expected: Floats = _first_relevant(ranks, k) @ (1.0 / np.arange(1, k + 1))
    return expected


def hit_rate(ranks: Ranks, k: int) -> Floats:
    """Chance that a relevant item stands among the first k, shape (U,)."""
    chance: Floats = _first_relevant(ranks, k).sum(axis=1)
    return chance


@dataclass(frozen=True, eq=False)
class _TieGroups:
    """Groups of tied items with relevant ones among them, shape (G,), best first in each list."""

    row: Integers
    above: Integers
    tied: Integers
    relevant: Integers
    before: Integers
    """Relevant items in better groups."""
    best: Integers
    """The best group of each list, shape (U,)."""


def _tie_groups(ranks: Ranks) -> _TieGroups:
    key = ranks.row * (ranks.depth + 1) + ranks.above
    _, member, relevant = np.unique(key, return_index=True, return_counts=True)
    row = ranks.row[member]
    best = np.searchsorted(row, np.arange(ranks.lists))
    earlier = np.cumsum(relevant) - relevant
    return _TieGroups(
        row, ranks.above[member], ranks.tied[member], relevant, earlier - earlier[best[row]], best
    )


def _first_relevant(ranks: Ranks, k: int) -> Floats:
    """Chance that the first relevant item has rank 1, ..., k, shape (U, k)."""
    _check_k(k, ranks.depth)
    groups = _tie_groups(ranks)
    above, tied, relevant = (
        column[groups.best, np.newaxis] for column in (groups.above, groups.tied, groups.relevant)
    )
    passed = np.arange(k) - above  # items of the group before this rank
    missing = np.maximum(tied - relevant - passed, 0) / np.maximum(tied - passed, 1)
    none_so_far = np.cumprod(np.where(passed >= 0, missing, 1.0), axis=1)
    return -np.diff(none_so_far, axis=1, prepend=1.0)


def _expected(ranks: Ranks, k: int, weights: Floats) -> Floats:
    """Mean over the orders of ties of the weight of each relevant item's rank, 0 beyond k, shape (P,)."""
    _check_k(k, ranks.depth)
    cumulative = np.concatenate([[0.0], np.cumsum(weights)])
    first, last = np.minimum(ranks.above, k), np.minimum(ranks.above + ranks.tied, k)
    expected: Floats = (cumulative[last] - cumulative[first]) / ranks.tied
    return expected


def _sum_by_list(ranks: Ranks, values: Floats) -> Floats:
    return np.bincount(ranks.row, values, minlength=ranks.lists).astype(np.float64)


def _check_k(k: int, depth: int) -> None:
    if not 1 <= k <= depth:
        raise ParameterError("k", k, f"1 <= k <= {max(depth, 1)}, the depth of the lists", "Change k.")
