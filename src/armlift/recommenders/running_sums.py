"""Sums over the past: what was known of each user or item at any moment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class RunningSums:
    """Sums of the rows of an entity before a moment, for any entity and moment at once.

    Args:
        entities: Entity of each row, at least 0, shape (R,).
        moments: Moment of each row, at least 0, shape (R,).
        values: What is summed, shape (R, F).

    Example:
        >>> past = RunningSums(np.array([0, 1, 0]), np.array([0, 1, 2]), np.array([[1.0], [5.0], [2.0]]))
        >>> past.before(np.array([0, 0, 0]), np.array([0, 2, 3])).ravel().tolist()
        [0.0, 1.0, 3.0]
    """

    def __init__(
        self, entities: NDArray[np.int64], moments: NDArray[np.int64], values: NDArray[np.float64]
    ) -> None:
        self._span = int(moments.max(initial=0)) + 2
        keys = entities * self._span + moments
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        self._sums = np.vstack([np.zeros((1, values.shape[1])), np.cumsum(values[order], axis=0)])

    def before(self, entities: NDArray[np.int64], moments: NDArray[np.int64]) -> NDArray[np.float64]:
        """Sums of the rows strictly before moments.

        Args:
            entities: Entities, any shape; one without rows has sums of 0.
            moments: Moments, of a shape that broadcasts with `entities`.

        Returns:
            Sums, shape (..., F).
        """
        moments = np.minimum(moments, self._span - 1)
        first = np.searchsorted(self._keys, entities * self._span)
        last = np.searchsorted(self._keys, entities * self._span + moments)
        return np.asarray(self._sums[last] - self._sums[first])
