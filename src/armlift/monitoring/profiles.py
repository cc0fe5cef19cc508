"""What the reference looks like: cells that are fixed on it, and its counts in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_EXPECTED = 5.0
"""Rows of a window that a category must be expected to have; rarer ones share a cell."""


class Cells(NamedTuple):
    """Counts of reference and window in the same cells, the last of which holds what is missing.

    Attributes:
        reference: Shape (cells,).
        window: Shape (cells,).
    """

    reference: Floats
    window: Floats


@dataclass(frozen=True, eq=False)
class NumberProfile:
    """A number in the reference.

    A bin reaches from above one edge up to the next, which belongs to it. Edges are quantiles; a value that
    takes up a whole bin's share, or the only one, has a bin of its own.

    Attributes:
        edges: Inner edges, ascending, shape (bins - 1,).
        counts: Rows of the reference by bin, then those without a finite value, shape (bins + 1,).
        values: The finite values.
    """

    edges: Floats
    counts: Floats
    values: Floats

    @classmethod
    def of(cls, values: pd.Series, bins: int) -> NumberProfile:
        """Lay `bins` bins of about equal share, or one for each value if there are no more than that."""
        finite, missing = _finite(values)
        edges = _edges(finite, bins)
        return cls(edges, _bin(finite, missing, edges), finite)

    def cells(self, values: pd.Series) -> Cells:
        """Count a window's rows in the bins of the reference."""
        return Cells(self.counts, _bin(*_finite(values), self.edges))


@dataclass(frozen=True, eq=False)
class CategoryProfile:
    """A category in the reference.

    Attributes:
        categories: Those of the reference, the most frequent first.
        counts: Rows of the reference by category, then 0 for whatever is new, then those without one.
    """

    categories: tuple[str, ...]
    counts: Floats

    @classmethod
    def of(cls, values: pd.Series) -> CategoryProfile:
        """Count the categories."""
        known = values.dropna().astype(str)
        counts = known.value_counts()
        names = tuple(
            str(name) for name in counts.sort_index().sort_values(ascending=False, kind="stable").index
        )
        found = [float(counts[name]) for name in names]
        return cls(names, np.array([*found, 0.0, float(len(values) - len(known))]))

    def cells(self, values: pd.Series) -> Cells:
        """Count a window's rows; rare categories share cells, and new ones are in the cell of the rarest.

        Which ones are rare depends on the reference's shares and on the number of rows alone, never on what
        the rows say: otherwise the test would choose its own cells.
        """
        known = values.dropna().astype(str)
        places = pd.Index(self.categories).get_indexer(pd.Index(known))
        window = np.bincount(np.where(places < 0, len(self.categories), places), minlength=len(self.counts))
        counts = window.astype(float)
        counts[-1] += len(values) - len(known)
        cell = _shared_cells(self.counts[:-1] * len(values) / max(self.counts.sum(), 1.0))
        return Cells(*(np.append(np.bincount(cell, one[:-1]), one[-1]) for one in (self.counts, counts)))

    def new(self, values: pd.Series) -> tuple[str, ...]:
        """Categories of a window that the reference does not have, in order."""
        return tuple(sorted(set(values.dropna().astype(str)) - set(self.categories)))


def _shared_cells(expected: Floats) -> NDArray[np.int64]:
    """Cell of each category: the rare ones, rarest first, share one until it is expected to be full."""
    cells = np.empty(len(expected), dtype=np.int64)
    cell, held = 0, 0.0
    for category in np.argsort(expected, kind="stable"):
        frequent = expected[category] >= LEAST_EXPECTED
        if held >= LEAST_EXPECTED or (frequent and (held > 0.0 or cell == 0)):
            cell, held = cell + 1, 0.0
        cells[category] = cell
        held += expected[category]
    return cells


def _finite(values: pd.Series) -> tuple[Floats, int]:
    numbers = values.to_numpy(dtype=float, na_value=np.nan)
    finite = numbers[np.isfinite(numbers)]
    return finite, len(numbers) - len(finite)


def _edges(values: Floats, bins: int) -> Floats:
    if len(values) == 0:
        return np.empty(0)
    lowest, distinct = values.min(), np.unique(values)
    if len(distinct) <= bins:
        edges = distinct
    else:
        shares = np.arange(1, bins) / bins
        edges = np.unique(np.quantile(values, shares, method="inverted_cdf"))
    # What lies below the lowest value must not hide among it where it has a bin of its own.
    return np.append(np.nextafter(lowest, -np.inf), edges) if edges[0] == lowest else edges


def _bin(values: Floats, missing: int, edges: Floats) -> Floats:
    counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
    return np.append(counts.astype(float), float(missing))
