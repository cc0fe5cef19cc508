"""Bootstrap over users: their pairs belong together, so users are drawn, and not pairs.

A measure is a function of weights, how often each user was drawn: one weight of 1 each gives its value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Weights or products held at once, so that memory does not grow with the number of users.
_NUMBERS_IN_MEMORY = 1 << 22


class Measure(Protocol):
    """A number computed from users, each counted as often as its weight says."""

    @property
    def users(self) -> int:
        """Users that it depends on."""

    def __call__(self, weights: Floats) -> Floats:
        """Values under weights (B, U), shape (B,); NaN where nothing was drawn that defines it."""


@dataclass(frozen=True, eq=False)
class RatioOfSums:
    """Sum over users of a numerator over that of a denominator: a mean over users, or over their pairs.

    Attributes:
        numerator: Shape (U,).
        denominator: Shape (U,); 0 for users who do not count.
        root: Whether the square root is taken, as for RMSE.
    """

    numerator: Floats
    denominator: Floats
    root: bool = False

    @property
    def users(self) -> int:
        """Users that count."""
        return int(np.count_nonzero(self.denominator))

    def __call__(self, weights: Floats) -> Floats:
        """Values under weights (B, U), shape (B,)."""
        total = weights @ self.denominator
        value: Floats = np.divide(
            weights @ self.numerator, total, out=np.full(total.shape, np.nan), where=total > 0
        )
        return np.sqrt(value) if self.root else value


@dataclass(frozen=True, eq=False)
class WeightedAUC:
    """Chance that a clicked pair scores above another, ties by half, over the pairs of weighted users.

    Attributes:
        clicker: User of each clicked pair, shape (C,).
        other: User of each other pair, by ascending score, shape (N,).
        below: Other pairs that score below each clicked one, shape (C,).
        up_to: Other pairs that score no more than each clicked one, shape (C,).
    """

    clicker: Integers
    other: Integers
    below: Integers
    up_to: Integers

    @classmethod
    def of(cls, owner: Integers, clicked: NDArray[np.bool_], scores: Floats) -> Self:
        """Order pairs by score; users, labels and scores of shape (P,)."""
        order = np.flatnonzero(~clicked)[np.argsort(scores[~clicked])]
        below, up_to = (
            np.searchsorted(scores[order], scores[clicked], side).astype(np.int64)
            for side in ("left", "right")
        )
        return cls(owner[clicked], owner[order], below, up_to)

    @property
    def users(self) -> int:
        """Users with a pair."""
        return len(np.union1d(self.clicker, self.other))

    def __call__(self, weights: Floats) -> Floats:
        """Values under weights (B, U), shape (B,)."""
        return np.array([self._value(sample) for sample in weights])

    def _value(self, weight: Floats) -> float:
        clicks, others = weight[self.clicker], np.zeros(len(self.other) + 1)
        np.cumsum(weight[self.other], out=others[1:])
        comparisons = clicks.sum() * others[-1]
        if not comparisons:
            return float("nan")
        return float(clicks @ (others[self.below] + others[self.up_to]) / (2 * comparisons))


def resampled(measures: list[Measure], n_users: int, resamples: int, seed: int) -> Floats:
    """Values of measures on the same bootstrap samples of the users.

    Args:
        measures: M of them.
        n_users: Users U to draw, with replacement, as many as there are.
        resamples: Samples B.
        seed: Seed of the draws.

    Returns:
        Shape (B, M); NaN where a sample holds nothing that defines the measure.
    """
    distinct = {measure: place for place, measure in enumerate(dict.fromkeys(measures))}
    values = np.vstack(
        [
            np.column_stack([measure(weights) for measure in distinct])
            for weights in _weights(n_users, resamples, seed)
        ]
    )
    return values[:, [distinct[measure] for measure in measures]]


def _weights(n_users: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each user is drawn, in blocks of samples, shape (block, U)."""
    rng = np.random.default_rng(seed)
    size = max(1, _NUMBERS_IN_MEMORY // n_users)
    for start in range(0, resamples, size):
        block = min(size, resamples - start)
        drawn = rng.integers(n_users, size=(block, n_users)) + n_users * np.arange(block)[:, np.newaxis]
        yield np.bincount(drawn.ravel(), minlength=block * n_users).reshape(block, n_users).astype(float)
