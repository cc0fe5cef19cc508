"""Similarities of the rows of a sparse table, a block of rows at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from armlift.recommenders.base import SCORE_DECIMALS

if TYPE_CHECKING:
    from scipy import sparse

# Rows of similarities held at once: 20 MiB of them for 10,000 items.
ROWS_AT_ONCE = 256


class Nearest(NamedTuple):
    """The nearest neighbours of each row of a table.

    Attributes:
        rows: Their rows, shape (X, k), k at most X.
        similarity: Their similarities, 0 where a row has fewer than k neighbours, shape (X, k).
    """

    rows: NDArray[np.int64]
    similarity: NDArray[np.float64]


def pearson_baseline(
    deviations: sparse.csr_array[np.float64],
    transposed: sparse.csr_array[np.float64],
    rows: NDArray[np.int64],
    shrinkage: float,
) -> NDArray[np.float64]:
    """Correlations of deviations from a baseline over the columns that two rows share (Koren 2010).

    These are the values of scikit-surprise's `pearson_baseline`, whose five dense matrices of X by X
    would take 3.7 GB for the 9,700 items of a small MovieLens set: here only the rows asked for are
    computed.

    Args:
        deviations: Deviation of each rating from its baseline, shape (X, Y).
        transposed: The same, shape (Y, X).
        rows: Rows whose similarities are asked for, shape (N,).
        shrinkage: With n columns in common, a correlation is multiplied by (n - 1) / (n - 1 + shrinkage).

    Returns:
        Similarities of these rows to all rows, 0 without a column in common and 1 to themselves, shape
        (N, X).
    """
    own = deviations[rows]
    common = (_ones(own) @ _ones(transposed)).toarray()
    squares = (own.power(2) @ _ones(transposed)).toarray() * (_ones(own) @ transposed.power(2)).toarray()
    products = (own @ transposed).toarray()
    similarity = np.zeros_like(products)
    np.divide(products, np.sqrt(squares), out=similarity, where=squares > 0)
    similarity *= np.maximum(common - 1.0, 0.0) / np.maximum(common - 1.0 + shrinkage, 1.0)
    similarity[np.arange(len(rows)), rows] = 1.0
    return similarity


def cosine_neighbours(table: sparse.csr_array[np.float64], k: int, shrinkage: float) -> Nearest:
    """Nearest neighbours by the cosine of who has which column.

    Args:
        table: Ones where a row has a column, shape (X, Y).
        k: Neighbours, fewer if the table is smaller; a row is no neighbour of itself.
        shrinkage: Added to the denominator of the cosine, in columns.

    Returns:
        The neighbours of every row, in no particular order.

    Example:
        >>> from scipy.sparse import csr_array
        >>> cosine_neighbours(csr_array([[1.0, 1.0], [1.0, 1.0], [0.0, 1.0]]), 1, 0.0).similarity.tolist()
        [[1.0], [1.0], [0.707106781]]
    """
    n_rows = table.shape[0]
    k = min(k, n_rows)
    length = np.sqrt(table.sum(axis=1))
    transposed = table.T.tocsr()
    nearest = Nearest(np.empty((n_rows, k), dtype=np.int64), np.empty((n_rows, k)))
    # Rounded cosines are often equal; an order among these makes the choice the same on every machine.
    order = np.arange(n_rows) * (0.01 / n_rows * 10.0**-SCORE_DECIMALS)
    for start in range(0, n_rows, ROWS_AT_ONCE):
        block = slice(start, start + ROWS_AT_ONCE)
        common = (table[block] @ transposed).toarray()
        cosine = common / np.maximum(length[block, np.newaxis] * length + shrinkage, 1.0)
        np.fill_diagonal(cosine[:, start:], 0.0)
        cosine = np.round(cosine, SCORE_DECIMALS)
        rows = np.argpartition(order - cosine, k - 1, axis=1)[:, :k]
        nearest.rows[block] = rows
        nearest.similarity[block] = np.take_along_axis(cosine, rows, axis=1)
    return nearest


def _ones(table: sparse.csr_array[np.float64]) -> sparse.csr_array[np.float64]:
    """1 where the table has an entry."""
    filled = table.copy()
    filled.data = np.ones_like(table.data)
    return filled
