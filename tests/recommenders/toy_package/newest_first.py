"""A recommender of somebody else's: all that a plug-in has to write."""

import numpy as np
import pandas as pd

from armlift.recommenders import Recommender


class NewestFirst(Recommender):
    """Rank items by their year of release."""

    def __init__(self, *, unknown_year: int = 1900) -> None:
        self.unknown_year = unknown_year

    def _fit(self, history: pd.DataFrame, items: pd.DataFrame, seed: int) -> None:
        year = items.set_index("item_id")["year"].reindex(self.item_ids_)
        self.year_ = year.fillna(self.unknown_year).to_numpy(np.float64)

    def _score(self, users: np.ndarray, seen: np.ndarray) -> np.ndarray:
        return np.broadcast_to(self.year_, seen.shape)
