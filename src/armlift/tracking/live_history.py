"""The live runs of an experiment, read back from MLflow: what each window added, by strategy and arm.

Windows never change and are exported in order, so what was read stays read: later reads ask for new points
alone, and never again for runs that ended. A database is asked in one query; a server answers one history of
one metric at a time, several at once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

import pandas as pd

from armlift.environment import sqlite_file
from armlift.errors import TrackingError
from armlift.tracking.live_runs import PROGRESS_METRIC, RUN_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

MEASURES = (
    "decisions",
    "rewards",
    "reward_total",
    "impressions",
    "clicks",
    "add_to_carts",
    "purchases",
    "revenue",
    "excluded",
)
"""Metrics of a window that are read, each a sum over the window."""

_KEYS = ["at", "strategy_id", "arm_id"]
_PROBE_SECONDS = 3.0
_AT_ONCE = 8
_RUNS_AT_ONCE = 200
_PAGE = 1000


class LiveRunRow(NamedTuple):
    """A run of live traffic in MLflow.

    Attributes:
        run_id: Its id.
        tracking_id: Id of its experiment in MLflow.
        experiment_id: Experiment.
        strategy_id: Strategy.
        day: Day, UTC, ISO 8601.
        session_batch: Which simulated sessions; `live` for real traffic.
        ended: Whether nothing is added to it any more.
    """

    run_id: str
    tracking_id: str
    experiment_id: str
    strategy_id: str
    day: str
    session_batch: str
    ended: bool


class LiveRecord(NamedTuple):
    """What MLflow has of an experiment.

    Attributes:
        points: at (end of the window, UTC), strategy_id, arm_id, `MEASURES`; ascending by time.
        runs: The latest day first.
    """

    points: pd.DataFrame
    runs: tuple[LiveRunRow, ...]


@dataclass
class _Known:
    """What was read of a run.

    Attributes:
        points: Of windows that are in MLflow for sure.
        last: Of the window after them, which may still be on its way: it is read again.
        until: End of the last window of `points`, milliseconds since 1970.
        complete: Whether the run ended.
    """

    points: pd.DataFrame
    last: pd.DataFrame
    until: int = 0
    complete: bool = False


@dataclass(eq=False)
class LiveHistory:
    """Reads live runs and keeps what it has read; may be shared by threads.

    Attributes:
        uri: URI of the MLflow store.
    """

    uri: str
    _known: dict[str, _Known] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def read(
        self, tracking_experiment: str, experiment_id: str, *, since: datetime | None = None
    ) -> LiveRecord:
        """Read what MLflow has of an experiment.

        Args:
            tracking_experiment: Name of the experiment in MLflow.
            experiment_id: The experiment, several of which may share one in MLflow.
            since: Start, UTC: days before it are not asked for.

        Raises:
            TrackingError: MLflow cannot be reached, or refuses.
        """
        from mlflow.exceptions import MlflowException

        check_reachable(self.uri)
        try:
            with self._lock:
                return self._read(tracking_experiment, experiment_id, since)
        except (MlflowException, OSError) as error:
            raise TrackingError(f"MLflow at {_shown(self.uri)} failed: {error}.") from error

    def _read(self, name: str, experiment_id: str, since: datetime | None) -> LiveRecord:
        import mlflow

        client = mlflow.MlflowClient(tracking_uri=self.uri)
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            return LiveRecord(_no_points(), ())
        first_day = "" if since is None else since.astimezone(UTC).date().isoformat()
        found = [
            run
            for run in _live_runs(client, experiment.experiment_id, experiment_id)
            if _day(run) >= first_day
        ]
        self._catch_up(client, found)
        read = [self._known[run.info.run_id] for run in found]
        parts = [part for known in read for part in (known.points, known.last)]
        points = pd.concat([_no_points(), *(part for part in parts if len(part))], ignore_index=True)
        points = points.groupby(_KEYS, sort=True, as_index=False).sum()
        if since is not None:
            points = points[points["at"] >= pd.Timestamp(since)].reset_index(drop=True)
        rows = sorted((_row(run) for run in found), key=lambda row: (row.day, row.strategy_id), reverse=True)
        return LiveRecord(points, tuple(rows))

    def _catch_up(self, client: MlflowClient, runs: Sequence[Run]) -> None:
        """Read what is new of the runs."""
        waiting = [run for run in runs if not self._of(run).complete]
        for start in range(0, len(waiting), _RUNS_AT_ONCE):
            group = waiting[start : start + _RUNS_AT_ONCE]
            points = _new_points(client, self.uri, group, min(self._of(run).until for run in group))
            by_run = dict(tuple(points.groupby("run_id", sort=False)))
            for run in group:
                new = by_run.get(run.info.run_id)
                if new is not None:
                    self._add(run, new)
                self._of(run).complete = run.info.status == "FINISHED"

    def _add(self, run: Run, points: pd.DataFrame) -> None:
        known, strategy = self._of(run), _strategy(run)
        listed = _progress(run)  # later windows came since the runs were listed: they wait for the next read
        sure = listed if run.info.status == "FINISHED" else listed - 1
        is_sure = (points["timestamp"] > known.until) & (points["timestamp"] <= sure)
        fresh = _table(points[is_sure], strategy)
        known.points = pd.concat([known.points, fresh], ignore_index=True) if len(known.points) else fresh
        known.last = _table(points[(points["timestamp"] > sure) & (points["timestamp"] <= listed)], strategy)
        known.until = max(known.until, sure)

    def _of(self, run: Run) -> _Known:
        return self._known.setdefault(run.info.run_id, _Known(_no_points(), _no_points()))


def check_reachable(uri: str) -> None:
    """Find out quickly whether an MLflow store is there; MLflow's own calls may wait for minutes.

    Args:
        uri: URI of the store.

    Raises:
        TrackingError: There is no such file, or no server answers.
    """
    file = sqlite_file(uri)
    if file is not None and not file.exists():
        raise TrackingError(f"{file}: there is no MLflow store yet. It begins with the first run or export.")
    if file is not None:
        try:
            with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
                connection.execute("SELECT 1 FROM runs LIMIT 1").fetchone()
        except sqlite3.Error as error:
            raise TrackingError(f"{file}: no usable MLflow database ({error}).") from error
    if uri.startswith(("http://", "https://")):
        try:
            with urlopen(f"{uri.rstrip('/')}/health", timeout=_PROBE_SECONDS):
                pass
        except (URLError, OSError, ValueError) as error:
            raise TrackingError(f"MLflow at {_shown(uri)} does not answer: {error}.") from error


def run_page(uri: str, row: LiveRunRow) -> str | None:
    """Address of a run in the MLflow UI; None where the store is no server.

    Example:
        >>> row = LiveRunRow("r1", "7", "movies", "fixed", "2026-03-01", "live", False)
        >>> run_page("http://127.0.0.1:5000/", row)
        'http://127.0.0.1:5000/#/experiments/7/runs/r1'
        >>> run_page("sqlite:///mlflow.db", row) is None
        True
    """
    if not uri.startswith(("http://", "https://")):
        return None
    return f"{uri.rstrip('/')}/#/experiments/{row.tracking_id}/runs/{row.run_id}"


def _live_runs(client: MlflowClient, tracking_id: str, experiment_id: str) -> Iterator[Run]:
    token = None
    while True:
        page = client.search_runs(
            [tracking_id],
            f"tags.experiment_id = '{experiment_id}' and tags.`{RUN_TAG}` LIKE '%'",
            max_results=_PAGE,
            page_token=token,
        )
        yield from page
        token = page.token
        if not token:
            return


def _row(run: Run) -> LiveRunRow:
    tags = run.data.tags
    return LiveRunRow(
        run.info.run_id,
        run.info.experiment_id,
        tags.get("experiment_id", ""),
        _strategy(run),
        _day(run),
        tags.get("session_batch", ""),
        run.info.status == "FINISHED",
    )


def _day(run: Run) -> str:
    return str(run.data.tags.get("day", ""))


def _strategy(run: Run) -> str:
    return str(run.data.tags.get("strategy_id", ""))


def _progress(run: Run) -> int:
    """End of the last window that MLflow has or is being given."""
    return int(run.data.metrics.get(PROGRESS_METRIC, 0.0))


def _wanted(run: Run) -> list[str]:
    return [name for name in run.data.metrics if name.partition("/")[0] in MEASURES and "/" in name]


def _new_points(client: MlflowClient, uri: str, runs: Sequence[Run], since: int) -> pd.DataFrame:
    """run_id, key, timestamp (milliseconds), value of the runs' points after a time."""
    sessions = _sessions(uri)
    rows = _from_server(client, runs) if sessions is None else _from_database(sessions, runs, since)
    return pd.DataFrame(rows, columns=["run_id", "key", "timestamp", "value"])


