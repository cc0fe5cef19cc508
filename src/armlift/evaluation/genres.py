"""Genres of the items, as a table of flags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Genres:
    """Which genres each item has.

    Attributes:
        names: The genres, sorted, shape (G,).
        flags: Whether an item has a genre, shape (I, G).
    """

    names: tuple[str, ...]
    flags: NDArray[np.bool_]

    @classmethod
    def of(cls, items: pd.DataFrame, item_ids: NDArray[np.int64]) -> Self:
        """Read the genres of a catalogue.

        Args:
            items: Items table, whose `genres` are joined by `|`.
            item_ids: Catalogue, shape (I,). Items missing from the table have no genre.

        Example:
            >>> items = pd.DataFrame({"item_id": [1, 2], "genres": ["Comedy|Drama", "Drama"]})
            >>> Genres.of(items, np.array([2, 3])).flags.tolist()
            [[False, True], [False, False]]
        """
        table = items.set_index("item_id")["genres"].astype("str").str.get_dummies("|")
        table = table.drop(columns="", errors="ignore").sort_index(axis=1)
        flags = table.reindex(item_ids, fill_value=0).to_numpy(bool)
        return cls(tuple(table.columns), flags)
