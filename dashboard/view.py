"""What one browser looks at; all of it is in the address, so that a link opens the same view."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd
import param

from armlift.messages import CATALOGUE
from armlift.reporting.palette import arm_colours, policy_colours
from dashboard.feed import Snapshot
from dashboard.sources import Sources
from dashboard.theme import on_background

if TYPE_CHECKING:
    from armlift.storage import ExperimentRow

RANGES: Final[Mapping[str, timedelta | None]] = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
    "all": None,
}
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "range": tuple(RANGES),
    "show": ("both", "ab", "bandit"),
    "source": ("both", "live", "simulated"),
    "language": tuple(CATALOGUE),
    "zone": ("utc", "local"),
}
_BUCKET = timedelta(minutes=5)
_LONGEST = 200  # letters of a value in an address


class View(param.Parameterized):  # type: ignore[misc]  # param has no types
    """One browser's view.

    Attributes:
        page: Name of the page.
        experiment: Id of the experiment; None where the store has none.
        range: How far back charts look: `hour`, `day`, `week`, `month` or `all`.
        show: Which strategies: `both`, `ab` (fixed split) or `bandit`.
        source: Whose traffic: `live`, `simulated` or `both`.
        segment: `name=value`, such as `device=phone`; empty for all traffic.
        language: `en` or `ko`.
        zone: `utc`, or `local` for the browser's own time.
        dark: Whether it is dark.
        extra: What a page itself keeps in the address, by name.
        snapshot: The live store; replaced inside the session's document whenever something changed.
        timezone: The browser's time zone by its IANA name; empty while it is not known.
    """

    page = param.String("overview")
    experiment = param.String(None, allow_None=True)
    range = param.Selector(default="all", objects=list(RANGES))
    show = param.Selector(default="both", objects=list(_CHOICES["show"]))
    source = param.Selector(default="both", objects=list(_CHOICES["source"]))
    segment = param.String("")
    language = param.Selector(default="en", objects=list(_CHOICES["language"]))
    zone = param.Selector(default="utc", objects=list(_CHOICES["zone"]))
    dark = param.Boolean(False)
    extra = param.Dict({})
    snapshot = param.Parameter()
    timezone = param.String("")

    def __init__(
        self, sources: Sources, snapshot: Snapshot, *, operator: bool = True, user: str = ""
    ) -> None:
        super().__init__(snapshot=snapshot, extra={})
        self.sources = sources
        self.operator, self.user = operator, user
        self._watchers: list[tuple[param.Parameterized, Any]] = []

    # What listens to it ---------------------------------------------------------------------------

    def track(self, owner: param.Parameterized, watcher: Any) -> None:
        """Keep a watcher until the page is left."""
        self._watchers.append((owner, watcher))

    def untrack(self) -> None:
        """End all that the page that is left has begun to watch."""
        for owner, watcher in self._watchers:
            owner.param.unwatch(watcher)
        self._watchers.clear()

    # The address ----------------------------------------------------------------------------------

    @property
    def query(self) -> str:
        """This view as the query of an address; what is as by default is left out."""
        values = {name: getattr(self, name) for name in _IN_ADDRESS}
        said = {
            name: "1" if value is True else "0" if value is False else str(value)
            for name, value in values.items()
            if value is not None and value != self.param[name].default
        }
        return "?" + urlencode({**said, **{name: str(value) for name, value in sorted(self.extra.items())}})

    def read(self, query: str) -> None:
        """Look at what an address says; what it does not say, or not soundly, is as by default."""
        given = {name: values[-1][:_LONGEST] for name, values in parse_qs(query.lstrip("?")).items()}
        values: dict[str, Any] = {name: self.param[name].default for name in _IN_ADDRESS}
        for name in _IN_ADDRESS & given.keys():
            text = given.pop(name)
            if name == "dark":
                values[name] = text == "1"
            elif name not in _CHOICES or text in _CHOICES[name]:
                values[name] = text
        self.param.update(**values, extra=given)

    def link(self, **changes: object) -> str:
        """The address of this view with something changed; what a page keeps there stays only on its page."""
        values = {name: changes.pop(name, getattr(self, name)) for name in _IN_ADDRESS}
        said = {
            name: int(value) if isinstance(value, bool) else value
            for name, value in values.items()
            if value is not None and value != self.param[name].default
        }
        stays = {} if values["page"] != self.page else self.extra
        return "?" + urlencode(
            {**said, **{name: value for name, value in {**stays, **changes}.items() if value}}
        )

    # What it is about -----------------------------------------------------------------------------

    @property
    def row(self) -> ExperimentRow | None:
        """The experiment that is looked at: the chosen one, else the one that began last."""
        now: Snapshot = self.snapshot
        if self.experiment:
            return now.experiment(self.experiment)
        return max(now.experiments, key=lambda row: (row.started_ts or 0, row.created_ts), default=None)

    @property
    def simulated(self) -> bool | None:
        """The chosen traffic, in the terms of `Readings`."""
        return {"live": False, "simulated": True}.get(self.source)

    def segments(self) -> list[tuple[str, str]]:
        """Segments of the experiment's traffic, by name and value."""
        if self.row is None or self.snapshot.store_error:
            return []
        known = self.sources.segments(self.row.id)
        return [(name, value) for name, values in known.items() for value in values]

    def strategies(self) -> tuple[str, ...]:
        """Ids of the strategies that are shown, in the brief's order."""
        if self.row is None:
            return ()
        wanted = {"ab": (True,), "bandit": (False,)}.get(self.show, (True, False))
        return tuple(
            strategy.id
            for strategy in self.row.brief.strategies
            if (strategy.allocation == "fixed") in wanted
        )

    def arm_colours(self) -> dict[str, str]:
        """Colour of each arm of the experiment, the same on every page."""
        colours = arm_colours(self.row.brief.arms if self.row else ())
        return {arm: on_background(colour, dark=self.dark) for arm, colour in colours.items()}

    def strategy_colours(self) -> dict[str, str]:
        """Colour of each strategy of the experiment, the same on every page."""
        strategies = self.row.brief.strategies if self.row else ()
        names = {s.id: "fixed" if s.allocation == "fixed" else s.id for s in strategies}
        colours = policy_colours(dict.fromkeys(names.values()))
        return {name: on_background(colours[as_policy], dark=self.dark) for name, as_policy in names.items()}

    # Words and times ------------------------------------------------------------------------------

    def say(self, key: str, **values: object) -> str:
        """Give a message of the dashboard in this view's language.

        Args:
            key: Which one; `dash.` may be left out.
            **values: What is filled in.
        """
        return CATALOGUE[self.language].say(key if key.startswith("dash.") else f"dash.{key}", **values)

    def since(self) -> datetime | None:
        """Start of the chosen range, at a bucket's edge, UTC; None for everything."""
        span = RANGES[self.range]
        if span is None:
            return None
        start = datetime.now(UTC) - span
        return start - timedelta(seconds=start.timestamp() % _BUCKET.total_seconds())

    @property
    def tz(self) -> tzinfo:
        """The chosen time zone; UTC while the browser's own is not known."""
        if self.zone == "local" and self.timezone:
            try:
                return ZoneInfo(self.timezone)
            except (ZoneInfoNotFoundError, ValueError):
                pass
        return UTC

    @property
    def zone_name(self) -> str:
        """Name of the chosen time zone, for axes."""
        return "UTC" if self.tz is UTC else str(self.tz).replace("_", " ")

    def local(self, at: pd.Series[Any]) -> pd.Series[Any]:
        """Times as a clock in the chosen zone shows them, for axes: without a zone."""
        local: pd.Series[Any] = at.dt.tz_convert(self.tz).dt.tz_localize(None)
        return local

    def when(self, moment: datetime | pd.Timestamp | int | None, *, seconds: bool = False) -> str:
        """Say a time in the chosen zone, with the zone's name.

        Args:
            moment: A time with a zone, or microseconds UTC; None for never.
            seconds: Whether seconds matter.
        """
        if moment is None or pd.isna(moment):
            return self.say("never")
        if isinstance(moment, int):
            moment = datetime.fromtimestamp(moment / 1e6, UTC)
        there = moment.astimezone(self.tz)
        clock = f"{there:%H:%M:%S}" if seconds else f"{there:%H:%M}"
        return f"{there:%Y-%m-%d} {clock} {there.tzname() or self.zone_name}"

    def ago(self, moment: datetime | pd.Timestamp, now: datetime | None = None) -> str:
        """Say how long ago something was, in the largest unit that fits."""
        return self.span(((now or datetime.now(UTC)) - moment).total_seconds())

    def span(self, seconds: float) -> str:
        """Say how long something takes, in the largest unit that fits."""
        for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
            if seconds >= 2 * size:
                return self.say(f"span.{unit}", count=int(seconds // size))
        return self.say("span.seconds", count=max(0, int(seconds)))


_IN_ADDRESS = {"page", "experiment", "range", "show", "source", "segment", "language", "zone", "dark"}
