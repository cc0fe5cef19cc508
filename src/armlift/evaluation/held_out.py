"""Who is tested, on what, and how the catalogue is scored for them, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from armlift.datasets import Split
from armlift.errors import DataError
from armlift.recommenders.base import SCORES_IN_MEMORY, Recommender

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Block(NamedTuple):
    """Some of the users, and what a recommender thinks of the catalogue for them.

    Attributes:
        user_ids: Shape (B,).
        scores: The order in which `recommend` would fill slates, shape (B, I): beyond the recommender's own
            candidates by popularity; -inf for items rated in train.
        row: Row of each liked item's user, ascending, shape (L,).
        column: Column of the liked item, -1 where it is not in the catalogue, shape (L,).
        tested_row: Row of each rated test item's user, shape (T,).
        tested_column: Column of the rated test item, -1 where it is not in the catalogue, shape (T,).
    """

    user_ids: Integers
    scores: Floats
    row: Integers
    column: Integers
    tested_row: Integers
    tested_column: Integers


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The users who like something in test.

    Attributes:
        users: `user_id` ascending, `train_ratings`, `cold_start`, `liked`; one row a user.
        liked: `user_id`, `item_id` of the liked test items, by user and item.
        tested: The same of all rated test items of these users.
        seen: The same of all their train ratings.
    """

    users: pd.DataFrame
    liked: pd.DataFrame
    tested: pd.DataFrame
    seen: pd.DataFrame

    @classmethod
    def of(cls, split: Split, like_threshold: float | None) -> Self:
        """Find the users of a split.

        Args:
            split: Train and test ratings.
            like_threshold: Rating from which on an item is liked; None for any rating.

        Raises:
            DataError: Nobody likes anything.
        """
        likes = split.test["rating"] >= (-np.inf if like_threshold is None else like_threshold)
        if not likes.any():
            raise DataError(
                f"none of {len(likes)} test ratings reaches like_threshold = {like_threshold}: there is "
                "nothing to rank. Lower the threshold."
            )
        liked = _by_user(split.test[likes])
        user_ids, n_liked = np.unique(liked["user_id"].to_numpy(), return_counts=True)
        tested, seen = (
            _by_user(ratings[ratings["user_id"].isin(user_ids)]) for ratings in (split.test, split.train)
        )
        train_ratings = np.diff(_borders(seen, user_ids))
        users = pd.DataFrame(
            {
                "user_id": user_ids,
                "train_ratings": train_ratings,
                "cold_start": train_ratings == 0,
                "liked": n_liked,
            }
        )
        return cls(users, liked, tested, seen)

    def blocks(self, recommender: Recommender) -> Iterator[Block]:
        """Score the catalogue for blocks of users that bound the memory, in the order of `users`."""
        user_ids = self.users["user_id"].to_numpy()
        of_seen, of_liked, of_tested = (
            _borders(pairs, user_ids) for pairs in (self.seen, self.liked, self.tested)
        )
        size = max(1, SCORES_IN_MEMORY // len(recommender.item_ids_))
        for start in range(0, len(user_ids), size):
            block = user_ids[start : start + size]
            seen, liked, tested = (
                pairs.iloc[borders[start] : borders[start + len(block)]]
                for pairs, borders in ((self.seen, of_seen), (self.liked, of_liked), (self.tested, of_tested))
            )
            scores = recommender.score(block, seen)
            _fill_by_popularity(scores, recommender.popularity_)
            scores[_positions(block, recommender, seen)] = -np.inf
            yield Block(
                block, scores, *_positions(block, recommender, liked), *_positions(block, recommender, tested)
            )


def _by_user(ratings: pd.DataFrame) -> pd.DataFrame:
    return ratings[["user_id", "item_id"]].sort_values(["user_id", "item_id"], ignore_index=True)


def _borders(pairs: pd.DataFrame, user_ids: Integers) -> Integers:
    """Where the pairs of each user begin, and where the last ones end, shape (U + 1,)."""
    owners = pairs["user_id"].to_numpy()
    return np.append(np.searchsorted(owners, user_ids), len(owners)).astype(np.int64)


def _positions(block: Integers, recommender: Recommender, pairs: pd.DataFrame) -> tuple[Integers, Integers]:
    """Rows in the block and columns in the catalogue of pairs of its users; -1 beyond the catalogue."""
    rows = np.searchsorted(block, pairs["user_id"].to_numpy())
    columns = pd.Index(recommender.item_ids_).get_indexer(pd.Index(pairs["item_id"]))
    return rows.astype(np.int64), columns.astype(np.int64)


def _fill_by_popularity(scores: Floats, popularity: Integers) -> None:
    """Put what is beyond a recommender's own candidates below them, the popular first, as slates do."""
    beyond = scores == -np.inf
    lowest = np.where(beyond, np.inf, scores).min(axis=1, keepdims=True)
    floor = np.where(np.isfinite(lowest), lowest, 0.0) - 1.0
    np.copyto(scores, floor - (popularity.max() - popularity), where=beyond)
