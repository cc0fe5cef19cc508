"""Live runs of MLflow: read in the background, once for all sessions, and kept while MLflow is away."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING

import pandas as pd

from armlift.errors import ArmliftError
from armlift.reporting.findings import Finding
from armlift.reporting.numerals import percent

if TYPE_CHECKING:
    from armlift.tracking.live_history import LiveHistory, LiveRecord
    from dashboard.view import View

_EVERY_SECONDS = 30.0
_GRAINS = {"hour": "5min", "day": "1h", "week": "1D", "month": "1D"}
_WORDS = {"5min": "minutes", "1h": "hour", "1D": "day", "7D": "week"}
_log = logging.getLogger("dashboard")


@dataclass(frozen=True, eq=False)
class Remembered:
    """What was read last.

    Attributes:
        record: What MLflow has; None if it was never read.
        read_at: When, UTC.
        error: Why the last try failed, in words; None if it did not.
    """

    record: LiveRecord | None = None
    read_at: datetime | None = None
    error: str | None = None

    @property
    def version(self) -> str:
        """Changes whenever a chart of it would."""
        points = None if self.record is None else self.record.points
        last = "" if points is None or points.empty else points["at"].iloc[-1].isoformat()
        return f"{last}/{0 if points is None else len(points)}/{self.error or ''}"


class HistoryReader:
    """Reads histories one after the other, each at most every 30 s; asked by many sessions, it reads once."""

    def __init__(self) -> None:
        self._histories: dict[str, LiveHistory] = {}
        self._known: dict[tuple[str, str, str], Remembered] = {}
        self._tried: dict[tuple[str, str, str], datetime] = {}
        self._waiting: dict[tuple[str, str, str], list[Callable[[], None]]] = {}
        self._lock = Lock()
        self._reader = ThreadPoolExecutor(1, "mlflow-history")

    def known(self, view: View) -> Remembered:
        """What was read of the view's experiment and range."""
        with self._lock:
            return self._known.get(_key(view), Remembered())

    def refresh(self, view: View, done: Callable[[], None]) -> None:
        """Read again in the background if it is time.

        Args:
            view: Names the experiment and the range.
            done: Called in the background after the read.
        """
        row, key = view.row, _key(view)
        if row is None:
            return
        now = datetime.now(UTC)
        with self._lock:
            if key in self._waiting:
                self._waiting[key].append(done)
                return
            tried = self._tried.get(key)
            if tried is not None and (now - tried).total_seconds() < _EVERY_SECONDS:
                return
            self._tried[key], self._waiting[key] = now, [done]
        self._reader.submit(self._read, key, row.brief.tracked_as, view.since())

    def _read(self, key: tuple[str, str, str], tracked_as: str, since: datetime | None) -> None:
        from armlift.tracking.live_history import LiveHistory

        uri, experiment, _ = key
        history = self._histories.setdefault(uri, LiveHistory(uri))
        try:
            found = Remembered(history.read(tracked_as, experiment, since=since), datetime.now(UTC))
        except ArmliftError as error:
            found = replace(self._known.get(key, Remembered()), error=str(error))
        except Exception as error:
            _log.exception("MLflow could not be read")
            found = replace(self._known.get(key, Remembered()), error=f"{type(error).__name__}: {error}")
        with self._lock:
            self._known[key] = found
            waiting = self._waiting.pop(key, [])
        for done in waiting:
            done()


HISTORIES = HistoryReader()
"""The process's reader."""


def _key(view: View) -> tuple[str, str, str]:
    return view.sources.tracking_uri, "" if view.row is None else view.row.id, view.range


def grain_of(range_: str, points: pd.DataFrame) -> str:
    """Length of the stretches in a range, as pandas names it; of everything, by how far the points reach.

    Args:
        range_: The view's range.
        points: From `LiveHistory.read`.
    """
    if range_ in _GRAINS:
        return _GRAINS[range_]
    days = 0.0 if points.empty else (points["at"].max() - points["at"].min()).total_seconds() / 86_400
    return "5min" if days < 0.2 else "1h" if days < 4 else "1D" if days < 90 else "7D"


def by_stretch(points: pd.DataFrame, grain: str, above: str, below: str) -> pd.DataFrame:
    """A ratio of sums in each stretch.

    Args:
        points: From `LiveHistory.read`.
        grain: Length of the stretches, as pandas names it; those of days and more begin at midnight UTC.
        above: Numerator, such as `clicks`.
        below: Denominator, such as `impressions`; stretches where it is 0 are left out.

    Returns:
        at (start of the stretch), strategy, value, and both sums.
    """
    before_end = points["at"] - pd.Timedelta(milliseconds=1)  # a window belongs to the time before its end
    start = before_end.dt.floor("1D" if grain == "7D" else grain)
    if grain == "7D":  # weeks begin on Monday
        start -= pd.to_timedelta(start.dt.day_of_week, unit="D")
    keys = [start.rename("at"), points["strategy_id"]]
    sums = points.groupby(keys, sort=True)[[above, below]].sum().reset_index()
    sums = sums[sums[below] > 0].rename(columns={"strategy_id": "strategy"})
    return sums.assign(value=sums[above] / sums[below]).reset_index(drop=True)


def history_finding(rows: pd.DataFrame, grain: Finding, above: str, below: str) -> Finding:
    """Say which strategy was ahead, over all and in how many stretches.

    Args:
        rows: From `by_stretch`, one row at least.
        grain: Name of a stretch.
        above: Numerator.
        below: Denominator.
    """
    totals = rows.groupby("strategy", sort=False)[[above, below]].sum()
    means = (totals[above] / totals[below]).sort_values(ascending=False, kind="stable")
    values: dict[str, object] = {"grain": grain, "strategy": str(means.index[0])}
    values["mean"] = percent(means.iloc[0], 2)
    if len(means) == 1:
        return Finding("comparison.history.one", values | {"last": percent(rows["value"].iloc[-1], 2)})
    values |= {"other": str(means.index[1]), "less": percent(means.iloc[1], 2)}
    if abs(means.iloc[0] - means.iloc[1]) <= 1e-9 * abs(means.iloc[0]):
        return Finding("comparison.history.tie", values)
    wide = rows.pivot_table(index="at", columns="strategy", values="value").reindex(columns=means.index)
    wide = wide.dropna(subset=list(means.index[:2]))
    ahead = int((wide[means.index[0]] > wide[means.index[1]]).sum())
    return Finding("comparison.history.lead", values | {"ahead": str(ahead), "stretches": str(len(wide))})


def grain_finding(grain: str) -> Finding:
    """Name of a stretch."""
    return Finding(f"comparison.grain.{_WORDS[grain]}")
