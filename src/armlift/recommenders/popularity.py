"""Most rated items first: the baseline that every personal recommender has to beat."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from armlift.recommenders.base import Recommender
from armlift.recommenders.bounds import real_number


class Popularity(Recommender):
    """Rank items by their number of ratings in the training window, the same for every user.

    Args:
        half_life_days: Age at which a rating counts half, in days before the latest rating of the
            window; None counts all ratings alike.

    Attributes:
        weight_: Decayed number of ratings of each item, shape (I,).

    Raises:
        ParameterError: `half_life_days` is not above 0.
    """

    weight_: NDArray[np.float64]

    def __init__(self, *, half_life_days: float | None = None) -> None:
        self.half_life_days = (
            None
            if half_life_days is None
            else real_number("half_life_days", half_life_days, low=0, above=True)
        )

    def _fit(self, history: pd.DataFrame, items: pd.DataFrame, seed: int) -> None:
        weights = np.ones(len(history))
        if self.half_life_days is not None:
            age = (history["timestamp"].max() - history["timestamp"]) / pd.Timedelta(days=1)
            weights = 0.5 ** (age.to_numpy(np.float64) / self.half_life_days)
        self.weight_ = np.bincount(
            self._item_positions(history), weights=weights, minlength=len(self.item_ids_)
        ).astype(np.float64)

    def _score(self, users: NDArray[np.int64], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.broadcast_to(self.weight_, seen.shape)
