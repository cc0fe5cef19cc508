"""Accuracy of predicted ratings."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armlift.errors import ParameterError


def rmse(ratings: ArrayLike, predicted: ArrayLike) -> float:
    """Root of the mean squared error, in rating points.

    Args:
        ratings: What users gave, shape (P,).
        predicted: What was predicted, shape (P,).

    Raises:
        ParameterError: The shapes differ or are empty.

    Example:
        >>> rmse([1.0, 5.0], [4.0, 1.0])
        3.5355339059327378
    """
    return float(np.sqrt(np.mean(_errors(ratings, predicted) ** 2)))


def mae(ratings: ArrayLike, predicted: ArrayLike) -> float:
    """Mean absolute error, in rating points.

    Args:
        ratings: What users gave, shape (P,).
        predicted: What was predicted, shape (P,).

    Raises:
        ParameterError: The shapes differ or are empty.

    Example:
        >>> mae([1.0, 5.0], [2.0, 2.0])
        2.0
    """
    return float(np.mean(np.abs(_errors(ratings, predicted))))


def _errors(ratings: ArrayLike, predicted: ArrayLike) -> NDArray[np.float64]:
    truth, guess = np.asarray(ratings, float), np.asarray(predicted, float)
    if truth.shape != guess.shape or not truth.size:
        raise ParameterError(
            "predicted",
            f"shape {guess.shape}",
            f"shape {truth.shape} of the ratings, not empty",
            "Predict every rating.",
        )
    errors: NDArray[np.float64] = guess - truth
    return errors
