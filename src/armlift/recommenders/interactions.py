"""Who rated what, as sparse matrices, and the pairs that recommenders are asked about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from armlift.errors import ParameterError

if TYPE_CHECKING:
    from scipy import sparse


def as_pairs(user_ids: ArrayLike, item_ids: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Check that users and items make pairs.

    Args:
        user_ids: User of each pair, shape (P,).
        item_ids: Item of each pair, shape (P,).

    Returns:
        The two as arrays.

    Raises:
        ParameterError: They differ in shape, or are no one-dimensional arrays.

    Example:
        >>> users, items = as_pairs([1, 1], [10, 20])
        >>> items.tolist()
        [10, 20]
    """
    users, items = np.asarray(user_ids, dtype=np.int64), np.asarray(item_ids, dtype=np.int64)
    if users.ndim != 1 or users.shape != items.shape:
        raise ParameterError(
            "user_ids and item_ids",
            (users.shape, items.shape),
            "two one-dimensional arrays of equal length",
            "Give one user and one item for each pair.",
        )
    return users, items


def positions_in(known: NDArray[np.int64], ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find ids among distinct known ones.

    Args:
        known: Distinct ids, shape (K,).
        ids: Ids to find, shape (N,).

    Returns:
        Position of each id, -1 for one that is not known, shape (N,).

    Example:
        >>> positions_in(np.array([3, 5]), np.array([5, 4])).tolist()
        [1, -1]
    """
    return pd.Index(known).get_indexer(pd.Index(ids)).astype(np.int64)


def sparse_table(
    rows: NDArray[np.int64], columns: NDArray[np.int64], values: ArrayLike, shape: tuple[int, int]
) -> sparse.csr_array[np.float64]:
    """Put values into a sparse matrix, columns in order within each row.

    Args:
        rows: Row of each value, shape (N,).
        columns: Column of each value, shape (N,).
        values: Shape (N,), or one value for all.
        shape: Rows and columns of the matrix.

    Returns:
        The matrix in compressed rows.
    """
    from scipy import sparse

    filled = np.broadcast_to(np.asarray(values, dtype=np.float64), rows.shape)
    table = sparse.csr_array((filled, (rows, columns)), shape=shape)
    table.sort_indices()
    return table
