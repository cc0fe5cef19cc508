"""What the page "A/B test against bandit" reads of the live store, once for all charts and sessions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING

import pandas as pd

from armlift.reporting.findings import Finding
from armlift.reporting.live_lift import LiveLift, live_lift
from armlift.reporting.live_regret import LiveRegret, live_regret
from armlift.reporting.live_trends import Roles, roles, strategy_trend, traffic_trend
from armlift.reporting.session_rewards import session_rewards
from dashboard.recent import Recent

if TYPE_CHECKING:
    from dashboard.sources import Sources
    from dashboard.view import View

_MINUTES = (5, 15, 30, 60, 180, 360, 720, 1440)
_STRETCHES = 300  # about as many points as a chart can show
_DECISIONS = 20_000


@dataclass(frozen=True, eq=False)
class Comparison:
    """The live side of the page. What is derived from the sums is computed when first asked for.

    Attributes:
        who: Strategies and arms.
        bandit: Bandit that the lift is about; None if the brief has none.
        series: Sums from the start of the experiment, in finer stretches within the range.
        since: Start of the range; None for everything.
        width: Length of the stretches within the range.
        read_sessions: Gives `Readings.reward_per_session` of the newest decisions in the range.
    """

    who: Roles
    bandit: str | None
    series: pd.DataFrame
    since: datetime | None
    width: timedelta
    read_sessions: Callable[[], pd.DataFrame]

    @cached_property
    def trend(self) -> pd.DataFrame:
        """`strategy_trend` since the start."""
        return strategy_trend(self.series, self.who)

    @cached_property
    def lift(self) -> LiveLift | None:
        """Lift of the bandit since the start."""
        return None if self.bandit is None else live_lift(self.series, self.who, self.bandit)

    @cached_property
    def regret(self) -> LiveRegret:
        """Estimated regret since the start."""
        return live_regret(self.series, self.who)

    @cached_property
    def traffic(self) -> pd.DataFrame:
        """Traffic by arm within the range."""
        return self.within(traffic_trend(self.series, self.who))

    @cached_property
    def rewards(self) -> pd.DataFrame:
        """Reward of each session and arm within the range."""
        return session_rewards(self.read_sessions(), self.who.arms)

    def within(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows of the range, by their column `at`."""
        return rows if self.since is None else rows[rows["at"] >= pd.Timestamp(self.since)]

    def shown(self, names: Sequence[str]) -> tuple[str, ...]:
        """Strategies that are shown, the A/B test first."""
        return tuple(name for name in self.who.strategies if name in names)


def tell(view: View, finding: Finding) -> str:
    """A finding in the view's language."""
    values = {
        name: tell(view, value) if isinstance(value, Finding) else value
        for name, value in finding.words.items()
    }
    return view.say(finding.key, **values)


_COMPARISONS: Recent[Comparison | None] = Recent(24)


def comparison(view: View) -> Comparison | None:
    """Read what the view looks at; None without a store, or without an experiment.

    Raises:
        LiveError: The store cannot be read.
    """
    row = view.row
    if row is None:
        return None
    key = (
        id(view.sources),
        view.snapshot.revision,
        row.id,
        view.range,
        view.simulated,
        view.extra.get("bandit"),
    )
    return _COMPARISONS.get(key, partial(_read, view))


def _read(view: View) -> Comparison | None:
    row, since = view.row, view.since()
    assert row is not None
    who, now = roles(row.brief), datetime.now(UTC)
    began = datetime.fromtimestamp((row.started_ts or row.created_ts) / 1e6, UTC)
    width = stretch(now - max(since or began, began))
    with view.sources.reading() as store:
        if store is None:
            return None
        readings, simulated = store.readings, view.simulated
        series = readings.series(row.id, since=since, width=width, simulated=simulated)
        if since is not None and since > began:
            before = readings.series(row.id, until=since, width=stretch(since - began), simulated=simulated)
            series = pd.concat(
                [part for part in (before, series) if len(part)] or [series], ignore_index=True
            )
    wanted = view.extra.get("bandit")
    bandit = wanted if wanted in who.bandits else next(iter(who.bandits), None)
    return Comparison(who, bandit, series, since, width, partial(_sessions, view.sources, row.id, since))


def _sessions(sources: Sources, experiment_id: str, since: datetime | None) -> pd.DataFrame:
    with sources.reading() as store:
        if store is None:
            return pd.DataFrame({name: [] for name in ("arm_id", "session_id", "reward")})
        return store.readings.reward_per_session(experiment_id, since=since, limit=_DECISIONS)


def stretch(span: timedelta) -> timedelta:
    """Length of stretches that divide a span into at most 300, as far as days do.

    Example:
        >>> stretch(timedelta(hours=20)), stretch(timedelta(days=7))
        (datetime.timedelta(seconds=300), datetime.timedelta(seconds=3600))
    """
    fits = (minutes for minutes in _MINUTES if span <= timedelta(minutes=minutes) * _STRETCHES)
    return timedelta(minutes=next(fits, _MINUTES[-1]))
