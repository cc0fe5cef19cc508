"""A random order for every user: what a recommender that knows nothing achieves."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from armlift.recommenders.base import Recommender


class Random(Recommender):
    """Give every user, known or new, an own random order of the catalogue.

    The order depends on the seed of the fit and on the user alone, not on who else is asked for.

    Attributes:
        seed_: Seed of the fit, shape ().
    """

    seed_: NDArray[np.int64]

    def _fit(self, history: pd.DataFrame, items: pd.DataFrame, seed: int) -> None:
        self.seed_ = np.array(seed, dtype=np.int64)

    def _score(self, users: NDArray[np.int64], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
        # Seed sequences take no negative numbers: read the id as unsigned.
        seeds = users.astype(np.uint64)
        return np.array(
            [np.random.default_rng([int(self.seed_), int(user)]).random(seen.shape[1]) for user in seeds]
        ).reshape(seen.shape)
