"""What choosing an arm is expected to cost: E[largest value - value of the arm], in the metric's unit.

A small expected loss allows a choice even where P(best) is far from 1, since the arms then differ by little
(Stucchio, 2015). For two Beta posteriors it is a difference of two probabilities, because x times a
Beta(a, b) density is a / (a + b) times that of Beta(a + 1, b); for more arms it is integrated beside P(best).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from armlift.statistics.best_arm import best_of_rows
from armlift.statistics.moments import Proportion, Sample
from armlift.statistics.posteriors import (
    Prior,
    beta_beats,
    beta_posterior,
    normal_posterior,
    standardise,
)

Floats = NDArray[np.float64]


def expected_loss(arms: Sample, *, prior: Prior | None = None) -> Floats:
    """Expected loss of choosing each arm from all of them.

    Args:
        arms: Arms along the last axis, shape (..., K).
        prior: Of every arm; see `beta_posterior`, `normal_posterior`.

    Returns:
        Losses, 0 or above, shape (..., K); infinite where an arm is unknown under a flat prior.

    Example:
        >>> expected_loss(Proportion([1000, 1000, 1000], [100, 110, 120])).round(5)
        array([0.02225, 0.01227, 0.00229])
    """
    if isinstance(arms, Proportion):
        beliefs = beta_posterior(arms, prior)
        _, excess = best_of_rows(True, beliefs.a, beliefs.b)
        mean = beliefs.mean
    else:
        mean, sd = np.broadcast_arrays(*normal_posterior(arms, prior))
        units = standardise(mean, sd)
        _, excess = best_of_rows(False, units.mean, units.sd)
        excess = np.where(np.isinf(sd).any(axis=-1), np.inf, units.scale[..., 0] * excess)
    below: Floats = mean.max(axis=-1, keepdims=True) - mean
    return excess[..., None] + below


def expected_loss_between(chosen: Sample, other: Sample, *, prior: Prior | None = None) -> Floats:
    """Expected loss of choosing one arm instead of another: E[max(value of other - value of chosen, 0)].

    Args:
        chosen: Arms of shape (...).
        other: Arms that broadcast with them, of the same metric.
        prior: Of both; see `beta_posterior`, `normal_posterior`.

    Returns:
        Losses, shape (...); infinite where an arm is unknown under a flat prior.
    """
    from scipy.special import ndtr

    if isinstance(chosen, Proportion) and isinstance(other, Proportion):
        a, b = beta_posterior(chosen, prior)
        c, d = beta_posterior(other, prior)
        loss = c / (c + d) * beta_beats(c + 1.0, d, a, b) - a / (a + b) * beta_beats(c, d, a + 1.0, b)
        return np.maximum(loss, 0.0)
    first, second = normal_posterior(chosen, prior), normal_posterior(other, prior)
    gain, sd = second.mean - first.mean, np.hypot(first.sd, second.sd)
    known = np.isfinite(sd) & (sd > 0.0)
    z = np.divide(gain, sd, out=np.zeros_like(sd), where=known)
    smooth = gain * ndtr(z) + np.where(known, sd, 0.0) * np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    loss = np.where(known, smooth, np.maximum(gain, sd))
    return np.maximum(loss, 0.0)
