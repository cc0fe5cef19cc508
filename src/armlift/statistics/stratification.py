"""Post-stratification: arms compared within strata and averaged with the same weights.

Strata are groups that a unit belongs to before the experiment, such as its device. Chance gives the arms
slightly different mixtures of them; weighting removes that part of the noise.

Source: Miratrix, Sekhon and Yu (2013).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armlift.errors import ParameterError
from armlift.statistics.moments import Estimate, Proportion, Sample, ratio

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Stratified:
    """Arms with one mixture of strata.

    Attributes:
        arms: Estimates of shape (...), for `difference` and `relative_difference`.
        weights: Weight of each stratum, shape (..., S), sum 1, or 0 where no stratum could be compared.
        covered: Share of all weight in strata that could be compared: those with two units or more in every
            arm. The others are left out.
    """

    arms: tuple[Estimate, ...]
    weights: Floats
    covered: Floats


def post_stratify(*arms: Sample, weights: ArrayLike | None = None) -> Stratified:
    """Average each arm over strata with common weights.

    The variance takes the weights as given. With known weights the comparison is of the population that they
    describe; with the sample's own shares it is of the units observed, which differs from their population
    only if the effect differs between strata.

    Args:
        arms: Two or more arms, shapes (..., S) that broadcast, the strata last.
        weights: Known shares of the strata, shape (S,), not negative, sum 1; by default their shares in all
            arms together.

    Raises:
        ParameterError: There are fewer than two arms, or the weights are not shares of the strata.

    Example:
        >>> control = Proportion([600, 400], [60, 80])
        >>> treatment = Proportion([400, 600], [44, 132])
        >>> result = post_stratify(treatment, control)
        >>> [float(arm.value.round(3)) for arm in result.arms]
        [0.165, 0.15]
    """
    if len(arms) < 2:
        raise ParameterError("arms", len(arms), "arms >= 2", "Pass treatment and control.")
    sizes = np.broadcast_arrays(*(arm.n for arm in arms))
    if sizes[0].ndim == 0:
        raise ParameterError("arms", sizes[0].shape, "shape (..., S)", "Put the strata on the last axis.")
    total = np.sum(sizes, axis=0)
    shares = ratio(total, total.sum(-1, keepdims=True)) if weights is None else _check_weights(weights, total)
    usable = np.where(np.min(sizes, axis=0) >= 2.0, shares, 0.0)
    covered = usable.sum(-1)
    used = ratio(usable, covered[..., None])
    return Stratified(tuple(_average(arm, used) for arm in arms), used, covered)


def _average(arm: Sample, weights: Floats) -> Estimate:
    variance = arm.variance
    if isinstance(arm, Proportion):  # p (1 - p) is too small by (n - 1) / n, which matters in small strata
        variance = variance * ratio(arm.n, np.maximum(arm.n - 1.0, 0.0))
    units = np.where(weights > 0.0, arm.n, 0.0)
    n = units.sum(-1)
    squared_error = (weights * weights * ratio(variance, units)).sum(-1)
    return Estimate(n, (weights * arm.value).sum(-1), n * squared_error)


def _check_weights(weights: ArrayLike, total: Floats) -> Floats:
    shares = np.asarray(weights, float)
    if shares.shape != total.shape[-1:] or not (np.all(shares >= 0.0) and np.isclose(shares.sum(), 1.0)):
        raise ParameterError("weights", weights, "one share for each stratum, sum 1", "Divide by their sum.")
    return np.broadcast_to(shares, total.shape)
