"""Augmented inverse-propensity scores of whole batches, without a row for each user.

Within a batch the propensities p and the guesses m are fixed, and the reward r is 0 or 1, so that the sums of
scores m + 1[arm](r - m) / p and of their products follow from users and conversions by arm.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def batch_score_sums(
    users: Floats, conversions: Floats, propensities: Floats, guesses: Floats
) -> tuple[Floats, Floats]:
    """Sums over one batch of the scores that `armlift.statistics.adaptive.aipw_scores` gives each user.

    Args:
        users: Users of each arm, shape (R, K).
        conversions: Those who converted, the same shape.
        propensities: Probability of each arm in this batch, above 0 where an arm has users, shape (R, K).
        guesses: Each arm's rate as known before the batch, shape (R, K).

    Returns:
        Sums of the scores, shape (R, K), and of their products, shape (R, K, K).
    """
    inverse = np.divide(1.0, propensities, out=np.zeros_like(propensities), where=users > 0)
    total = users.sum(axis=-1, keepdims=True)
    corrections = (conversions - users * guesses) * inverse
    squares = (conversions * (1.0 - guesses) ** 2 + (users - conversions) * guesses**2) * inverse**2
    cross = guesses[..., :, None] * corrections[..., None, :]
    products = (
        total[..., None] * guesses[..., :, None] * guesses[..., None, :]
        + cross
        + cross.swapaxes(-1, -2)
        + squares[..., None] * np.eye(users.shape[-1])
    )
    return total * guesses + corrections, products
