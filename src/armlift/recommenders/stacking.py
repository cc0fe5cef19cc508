"""The second level of a stacked hybrid: weights of its parts, learned from what users picked."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Choice(NamedTuple):
    """One user's candidates, and which of them the user went on to like.

    Attributes:
        features: What the parts say about each candidate, shape (C, F).
        liked: Shape (C,), some of them true.
    """

    features: NDArray[np.float64]
    liked: NDArray[np.bool_]


def choice_weights(choices: list[Choice], regularization: float) -> NDArray[np.float64]:
    """Weights under which the liked candidates would most likely have been chosen.

    A conditional logit (McFadden 1974): a user chooses candidate c with probability proportional to
    exp(w . features of c). The log-likelihood is averaged over a user's liked items and summed over
    users, so that busy users do not decide for all. Weights are not negative (Breiman 1996, Stacked
    regressions): an item that every part puts low is then never put high.

    Args:
        choices: Users of the validation window.
        regularization: Weight of half the squared weights in the loss; 1 is a standard normal prior.

    Returns:
        Weights, shape (F,), each at least 0.

    Example:
        >>> picked = Choice(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([True, False]))
        >>> choice_weights([picked], 1.0).round(3).tolist()
        [0.401, 0.0]
    """
    from scipy.optimize import minimize

    n_features = choices[0].features.shape[1]
    liked_means = np.sum([choice.features[choice.liked].mean(axis=0) for choice in choices], axis=0)

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value = 0.5 * regularization * weights @ weights - liked_means @ weights
        slope = regularization * weights - liked_means
        for features, _ in choices:
            utility = features @ weights
            odds = np.exp(utility - utility.max())
            value += np.log(odds.sum()) + utility.max()
            slope = slope + odds @ features / odds.sum()
        return float(value), slope

    fit = minimize(loss, np.zeros(n_features), jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * n_features)
    return np.asarray(fit.x, dtype=np.float64)
