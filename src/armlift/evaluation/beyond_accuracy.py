"""What slates are like besides being right: how varied, how new to people, how unequal in what they show.

Slates are arrays (U, n) of catalogue positions, 0 <= position < I.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from armlift.errors import ParameterError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def catalogue_coverage(slates: Integers, n_items: int) -> float:
    """Share of the catalogue that is shown to anyone.

    Args:
        slates: Positions, shape (U, n).
        n_items: Size of the catalogue I.

    Source: Ge, Delgado-Battenfeld and Jannach (2010).

    Example:
        >>> catalogue_coverage(np.array([[0, 1], [0, 2]]), 6)
        0.5
    """
    return float(np.count_nonzero(_exposures(slates, n_items)) / n_items)


def exposure_gini(slates: Integers, n_items: int) -> float:
    """Gini coefficient of how often items are shown: 0 all alike, 1 - 1 / I one item only.

    Args:
        slates: Positions, shape (U, n).
        n_items: Size of the catalogue I.

    Source: Gini (1912); for recommenders Adomavicius and Kwon (2012).

    Example:
        >>> exposure_gini(np.array([[0, 1], [0, 1]]), 4)
        0.5
    """
    ascending = np.sort(_exposures(slates, n_items))
    weights = 2 * np.arange(1, n_items + 1) - n_items - 1
    return float(weights @ ascending / (n_items * ascending.sum()))


def intra_list_diversity(slates: Integers, genres: NDArray[np.bool_]) -> Floats:
    """Mean distance of two items of a slate: 1 - Jaccard similarity of their genres.

    Two items without any genre have nothing in common that is known: distance 1.

    Args:
        slates: Positions, shape (U, n).
        genres: Whether an item has a genre, shape (I, G).

    Returns:
        From 0 (all of the same genres) to 1 (no genre shared), shape (U,); 0 for slates of one item.

    Source: Ziegler et al. (2005), there with another similarity.

    Example:
        >>> genres = np.array([[1, 1, 0], [0, 1, 1], [0, 1, 1]], dtype=bool)
        >>> intra_list_diversity(np.array([[0, 1, 2]]), genres).round(4)
        array([0.4444])
    """
    n = slates.shape[1]
    if n == 1:
        return np.zeros(len(slates))
    flags = genres[slates].astype(np.float64)
    shared = flags @ flags.transpose(0, 2, 1)
    sizes = flags.sum(axis=2)
    union = sizes[:, :, np.newaxis] + sizes[:, np.newaxis, :] - shared
    similarity = shared / np.maximum(union, 1.0)
    first, second = np.triu_indices(n, k=1)
    diversity: Floats = 1.0 - similarity[:, first, second].mean(axis=1)
    return diversity


def novelty(slates: Integers, popularity: Integers, n_users: int) -> Floats:
    """Mean self-information of the items of a slate, in bits: -log2 of the chance that a user knows the item.

    The chance is (ratings + 1) / (users + 1), so that an item without ratings is as novel as one can be, not
    infinitely novel.

    Args:
        slates: Positions, shape (U, n).
        popularity: Ratings of each item in the history, shape (I,).
        n_users: Users of the history.

    Returns:
        Shape (U,).

    Source: Zhou et al. (2010).

    Example:
        >>> novelty(np.array([[0, 1]]), np.array([3, 0]), n_users=3)
        array([1.])
    """
    information: Floats = -np.log2((popularity + 1) / (n_users + 1))
    means: Floats = information[slates].mean(axis=1)
    return means


def slate_popularity(slates: Integers, popularity: Integers) -> Floats:
    """Mean number of ratings in the history of the items of a slate; its mean measures popularity bias.

    Args:
        slates: Positions, shape (U, n).
        popularity: Ratings of each item in the history, shape (I,).

    Returns:
        Shape (U,).

    Source: Average recommendation popularity, Yin et al. (2012).

    Example:
        >>> slate_popularity(np.array([[0, 1]]), np.array([3, 0]))
        array([1.5])
    """
    means: Floats = popularity[slates].mean(axis=1)
    return means


def _exposures(slates: Integers, n_items: int) -> Integers:
    if not slates.size or slates.min() < 0 or slates.max() >= n_items:
        raise ParameterError(
            "slates", f"shape {slates.shape}", f"some positions from 0 to {n_items - 1}", "Check n_items."
        )
    return np.bincount(slates.ravel(), minlength=n_items).astype(np.int64)
