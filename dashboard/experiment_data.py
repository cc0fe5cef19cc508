"""What the page of an experiment shows, read from the store for the session's view."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from armlift.errors import LiveError
from armlift.experiments.brief import Brief
from armlift.reporting.live_beliefs import beliefs, beliefs_over_time
from armlift.reporting.live_effects import LiveVerdict, effects_over_time, live_verdict
from armlift.reporting.live_rewards import trial_of
from armlift.reporting.live_segments import LiveSegments, Rates, live_segments, rates
from armlift.reporting.live_trends import roles, traffic_trend
from armlift.statistics.change_points import Cusum, cusum
from armlift.statistics.moments import ratio
from dashboard.recent import Recent

if TYPE_CHECKING:
    from armlift.storage import ExperimentRow, Readings
    from dashboard.view import View

_STRETCHES = 240  # points of a chart, about
_WIDTHS = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 60, 180, 360, 1440))
_CALM = 8  # stretches at least that say what is usual
_WATCHED = 20  # rewards in a stretch, about, before its mean says anything
_SERIES: Recent[pd.DataFrame] = Recent(24)


class ExperimentData:
    """Tables of the chosen experiment; sums by time are read once for all charts of a snapshot.

    Args:
        view: The session's view.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._judged: tuple[object, str, LiveVerdict] | None = None

    @property
    def row(self) -> ExperimentRow:
        """The experiment.

        Raises:
            LiveError: There is none.
        """
        row = self._view.row
        if row is None:
            raise LiveError(self._view.say("experiment.unknown", name=self._view.experiment or ""))
        return row

    @property
    def brief(self) -> Brief:
        """What was declared."""
        return self.row.brief

    @property
    def _readings(self) -> Readings:
        readings = self._view.sources.readings
        if readings is None:
            raise LiveError(self._view.say("store.missing"))
        return readings

    @property
    def days(self) -> float:
        """How long it runs, or ran."""
        began, ended = self.row.started_ts, self.row.completed_ts
        if began is None:
            return 0.0
        until = datetime.now(UTC).timestamp() * 1e6 if ended is None else ended
        return (until - began) / 86_400e6

    # Sums -----------------------------------------------------------------------------------------

    def totals(self) -> pd.DataFrame:
        """Sums of all its traffic since the start, always current."""
        totals: pd.DataFrame = self._view.snapshot.totals
        return totals[totals["experiment_id"] == self.row.id] if len(totals) else totals

    def sums(self) -> pd.DataFrame:
        """Sums of the chosen segment; of all traffic without one."""
        name, value = self._segment
        if not value:
            return self.totals()
        return self._readings.segments(self.row.id, name).query("segment_value == @value")

    def whole_series(self) -> pd.DataFrame:
        """Sums of the chosen segment by time from the start: what estimates that add up are made of."""
        return self._series(None, timedelta(days=self.days))

    def series(self) -> pd.DataFrame:
        """Sums of the chosen segment by time in the chosen range."""
        since = self._view.since()
        return self._series(since, timedelta(days=self.days) if since is None else datetime.now(UTC) - since)

    def _series(self, since: datetime | None, span: timedelta) -> pd.DataFrame:
        view, experiment = self._view, self.row.id
        of: dict[str, Any] = {
            "width": self._width(span),
            "simulated": view.simulated,
            "segment": self._segment,
        }
        key = (
            id(view.sources),
            view.snapshot.revision,
            experiment,
            view.range if since else "",
            *of.values(),
        )
        return _SERIES.get(key, lambda: self._readings.series(experiment, since=since, **of))

    @property
    def _segment(self) -> tuple[str, str]:
        """Name and value of the chosen segment; empty for all traffic."""
        name, _, value = self._view.segment.partition("=")
        return (name, value) if value else ("", "")

    def _width(self, span: timedelta) -> timedelta:
        return next((width for width in _WIDTHS if span / width <= _STRETCHES), _WIDTHS[-1])

    # Estimates ------------------------------------------------------------------------------------

    def rates(self) -> Rates:
        """Figures of the chosen segment."""
        return rates(self.sums(), self.brief)

    def verdict(self) -> LiveVerdict:
        """What to do, by all traffic since the start; several parts of a page ask for it."""
        snapshot, judged = self._view.snapshot, self._judged
        if judged is None or judged[:2] != (snapshot, self.row.id):
            found = live_verdict(self.totals(), self.brief, days=self.days)
            self._judged = judged = (snapshot, self.row.id, found)
        return judged[2]

    def effects(self) -> pd.DataFrame:
        """Effects over time, cut to the chosen range."""
        return self._recent(effects_over_time(self.whole_series(), self.brief))

    def beliefs(self) -> pd.DataFrame:
        """What is believed now of the chosen segment."""
        return beliefs(self.sums(), self.brief)

    def beliefs_over_time(self) -> pd.DataFrame:
        """What was believed, cut to the chosen range."""
        return self._recent(beliefs_over_time(self.whole_series(), self.brief))

    def shares(self) -> pd.DataFrame:
        """Share of each arm over time."""
        return traffic_trend(self.series(), roles(self.brief))

    def by_segment(self) -> LiveSegments:
        """Effects by the chosen segment's values, in the chosen range."""
        view = self._view
        table = self._readings.segments(
            self.row.id, self.chosen_segment(), since=view.since(), simulated=view.simulated
        )
        return live_segments(table, self.brief)

    def watch(self) -> tuple[pd.DatetimeIndex, Cusum | None]:
        """Watch the mean reward of the fixed split, or of all traffic, for a change of level.

        The first third of the stretches says what is usual; each mean is weighted by its standard error.
        """
        series, trial = self.whole_series(), trial_of(self.brief)
        rows = series if trial is None else series[series["strategy_id"] == trial]
        table = rows.groupby("bucket_at")[["rewards", "reward_total", "reward_squares"]].sum()
        table = table[table["rewards"] > 0]
        if table.empty:
            return pd.DatetimeIndex([]), None
        group = (table["rewards"].cumsum() - 1) // max(_WATCHED, table["rewards"].sum() // _STRETCHES)
        ends = pd.Series(table.index, index=table.index).groupby(group).last()
        n, total, squares = (table[name].groupby(group).sum().to_numpy(float) for name in table.columns)
        calm = max(_CALM, len(n) // 3)
        if len(n) < 2 * _CALM:
            return pd.DatetimeIndex([]), None
        usual = total[:calm].sum() / n[:calm].sum()
        spread = np.sqrt(max(squares[:calm].sum() / n[:calm].sum() - usual**2, 0.0))
        scores = ratio((total - n * usual) / np.sqrt(n), np.full(len(n), spread))
        return pd.DatetimeIndex(ends), cusum(scores, scores[:calm])

    def _recent(self, table: pd.DataFrame) -> pd.DataFrame:
        since = self._view.since()
        return table if since is None or table.empty else table[table["at"] >= pd.Timestamp(since)]

    # What the page itself lets choose -------------------------------------------------------------

    def chosen_arm(self) -> str:
        """The arm whose effect is drawn: the chosen one, else the one that is ahead."""
        others = [arm for arm in self.brief.arms if arm != self.brief.control]
        wanted = self._view.extra.get("arm")
        ahead = self.verdict().arm
        return next((arm for arm in (wanted, ahead) if arm in others), others[0])

    def segment_names(self) -> list[str]:
        """Segments by which traffic is known."""
        return list(self._view.sources.segments(self.row.id))

    def chosen_segment(self) -> str:
        """The segment by which effects are drawn."""
        names = self.segment_names()
        wanted = self._view.extra.get("by")
        return wanted if wanted in names else next(iter([*self.brief.segments, *names]), "device")

    def number_of_segments(self) -> int:
        """Rows of the chart of segments."""
        try:
            return len(self.by_segment().effects)
        except LiveError:
            return 0

    def learner(self) -> str:
        """The strategy whose bounds are drawn: the first bandit, else the first strategy."""
        strategies = self.brief.strategies
        return next((each.id for each in strategies if each.allocation != "fixed"), strategies[0].id)
