"""Users' tastes from the ratings that no arm was trained on: the truth behind the clicks.

A mixture of communities (probabilistic latent semantic analysis, Hofmann, 1999): a user is a mixture of
communities, a community is a distribution over items. No arm is of this family, so no arm wins by
construction. Beside the community's choice stands the user's own: what he picked counts as his taste.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from armlift.errors import WorldError
from armlift.simulation.world import Floats, Integers

#: Weight of a pick by whether the rating says that the user liked it.
_LIKED_WEIGHT, _OTHER_WEIGHT = 1.0, 0.25
_LIKED = 4.0


@dataclass(frozen=True)
class Tastes:
    """Who would pick what; U users, I items, Z communities.

    Attributes:
        user_ids: Users with ratings, ascending, shape (U,).
        item_ids: Catalogue, ascending, shape (I,).
        mixture: P(community | user), shape (U, Z).
        profile: P(item | community), shape (I, Z).
        picks: Pairs a user picked himself, as row * I + column, ascending.
        pick_shares: Share of each in the user's own picks.
        own_share: Weight of the own picks beside the communities' choice.
    """

    user_ids: Integers
    item_ids: Integers
    mixture: Floats
    profile: Floats
    picks: Integers
    pick_shares: Floats
    own_share: float

    def lift(self, users: Integers, items: Integers) -> Floats:
        """How many times likelier than a uniform pick; `users` and `items` are ids of the same shape."""
        rows = np.searchsorted(self.user_ids, users)
        columns = np.searchsorted(self.item_ids, items)
        pairs = rows * len(self.item_ids) + columns
        places = np.minimum(np.searchsorted(self.picks, pairs), len(self.picks) - 1)
        own = np.where(self.picks[places] == pairs, self.pick_shares[places], 0.0)
        theirs = np.einsum("...z,...z->...", self.mixture[rows], self.profile[columns])
        choice: Floats = (1.0 - self.own_share) * theirs + self.own_share * own
        return choice * len(self.item_ids)


def fit_tastes(
    future: pd.DataFrame,
    items: pd.DataFrame,
    *,
    communities: int = 12,
    own_share: float = 0.1,
    seed: int,
    iterations: int = 40,
) -> Tastes:
    """Fit the mixture of communities by expectation maximisation.

    Args:
        future: Ratings that no arm was trained on.
        items: Items table; its items are the catalogue.
        communities: Number of communities.
        own_share: Share of a user's choice that is his own picks; the rest is his communities'.
        seed: Seed of the starting point.
        iterations: Steps of the algorithm.

    Raises:
        WorldError: If there are no ratings to fit.
    """
    if future.empty:
        raise WorldError("No ratings are left for the click model: lower `world.training_share`.")
    user_ids, rows = np.unique(future["user_id"].to_numpy(np.int64), return_inverse=True)
    item_ids = np.union1d(items["item_id"].to_numpy(np.int64), future["item_id"].to_numpy(np.int64))
    columns = np.searchsorted(item_ids, future["item_id"].to_numpy(np.int64))
    weights = np.where(future["rating"].to_numpy() >= _LIKED, _LIKED_WEIGHT, _OTHER_WEIGHT)

    rng = np.random.default_rng(seed)
    mixture = rng.dirichlet(np.full(communities, 5.0), size=len(user_ids))
    popularity = np.bincount(columns, weights, len(item_ids)) + 0.05
    profile = popularity[:, None] * rng.gamma(5.0, 1.0, (len(item_ids), communities))
    profile /= profile.sum(axis=0)
    for _ in range(iterations):
        duty = mixture[rows] * profile[columns]
        duty *= (weights / duty.sum(axis=1))[:, None]
        by_user, by_item = np.empty_like(mixture), np.empty_like(profile)
        for z in range(communities):
            by_user[:, z] = np.bincount(rows, duty[:, z], len(user_ids))
            by_item[:, z] = np.bincount(columns, duty[:, z], len(item_ids))
        # Smoothing: half a pick in every community, and a little of each item's general appeal.
        mixture = by_user + 0.5
        mixture /= mixture.sum(axis=1, keepdims=True)
        profile = by_item + 10.0 * (popularity / popularity.sum())[:, None]
        profile /= profile.sum(axis=0)

    pairs = rows * len(item_ids) + columns
    order = np.argsort(pairs)
    shares = weights / np.bincount(rows, weights)[rows]
    return Tastes(user_ids, item_ids, mixture, profile, pairs[order], shares[order], own_share)