def _sessions(uri: str) -> Any:
    """What opens MLflow's own session of its database; None where a server stands before it."""
    from mlflow.tracking._tracking_service.utils import _get_store

    return getattr(_get_store(uri), "ManagedSessionMaker", None)  # type: ignore[no-untyped-call]


def _from_database(sessions: Any, runs: Sequence[Run], since: int) -> list[tuple[Any, ...]]:
    from mlflow.store.tracking.dbmodels.models import SqlMetric as Point

    names = {name for run in runs for name in _wanted(run)}
    with sessions() as session:
        query = session.query(Point.run_uuid, Point.key, Point.timestamp, Point.value)
        query = query.filter(
            Point.run_uuid.in_([run.info.run_id for run in runs]),
            Point.key.in_(names),
            Point.timestamp > since,
        )
        return [tuple(row) for row in query.all()]


def _from_server(client: MlflowClient, runs: Sequence[Run]) -> list[tuple[Any, ...]]:
    asked = [(run.info.run_id, name) for run in runs for name in _wanted(run)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        histories = pool.map(lambda each: client.get_metric_history(*each), asked)
        return [
            (run_id, name, point.timestamp, point.value)
            for (run_id, name), history in zip(asked, histories, strict=True)
            for point in history
        ]


def _table(points: pd.DataFrame, strategy: str) -> pd.DataFrame:
    """Points of one run as rows by time and arm; a point that was logged twice counts once."""
    if points.empty:
        return _no_points()
    named = points["key"].str.partition("/")
    rows = pd.DataFrame(
        {"timestamp": points["timestamp"], "arm_id": named[2], "measure": named[0], "value": points["value"]}
    ).drop_duplicates(["timestamp", "arm_id", "measure"])
    wide = rows.pivot_table(index=["timestamp", "arm_id"], columns="measure", values="value", aggfunc="sum")
    wide = wide.reindex(columns=list(MEASURES)).fillna(0.0).reset_index()
    wide.insert(
        0, "at", pd.to_datetime(wide.pop("timestamp"), unit="ms", utc=True).astype("datetime64[us, UTC]")
    )
    wide.insert(1, "strategy_id", strategy)
    wide.columns.name = None
    return wide


def _no_points() -> pd.DataFrame:
    empty: dict[str, Any] = {"at": pd.DatetimeIndex([], tz="UTC").astype("datetime64[us, UTC]")}
    empty |= {name: pd.Series(dtype=str) for name in ("strategy_id", "arm_id")}
    return pd.DataFrame(empty | {name: pd.Series(dtype=float) for name in MEASURES})


def _shown(uri: str) -> str:
    """The URI without what stands before an @."""
    scheme, _, rest = uri.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
