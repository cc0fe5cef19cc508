"""Group-sequential designs: a known number of looks, and bounds that spend alpha over them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armlift.errors import ParameterError
from armlift.statistics.effect import Alternative, Effect
from armlift.statistics.moments import Sample
from armlift.statistics.sequential.contrast import checked_claim, contrast
from armlift.statistics.sequential.crossing import spending_bounds

Floats = NDArray[np.float64]
Spending = Literal["obrien_fleming", "pocock"]
_SMALLEST_STEP = 0.001
_LEVELS = np.array([*np.geomspace(1e-6, 0.05, 9), 0.1, 0.2, 0.35, 0.5])


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """A plan of looks.

    Attributes:
        fractions: Share of the planned information at each look, shape (L,).
        z: Bound of the standardised statistic at each look; `inf` where a look has nothing to spend.
        spent: Alpha spent up to each look.
        alpha: Probability, under no effect, of crossing at any look.
        spending: Form of the spending function.
        alternative: Side on which the bounds lie; for `less` the statistic must fall below -z.
    """

    fractions: Floats
    z: Floats
    spent: Floats
    alpha: float
    spending: Spending
    alternative: Alternative


def group_sequential_bounds(
    fractions: ArrayLike,
    *,
    alpha: float = 0.05,
    spending: Spending = "obrien_fleming",
    alternative: Alternative = "two-sided",
) -> Bounds:
    """Bounds by alpha spending.

    With t the share of information, an error a on one side is spent as 2 (1 - Phi(z(a / 2) / sqrt(t)))
    (`obrien_fleming`, where z(q) is the normal's upper quantile) or a log(1 + (e - 1) t) (`pocock`).
    Two-sided, each side spends alpha / 2. There is no bound for futility.

    Args:
        fractions: Share of the planned information (units, if both arms grow alike) at each look: rising by
            0.001 or more, the last one 1 or less, shape (L,).
        alpha: Probability, under no effect, of crossing at any look, at most 0.5.
        spending: How alpha is spent.
        alternative: `two-sided`, `greater` or `less`.

    Raises:
        ParameterError: An argument is out of bounds.

    Source: Lan and DeMets (1983).

    Example:
        >>> print(group_sequential_bounds(np.arange(1, 6) / 5).z.round(3))
        [4.877 3.357 2.68  2.29  2.031]
    """
    shares = np.asarray(fractions, float)
    rising = (
        shares.ndim == 1 and shares.size > 0 and np.all(np.diff(shares, prepend=0.0) >= _SMALLEST_STEP - 1e-9)
    )
    if not rising or shares[-1] > 1.0 + 1e-9:
        bound = f"0 < fractions <= 1, rising by {_SMALLEST_STEP} or more"
        raise ParameterError("fractions", shares.tolist(), bound, "Give the share of data at each look.")
    if not 0.0 < alpha <= 0.5:
        raise ParameterError("alpha", alpha, "0 < alpha <= 0.5", "5 % is 0.05.")
    if spending not in get_args(Spending):
        allowed = ", ".join(get_args(Spending))
        raise ParameterError("spending", spending, f"one of {allowed}", "Choose one of them.")
    checked_claim(1.0 - alpha, alternative, 0.0)
    two_sided = alternative == "two-sided"
    spent = _spent(shares, np.array([alpha]), spending, two_sided)
    z = spending_bounds(shares, spent, two_sided=two_sided)
    return Bounds(shares, z[0], spent[0], alpha, spending, alternative)


def group_sequential(
    treatment: Sample,
    control: Sample,
    bounds: Bounds,
    *,
    look: ArrayLike | None = None,
    relative: bool = False,
    margin: ArrayLike = 0.0,
) -> Effect:
    """Difference of two independent samples at planned looks: repeated confidence intervals.

    The interval is estimate +- z * se with the look's bound. All looks' intervals hold together with
    probability 1 - alpha, whether or not the experiment stops where it may. The p-value is the repeated one:
    the smallest alpha whose bounds, of the same form and at the same looks, the statistic crosses at this
    look. It is below alpha exactly where the interval leaves `margin` out. Its smallest value over the looks
    is valid too (`running`). It is interpolated between 13 levels from 1e-6 to 0.5 and alpha itself,
    never below the smallest level that has a bound at the look, and 1 above 0.5.

    Args:
        treatment: Statistics of shape (...), cumulated up to each look.
        control: Statistics that broadcast with them.
        bounds: From `group_sequential_bounds`; it holds alpha and the alternative.
        look: Index of the look, from 0, an integer or an array that broadcasts with the statistics. By
            default the last axis holds the looks from the first one on.
        relative: Whether the difference is divided by the control's value (delta method).
        margin: Effect of the null hypothesis, in the effect's unit.

    Raises:
        ParameterError: An argument is out of bounds, or there are more looks than planned.

    Source: Jennison and Turnbull (1989, 2000, chapter 9); Liu and Anderson (2008) for the p-value.

    Example:
        >>> from armlift.statistics.moments import Proportion
        >>> plan = group_sequential_bounds([0.5, 1.0])
        >>> looks = Proportion([2500, 5000], [300, 575]), Proportion([2500, 5000], [250, 500])
        >>> effect = group_sequential(*looks, plan)
        >>> print(effect.low.round(4), effect.p_value.round(4))
        [-0.0062  0.0028] [0.1507 0.0156]
    """
    claim = checked_claim(1.0 - bounds.alpha, bounds.alternative, margin)
    watched = contrast(treatment, control, relative=relative)
    at = _looks(watched.estimate.shape, len(bounds.z), look)
    z = bounds.z[at]
    half = z * np.maximum(watched.standard_error, np.finfo(float).tiny)  # inf * 0 is no number
    deviate = watched.deviate(claim.margin)
    if claim.two_sided:
        deviate = np.abs(deviate)
    elif claim.alternative == "less":
        deviate = -deviate
    p_value = _repeated_p_value(deviate, at, bounds)
    return watched.effect(watched.estimate - half, watched.estimate + half, p_value, claim)


def _spent(fractions: Floats, alpha: Floats, spending: Spending, two_sided: bool) -> Floats:
    """Alpha spent up to each look, shape (A, L)."""
    from scipy.special import ndtr, ndtri

    sides = 2.0 if two_sided else 1.0
    own = alpha[:, None] / sides
    share = np.minimum(fractions, 1.0)
    if spending == "pocock":
        spent: Floats = own * np.log1p(np.expm1(1.0) * share)
    else:
        spent = 2.0 * ndtr(ndtri(own / 2.0) / np.sqrt(share))
    return sides * spent


def _looks(shape: tuple[int, ...], planned: int, look: ArrayLike | None) -> NDArray[np.intp]:
    if look is None:
        seen = shape[-1] if shape else 1
        if seen > planned:
            raise ParameterError("looks", seen, f"at most the {planned} planned", "Plan the bounds anew.")
        return np.broadcast_to(np.arange(seen), shape) if shape else np.zeros((), np.intp)
    at = np.asarray(look)
    if not (np.issubdtype(at.dtype, np.integer) and np.all((at >= 0) & (at < planned))):
        raise ParameterError("look", at.tolist(), f"a whole number from 0 to {planned - 1}", "Count from 0.")
    return np.broadcast_to(at, np.broadcast_shapes(shape, at.shape))


def _repeated_p_value(deviate: Floats, at: NDArray[np.intp], bounds: Bounds) -> Floats:
    from scipy.special import log_ndtr

    others = bounds.alpha != _LEVELS
    table = _bounds_by_level(
        tuple(bounds.fractions.tolist()), bounds.spending, bounds.alternative == "two-sided"
    )
    levels, table = np.append(_LEVELS[others], bounds.alpha), np.vstack([table[others], bounds.z])
    order = levels.argsort()
    levels, table = levels[order], table[order]
    deviate, at = np.broadcast_arrays(deviate, at)
    p_value = np.ones(deviate.shape)
    nominal = log_ndtr(-deviate)
    for look in np.unique(at):
        here = at == look
        open_at = np.isfinite(table[:, look])
        known = log_ndtr(-table[open_at, look])
        if known.size:
            logs = np.interp(nominal[here], known, np.log(levels[open_at]), right=0.0)
            p_value[here] = np.exp(logs)
    return p_value


@lru_cache(maxsize=16)
def _bounds_by_level(fractions: tuple[float, ...], spending: Spending, two_sided: bool) -> Floats:
    """Bounds of plans that differ in alpha alone, shape (levels, L)."""
    shares = np.array(fractions)
    return spending_bounds(shares, _spent(shares, _LEVELS, spending, two_sided), two_sided=two_sided)
