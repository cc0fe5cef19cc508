"""What the reference looks like, and how its rows and a window's fall into the same cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_EXPECTED = 5.0
"""Rows that a category must be expected to have on the shorter side; rarer ones share a cell."""

_LEAST_ALONE = 1.0  # of rare categories together, where all others are frequent (Cochran, 1954)


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
        counts: Rows of the reference by category, then those without one.
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
        return cls(names, np.array([*found, float(len(values) - len(known))]))

    def cells(self, values: pd.Series) -> Cells:
        """Count a window's rows beside the reference's; rare categories share cells, new ones like any other.

        Rare is what has few rows in both together. Given those sums, without drift it is chance alone which
        rows are the window's, so the test may choose its cells by them, and by names. By the reference's
        counts it may not: what is rare there by luck is more frequent in any window.
        """
        both = pd.concat(
            [
                pd.Series(self.counts[:-1], index=pd.Index(self.categories, dtype=object)),
                values.dropna().astype(str).astype(object).value_counts(),
            ],
            axis=1,
        ).fillna(0.0)
        reference, window = both.sort_index().to_numpy(dtype=float).T
        rows = self.counts.sum(), float(len(values))
        cell = _shared_cells((reference + window) * min(rows) / max(sum(rows), 1.0))
        return Cells(
            np.append(np.bincount(cell, reference), self.counts[-1]),
            np.append(np.bincount(cell, window), len(values) - window.sum()),
        )

    def new(self, values: pd.Series) -> tuple[str, ...]:
        """Categories of a window that the reference does not have, in order."""
        return tuple(sorted(set(values.dropna().astype(str)) - set(self.categories)))


def _shared_cells(expected: Floats) -> NDArray[np.int64]:
    """Cell of each category: the rare ones, rarest first, share one until it is expected to be full."""
    cells = np.empty(len(expected), dtype=np.int64)
    cell, held = 0, 0.0
    for category in np.argsort(expected, kind="stable"):
        frequent = expected[category] >= LEAST_EXPECTED
        if held >= (_LEAST_ALONE if frequent else LEAST_EXPECTED):
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
