"""Target encodings that do not leak: shrunken means, computed out of fold.

A target encoding replaces an id by the mean label of its rows. Computed on the rows that the model is
trained on, it contains each row's own label. Leaving out just that row does not help: among the rows of
one id the encoding is then a decreasing function of the label, which a tree reads off, and which does not
exist when serving (Prokhorenkova et al. 2018, CatBoost, section 3.2). Here the rows fall into folds at
random, and a row is encoded with statistics of the other folds only.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray


def shrunken_mean(
    total: ArrayLike, count: ArrayLike, prior: ArrayLike, strength: float
) -> NDArray[np.float64]:
    """Means drawn towards a prior, the more the fewer observations they rest on.

    Args:
        total: Sums, any shape.
        count: Numbers of observations, same shape.
        prior: Mean to assume without observations.
        strength: Number of observations that the prior is worth, above 0.

    Returns:
        (total + strength * prior) / (count + strength).

    Example:
        >>> shrunken_mean([0.0, 8.0], [0, 10], prior=0.5, strength=10).tolist()
        [0.5, 0.65]
    """
    return np.asarray(
        (np.asarray(total) + strength * np.asarray(prior)) / (np.asarray(count) + strength), dtype=np.float64
    )


def assign_folds(n_rows: int, n_folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Deal rows into folds at random, of sizes that differ by at most 1.

    Args:
        n_rows: Rows.
        n_folds: Folds.
        rng: Source of the deal.

    Returns:
        Fold of each row, 0 to n_folds - 1, shape (n_rows,).
    """
    return rng.permutation(np.arange(n_rows, dtype=np.int64) % n_folds)


def encode_out_of_fold(
    folds: NDArray[np.int64],
    n_folds: int,
    encode: Callable[[NDArray[np.bool_], NDArray[np.bool_]], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Encode every row by what the rows of the other folds say.

    Args:
        folds: Fold of each row, shape (rows,).
        n_folds: Folds.
        encode: Takes two masks over the rows: those to learn from, and those to encode; gives the
            encoding of the latter, shape (rows to encode, columns).

    Returns:
        Encoding, shape (rows, columns), in the order of the rows.
    """
    parts = [encode(folds != fold, folds == fold) for fold in range(n_folds)]
    encoded = np.empty((len(folds), parts[0].shape[1]))
    for fold, part in enumerate(parts):
        encoded[folds == fold] = part
    return encoded
