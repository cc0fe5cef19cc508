"""From events to sufficient statistics, inside the query engine.

Every metric is a sum over a user's events, or a ratio of two such sums; users are the units. The engine rolls
events up to users and users to moments, so that only a few numbers for each arm leave it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from armlift.experiments.metrics import Metric
from armlift.statistics.moments import CovariateMean, CovariateRatio, Mean, Proportion, Ratio

if TYPE_CHECKING:
    from ibis.expr.types import Table

Statistics = Proportion | Mean | Ratio | CovariateMean | CovariateRatio
BEFORE = "_before"


def _number_of(event_type: str) -> Callable[[Table], Any]:
    return lambda events: events.count(where=events.event_type == event_type)


def _revenue(events: Table) -> Any:
    amount = events.revenue
    if {"price", "quantity"} <= set(events.columns):
        amount = amount.fill_null(events.price * events.quantity)
    return amount.cast("float64").sum(where=events.event_type == "purchase").fill_null(0.0)


MEASURES: Mapping[str, Callable[[Table], Any]] = {
    "impressions": _number_of("impression"),
    "clicks": _number_of("click_detail"),
    "add_to_carts": _number_of("add_to_cart"),
    "purchases": _number_of("purchase"),
    "revenue": _revenue,
    "reward": lambda events: events.reward.cast("float64").sum().fill_null(0.0),
    "sessions": lambda events: events.session_id.nunique(),
}


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """Sufficient statistics of some metrics.

    Attributes:
        arms: Ids of the arms, A of them.
        segments: Values of the segment, S of them; empty if users are not split.
        statistics: By metric id, of shape (A,), or (A, S) with segments.
    """

    arms: tuple[str, ...]
    segments: tuple[str, ...]
    statistics: Mapping[str, Statistics]


def roll_up(
    events: Table, metrics: Sequence[Metric], *, start: datetime | None = None, segment: str | None = None
) -> Table:
    """Sum events up to users: the table on which metrics are defined.

    Args:
        events: Table of events, those of one experiment and strategy; rows with `bot_flag` are left out.
        metrics: What is wanted.
        start: Start of the experiment, UTC. What a user did before it becomes columns with the suffix
            `_before`, 0 for users without a past; without a start there are none, and all events count.
        segment: Column of the events, such as `device`, by which users are split.

    Returns:
        One row for each `arm_id`, `user_key` and segment. A user who met two arms or segments is a unit of
        each, with the same past.
    """
    if "bot_flag" in events.columns:
        events = events.filter(~events.bot_flag.fill_null(False))
    measures = sorted({name for metric in metrics for name in (metric.numerator, metric.denominator)})
    measures = [name for name in measures if name != "users"]
    keys = ["arm_id", "user_key"]
    during = events
    if segment is not None:
        during = during.mutate(segment=during[segment].cast("string").fill_null("unknown"))
        keys.append("segment")
    if start is None:
        return _with_indicators(_sums(during, keys, measures), metrics, "")
    moment = _same_clock(start, events)
    users = _sums(during.filter(during.ts >= moment), keys, measures)
    past = _sums(events.filter(events.ts < moment), ["user_key"], measures)
    past = past.rename({f"{name}{BEFORE}": name for name in measures} | {"past_key": "user_key"})
    joined = users.left_join(past, users.user_key == past.past_key).drop("past_key")
    joined = joined.mutate(**{f"{name}{BEFORE}": joined[f"{name}{BEFORE}"].fill_null(0) for name in measures})
    return _with_indicators(_with_indicators(joined, metrics, ""), metrics, BEFORE)


def summarise(
    events: Table,
    metrics: Sequence[Metric],
    *,
    arms: Sequence[str] | None = None,
    start: datetime | None = None,
    segment: str | None = None,
) -> Summary:
    """Reduce events to sufficient statistics, inside the query engine.

    Args:
        events: As for `roll_up`.
        metrics: What is wanted.
        arms: Arms in the order wanted, those without events too; all that occur, by name, if not given.
        start: Start of the experiment, UTC; with it the statistics carry covariates from before, for CUPED.
        segment: Column of the events by which users are split.
    """
    users = roll_up(events, metrics, start=start, segment=segment)
    suffixes = ("",) if start is None else ("", BEFORE)
    blocks = {m.id: [f"{column}{suffix}" for suffix in suffixes for column in m.columns] for m in metrics}
    columns = sorted({column for block in blocks.values() for column in block})
    pairs = sorted({pair for block in blocks.values() for pair in combinations(sorted(block), 2)})
    cells = users.group_by(["arm_id"] if segment is None else ["arm_id", "segment"]).aggregate(
        n=users.count(),
        **{f"mean.{x}": users[x].mean() for x in columns},
        **{f"cov.{x}.{x}": users[x].var(how="pop") for x in columns},
        **{f"cov.{x}.{y}": users[x].cov(users[y], how="pop") for x, y in pairs},
    )
    rows = [row for row in cells.to_pyarrow().to_pylist() if row["arm_id"] is not None]
    names = tuple(arms) if arms is not None else tuple(sorted({row["arm_id"] for row in rows}))
    segments = () if segment is None else tuple(sorted({row["segment"] for row in rows}))
    shape = (len(names), len(segments)) if segment is not None else (len(names),)
    place = {
        (arm, value): (i, j) if segments else (i,)
        for i, arm in enumerate(names)
        for j, value in enumerate(segments or (None,))
    }
    known = [(place.get((row["arm_id"], row.get("segment"))), row) for row in rows]

    def fill(key: str) -> NDArray[np.float64]:
        array = np.zeros(shape)
        for cell, row in known:
            if cell is not None:
                array[cell] = row[key]
        return array

    statistics = {m.id: _statistics(m, blocks[m.id], fill, covariates=start is not None) for m in metrics}
    return Summary(names, segments, statistics)


def _sums(events: Table, keys: list[str], measures: Iterable[str]) -> Table:
    return events.group_by(keys).aggregate(**{name: MEASURES[name](events) for name in measures})


def _with_indicators(users: Table, metrics: Sequence[Metric], suffix: str) -> Table:
    counted = [metric.numerator for metric in metrics if metric.kind == "proportion"]
    return users.mutate(
        **{f"any_{name}{suffix}": (users[f"{name}{suffix}"] > 0).cast("float64") for name in counted}
    )


def _same_clock(moment: datetime, events: Table) -> datetime:
    """The moment as the events tell time: their column has UTC as its zone, or none."""
    utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return utc if events.ts.type().timezone else utc.replace(tzinfo=None)


def _statistics(
    metric: Metric, block: list[str], fill: Callable[[str], NDArray[np.float64]], *, covariates: bool
) -> Statistics:
    n = fill("n")
    mean = np.stack([fill(f"mean.{column}") for column in block], axis=-1)
    if metric.kind == "proportion" and not covariates:
        return Proportion(n, np.rint(mean[..., 0] * n))
    rows = [np.stack([fill(f"cov.{min(x, y)}.{max(x, y)}") for y in block], axis=-1) for x in block]
    kinds = (CovariateRatio, CovariateMean) if covariates else (Ratio, Mean)
    kind = kinds[0] if metric.kind == "ratio" else kinds[1]
    return kind(n, mean, np.stack(rows, axis=-2) * n[..., None, None])
