"""Whether an experiment's data can be trusted: figures from its readings and sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

import pandas as pd

from armlift.experiments.live_window import KEPT_ROWS

DRIFT = "drift:"
"""How metrics of drift begin; the feature's name follows."""


_WIDTHS = tuple(timedelta(minutes=minutes) for minutes in (5, 30, 60, 360, 1440, 10_080))
_MOST_POINTS = 120


class Exclusions(NamedTuple):
    """How much of the log is kept and not counted.

    Attributes:
        excluded: Flagged rows.
        rows: All rows.
    """

    excluded: int
    rows: int

    @property
    def share(self) -> float:
        """Flagged rows of all; 0 without any."""
        return self.excluded / self.rows if self.rows else 0.0


def bucket_width(span: timedelta) -> timedelta:
    """The narrowest buckets that give a chart over a span no more points than it can show.

    Example:
        >>> bucket_width(timedelta(hours=3)), bucket_width(timedelta(days=30))
        (datetime.timedelta(seconds=300), datetime.timedelta(seconds=21600))
    """
    return next((width for width in _WIDTHS if span / width <= _MOST_POINTS), _WIDTHS[-1])


def exclusions(sums: pd.DataFrame) -> Exclusions:
    """Count what is excluded.

    Args:
        sums: Rows of sums, which add up.
    """
    excluded = int(sums["excluded"].sum())
    return Exclusions(excluded, excluded + int(sums[list(KEPT_ROWS)].to_numpy().sum()))


def exclusion_trend(series: pd.DataFrame) -> pd.DataFrame:
    """Follow the share of excluded rows.

    Args:
        series: Sums by `bucket_at`; rows of one bucket add up.

    Returns:
        `bucket_at`, `excluded`, `rows`, `share`; buckets without rows are left out.
    """
    columns = ["excluded", *KEPT_ROWS]
    by_time = series.groupby("bucket_at", as_index=False)[columns].sum()
    trend = by_time[["bucket_at", "excluded"]].assign(rows=by_time[columns].sum(axis=1))
    trend = trend[trend["rows"] > 0]
    return trend.assign(share=trend["excluded"] / trend["rows"]).reset_index(drop=True)


def flag_reasons(rows: pd.DataFrame) -> dict[str, int]:
    """Count why rows of the log were flagged; one row may have several reasons.

    Args:
        rows: Rows with `flag_reasons`, comma-separated.

    Returns:
        Rows by reason, the most frequent first.
    """
    found = Counter(reason for text in rows["flag_reasons"].dropna() if text for reason in text.split(","))
    return dict(found.most_common())


def of_metric(readings: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Readings of a metric that have a value, the oldest first.

    Args:
        readings: `at`, `metric`, `segment`, `value`, `threshold`, `alarm`, in any order.
        metric: Its name.
    """
    own = readings[(readings["metric"] == metric) & readings["value"].notna()]
    return own.sort_values("at", kind="stable").reset_index(drop=True)


def drift_readings(report: pd.DataFrame | None, readings: pd.DataFrame) -> pd.DataFrame:
    """Drift of each feature over time: as the pipeline reported it, else as the store was told.

    Args:
        report: Table `drift_report`; None if there is none.
        readings: As for `of_metric`.

    Returns:
        `at` (end of a window), `source`, `name` (of the feature), `value` (PSI), `threshold` and `alarm`; the
        oldest first.
    """
    columns = ["at", "source", "name", "value", "threshold", "alarm"]
    if report is not None:
        named = report.rename(columns={"end": "at", "feature": "name", "psi": "value"})
        named = named.assign(alarm=named["verdict"] == "drift")
    elif readings.empty:
        return pd.DataFrame(columns=columns)
    else:
        own = readings[readings["metric"].str.startswith(DRIFT)]
        named = own.assign(name=own["metric"].str.removeprefix(DRIFT), source=own["segment"])
    known = named.loc[named["value"].notna(), columns]
    return known.sort_values("at", kind="stable").reset_index(drop=True)


def last_of_each(readings: pd.DataFrame) -> pd.DataFrame:
    """The last reading of each `name`.

    Args:
        readings: Of one metric, the oldest first.
    """
    return readings.drop_duplicates("name", keep="last").reset_index(drop=True)


def standing_alarms(readings: pd.DataFrame) -> pd.DataFrame:
    """Alarms that the last reading of their metric and segment raised.

    Args:
        readings: As for `of_metric`, newest first.
    """
    last = readings.drop_duplicates(["experiment_id", "metric", "segment"])
    return last[last["alarm"].astype(bool)].reset_index(drop=True)


def traffic_split(totals: pd.DataFrame, arms: Iterable[str]) -> pd.DataFrame:
    """Decisions of each strategy and arm, and each arm's share of its strategy's.

    Args:
        totals: Counters of one experiment.
        arms: Arms in order; those without decisions have 0.

    Returns:
        `strategy_id`, `arm_id`, `decisions`, `share` (0 without decisions).
    """
    by_arm = totals.groupby(["strategy_id", "arm_id"])["decisions"].sum()
    every = pd.MultiIndex.from_product(
        [totals["strategy_id"].unique(), list(arms)], names=["strategy_id", "arm_id"]
    )
    table = by_arm.reindex(every, fill_value=0).reset_index()
    whole = table.groupby("strategy_id")["decisions"].transform("sum")
    return table.assign(share=(table["decisions"] / whole.where(whole > 0)).fillna(0.0))
