"""Sufficient statistics that add up: over days, segments, shards and processes.

Every estimate and test in `armlift.statistics` computes on these and never on rows. Their arrays share
leading axes, by convention experiments, then looks, then arms: one call serves one experiment or thousands.
Second moments are kept centred, because a variance from raw sums of squares loses its digits where the mean
is large beside the standard deviation; `+` merges them exactly (Chan, Golub and LeVeque, 1983).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armlift.errors import ParameterError

Floats = NDArray[np.float64]


class Sample(Protocol):
    """What a comparison needs to know of an arm: `variance / n` is the squared standard error of `value`.

    Attributes:
        n: Units observed, shape (...).
        value: Estimate of the metric; 0 where nothing was observed.
        variance: Variance of one unit's contribution to the estimate; 0 where fewer than two were observed.
    """

    @property
    def n(self) -> Floats: ...  # noqa: D102 (described above)
    @property
    def value(self) -> Floats: ...  # noqa: D102
    @property
    def variance(self) -> Floats: ...  # noqa: D102


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Quotient, 0 where the denominator is 0."""
    shape = np.broadcast_shapes(np.shape(numerator), np.shape(denominator))
    return np.divide(numerator, denominator, out=np.zeros(shape), where=np.asarray(denominator) != 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Proportion:
    """Units that did something, such as users who clicked.

    Attributes:
        n: Units, shape (...).
        successes: Those that did, the same shape; 0 <= successes <= n.

    Example:
        >>> week = Proportion([1000, 1000], [100, 120]) + Proportion([500, 500], [40, 60])
        >>> week.value.round(4)
        array([0.0933, 0.12  ])
    """

    n: Floats
    successes: Floats

    def __init__(self, n: ArrayLike, successes: ArrayLike) -> None:
        units, done = np.broadcast_arrays(np.asarray(n, float), np.asarray(successes, float))
        _check_counts(units)
        if not np.all((done >= 0.0) & (done <= units)):
            wrong = done[~((done >= 0.0) & (done <= units))].flat[0]
            raise ParameterError("successes", float(wrong), "0 <= successes <= n", "Count each unit once.")
        object.__setattr__(self, "n", units)
        object.__setattr__(self, "successes", done)

    @property
    def value(self) -> Floats:
        """Share of units that did it."""
        return ratio(self.successes, self.n)

    @property
    def variance(self) -> Floats:
        """Variance of one unit's answer, p (1 - p)."""
        return self.value * (1.0 - self.value)

    def __add__(self, other: Proportion) -> Proportion:
        return Proportion(self.n + other.n, self.successes + other.successes)

    def __getitem__(self, index: Any) -> Proportion:
        return Proportion(self.n[index], self.successes[index])

    def sum(self, axis: int = -1) -> Proportion:
        """Pool the statistics along an axis."""
        return Proportion(self.n.sum(axis), self.successes.sum(axis))


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Number, means and scatter of d columns; the base of the metrics below.

    Attributes:
        n: Units, shape (...).
        mean: Mean of each column, shape (..., d).
        scatter: Sums of products of deviations from the means, shape (..., d, d).
    """

    n: Floats
    mean: Floats
    scatter: Floats

    def __init__(self, n: ArrayLike, mean: ArrayLike, scatter: ArrayLike) -> None:
        units, means, products = np.asarray(n, float), np.asarray(mean, float), np.asarray(scatter, float)
        _check_counts(units)
        d = means.shape[-1]
        if means.shape != (*units.shape, d) or products.shape != (*means.shape, d):
            shapes = (units.shape, means.shape, products.shape)
            raise ParameterError(
                "shapes of n, mean, scatter", shapes, "(...), (..., d), (..., d, d)", "Align them."
            )
        for name, array in (("mean", means), ("scatter", products)):
            if not np.isfinite(array).all():
                wrong = float(array[~np.isfinite(array)].flat[0])
                raise ParameterError(name, wrong, "finite", "Drop or repair the rows behind it.")
        object.__setattr__(self, "n", units)
        object.__setattr__(self, "mean", means)
        object.__setattr__(self, "scatter", products)

    @classmethod
    def from_columns(cls, *columns: ArrayLike) -> Self:
        """Summarise rows.

        Args:
            columns: One array for each column, shape (..., rows).
        """
        rows = np.stack(np.broadcast_arrays(*(np.asarray(column, float) for column in columns)), axis=-1)
        n = rows.shape[-2]
        if n == 0:
            d = rows.shape[-1]
            return cls(
                np.zeros(rows.shape[:-2]), np.zeros((*rows.shape[:-2], d)), np.zeros((*rows.shape[:-2], d, d))
            )
        constant = (rows == rows[..., :1, :]).all(axis=-2)  # its mean must be exact, its scatter 0
        mean = np.where(constant, rows[..., 0, :], rows.mean(axis=-2))
        deviations = rows - mean[..., None, :]
        return cls(
            np.full(rows.shape[:-2], float(n)), mean, np.einsum("...ri,...rj->...ij", deviations, deviations)
        )

    @classmethod
    def from_sums(cls, n: ArrayLike, sums: ArrayLike, products: ArrayLike) -> Self:
        """From raw sums, which lose digits where means are large beside standard deviations.

        Args:
            n: Units, shape (...).
            sums: Sum of each column, shape (..., d).
            products: Sums of products of columns, shape (..., d, d).
        """
        units, totals = np.asarray(n, float), np.asarray(sums, float)
        mean = ratio(totals, units[..., None])
        scatter = np.asarray(products, float) - mean[..., :, None] * totals[..., None, :]
        diagonal = np.einsum("...ii->...i", scatter)  # a view: rounding must not leave a variance below 0
        np.maximum(diagonal, 0.0, out=diagonal)
        return cls(units, mean, scatter)

    @property
    def covariance(self) -> Floats:
        """Unbiased covariance matrix of the columns, shape (..., d, d); 0 for fewer than two units."""
        return ratio(self.scatter, np.maximum(self.n - 1.0, 0.0)[..., None, None])

    def __add__(self, other: Self) -> Self:
        n = self.n + other.n
        shift = other.mean - self.mean
        mean = self.mean + shift * ratio(other.n, n)[..., None]
        weight = ratio(self.n * other.n, n)[..., None, None]
        between = weight * shift[..., :, None] * shift[..., None, :]
        return type(self)(n, mean, self.scatter + other.scatter + between)

    def __getitem__(self, index: Any) -> Self:
        at = index if isinstance(index, tuple) else (index,)
        if not any(part is Ellipsis for part in at):
            at = (*at, Ellipsis)  # the columns stay
        columns = (slice(None),)
        return type(self)(self.n[at], self.mean[at + columns], self.scatter[at + columns * 2])

    def sum(self, axis: int = -1) -> Self:
        """Pool the statistics along an axis of `n`."""
        axis = axis % self.n.ndim
        n = self.n.sum(axis)
        mean = ratio((self.n[..., None] * self.mean).sum(axis), n[..., None])
        shift = self.mean - np.expand_dims(mean, axis)
        between = self.n[..., None, None] * shift[..., :, None] * shift[..., None, :]
        return type(self)(n, mean, (self.scatter + between).sum(axis))


class Mean(Moments):
    """Mean of a quantity by unit, such as revenue per user; one column."""

    __slots__ = ()

    @property
    def value(self) -> Floats:
        """The mean."""
        return self.mean[..., 0]

    @property
    def variance(self) -> Floats:
        """Unbiased variance of a unit."""
        return self.covariance[..., 0, 0]


class Ratio(Moments):
    """Ratio of two means, such as clicks per impression of users; columns numerator, denominator."""

    __slots__ = ()

    @property
    def value(self) -> Floats:
        """Mean of the numerator over mean of the denominator."""
        return ratio(self.mean[..., 0], self.mean[..., 1])

    @property
    def variance(self) -> Floats:
        """Delta method: variance of (numerator - value * denominator) / mean(denominator)."""
        return linearised_variance(
            self, np.stack(ratio_weights(self.mean[..., 0], self.mean[..., 1]), axis=-1)
        )


class CovariateMean(Mean):
    """Mean of an outcome beside a covariate known before the experiment; columns outcome, covariate.

    Value and variance are the outcome's own; `cuped` adjusts them.
    """

    __slots__ = ()


class CovariateRatio(Ratio):
    """Ratio metric beside its own past; columns numerator, denominator and the covariates of each.

    Value and variance are those without the covariates; `cuped` adjusts them.
    """

    __slots__ = ()

    @property
    def variance(self) -> Floats:
        """Delta method on the first two columns."""
        weights = ratio_weights(self.mean[..., 0], self.mean[..., 1])
        return linearised_variance(self, np.stack([*weights, *(np.zeros_like(w) for w in weights)], axis=-1))


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """An estimate that was made elsewhere, such as an adjusted mean; see `Sample`.

    Attributes:
        n: Units, shape (...).
        value: The estimate, the same shape.
        variance: n times the squared standard error, the same shape.
    """

    n: Floats
    value: Floats
    variance: Floats

    def __init__(self, n: ArrayLike, value: ArrayLike, variance: ArrayLike) -> None:
        units, values, spread = np.broadcast_arrays(
            np.asarray(n, float), np.asarray(value, float), np.asarray(variance, float)
        )
        _check_counts(units)
        for name, array, valid, bound in (
            ("value", values, np.isfinite(values), "finite"),
            ("variance", spread, (spread >= 0.0) & np.isfinite(spread), "0 <= variance < infinity"),
        ):
            if not valid.all():
                raise ParameterError(name, float(array[~valid].flat[0]), bound, "Estimate it from data.")
        object.__setattr__(self, "n", units)
        object.__setattr__(self, "value", values)
        object.__setattr__(self, "variance", spread)

    def __getitem__(self, index: Any) -> Estimate:
        return Estimate(self.n[index], self.value[index], self.variance[index])


def ratio_weights(numerator: Floats, denominator: Floats) -> tuple[Floats, Floats]:
    """Derivatives of numerator / denominator by each, 0 where the denominator is 0."""
    inverse = ratio(np.ones_like(denominator), denominator)
    return inverse, -numerator * inverse * inverse


def linearised_variance(moments: Moments, weights: Floats) -> Floats:
    """Variance of a weighted sum of the columns, the weights having shape (..., d)."""
    variance: Floats = np.einsum("...i,...ij,...j->...", weights, moments.covariance, weights)
    return np.maximum(variance, 0.0)


def _check_counts(n: Floats) -> None:
    if not np.all((n >= 0.0) & np.isfinite(n)):
        wrong = n[~((n >= 0.0) & np.isfinite(n))].flat[0]
        raise ParameterError("n", float(wrong), "0 <= n < infinity", "Pass the number of units.")
