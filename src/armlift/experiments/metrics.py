"""Metrics by one definition each: how they are named and what they divide by what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from armlift.errors import ParameterError

Kind = Literal["proportion", "mean", "ratio"]
CvrDenominator = Literal["clicks", "impressions", "users"]


@dataclass(frozen=True, slots=True)
class Metric:
    """What is measured of a user.

    Attributes:
        id: Name in briefs and tables.
        kind: `proportion` (users with any), `mean` (amount per user) or `ratio` (sum over sum).
        numerator: Measure above the line, a name of `summary.MEASURES`.
        denominator: Measure below the line of a ratio; else users.
        unit: Of the value.
    """

    id: str
    kind: Kind
    numerator: str
    denominator: str = "users"
    unit: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the table of users on which it is computed."""
        if self.kind == "ratio":
            return self.numerator, self.denominator
        return (f"any_{self.numerator}",) if self.kind == "proportion" else (self.numerator,)


METRICS: Mapping[str, Metric] = {
    metric.id: metric
    for metric in (
        Metric("ctr", "ratio", "clicks", "impressions", "clicks per impression"),
        Metric("clicked", "proportion", "clicks", unit="share of users who clicked"),
        Metric("conversion", "proportion", "purchases", unit="share of users who bought"),
        Metric("cvr", "ratio", "purchases", "clicks", "purchases per click"),
        Metric("add_to_cart_rate", "ratio", "add_to_carts", "impressions", "additions per impression"),
        Metric("revenue_per_user", "mean", "revenue", unit="currency per user"),
        Metric("reward_per_user", "mean", "reward", unit="reward per user"),
        Metric("reward_per_session", "ratio", "reward", "sessions", "reward per session"),
    )
}

SIGNALS: Mapping[str, str] = {
    "lcp_seconds": "seconds until the largest content is painted",
    "error_rate": "share of page views with a server error",
    "return_rate": "share of purchases that come back",
}


def find_metrics(names: Iterable[str], cvr_denominator: CvrDenominator = "clicks") -> tuple[Metric, ...]:
    """Metrics by name.

    Args:
        names: Names of `METRICS`.
        cvr_denominator: What `cvr` divides purchases by; the brief declares it.

    Raises:
        ParameterError: A name or the denominator is unknown.

    Example:
        >>> [metric.unit for metric in find_metrics(["ctr", "cvr"], cvr_denominator="impressions")]
        ['clicks per impression', 'purchases per impression']
    """
    if cvr_denominator not in get_args(CvrDenominator):
        allowed = ", ".join(get_args(CvrDenominator))
        raise ParameterError("cvr_denominator", cvr_denominator, f"one of {allowed}", "Choose one of them.")
    unit = f"purchases per {cvr_denominator.removesuffix('s')}"
    kind: Kind = "mean" if cvr_denominator == "users" else "ratio"
    known = {**METRICS, "cvr": replace(METRICS["cvr"], kind=kind, denominator=cvr_denominator, unit=unit)}
    found = []
    for name in names:
        if name not in known:
            raise ParameterError("metrics", name, f"one of {', '.join(known)}", "Choose among them.")
        found.append(known[name])
    return tuple(found)
