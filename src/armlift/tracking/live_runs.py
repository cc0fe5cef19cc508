"""Live traffic in MLflow: aggregates only, one run for each day, session batch and strategy.

MLflow knows a point of a metric by run, name, step, time and value, and takes the same point again for a
repetition. Windows never change, and the id of their run is kept beside them; so a window may be logged as
often as it takes, by whomever, and is in MLflow once. It is forgotten only after MLflow has it.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from armlift.environment import artifact_location, sqlite_file
from armlift.errors import TrackingError
from armlift.experiments.live_window import LiveDesign, LiveRun, LiveSums, LiveWindow
from armlift.tracking.client import entity_key, log_batches, tracking_client
from armlift.tracking.registry import use_store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

logger = logging.getLogger(__name__)

RUN_TAG = "armlift.live_run"
"""Tag that names a run: experiment, strategy, day and session batch, separated by `/`."""

PROGRESS_METRIC = "exported_until_ms"
"""First point of every window: its end, milliseconds since 1970. All windows before it are in MLflow."""

DEADLINE_SECONDS = 40.0
_LEASE_SECONDS = 60.0  # whoever dies meanwhile holds up the others for so long
_WINDOWS_AT_ONCE = 100

# MLflow waits 120 s for an answer and asks eight times. Windows are kept, so nothing is lost by giving up.
_LIMITS = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "20", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
# These print a traceback for what is then raised, and said in one line.
_TALKATIVE = ("mlflow.store.db.utils", "urllib3.connectionpool")
_LOCK_SECONDS = 2.0
_ACTIVE = "active"
_POINTS_AT_ONCE = 1000  # what MLflow takes in a call
_DAY = 86_400_000_000  # microseconds


class LiveSource(Protocol):
    """What the export needs of the store of live traffic. Times are microseconds UTC."""

    def lease(self, holder: str, seconds: float, now: int) -> bool:
        """Take or prolong the right to export; False if another process has it."""
        ...

    def release(self, holder: str) -> None:
        """Give that right back."""
        ...

    def cut(self, now: int) -> int:
        """End the present windows; give their number."""
        ...

    def windows(self, limit: int) -> Sequence[LiveWindow]:
        """Give windows that were not exported, the oldest first."""
        ...

    def waiting(self) -> int:
        """Give the number of windows that were not exported."""
        ...

    def exported(self, windows: Iterable[LiveWindow]) -> None:
        """Forget windows."""
        ...

    def run_id(self, run: LiveRun) -> str | None:
        """Give the id that was kept for a run."""
        ...

    def keep_run_id(self, run: LiveRun, run_id: str, instead_of: str | None = None) -> str:
        """Keep the id of a run, and give the one that stands: another one if another process was faster."""
        ...

    def design(self, run: LiveRun) -> LiveDesign:
        """Give a run's experiment in MLflow and its parameters."""
        ...

    def open_runs(self, now: int) -> Mapping[LiveRun, str]:
        """Give runs of earlier days that no window waits for and that were not closed, with their ids."""
        ...

    def close_run(self, run: LiveRun) -> None:
        """Remember that a run was closed."""
        ...


@dataclass(frozen=True)
class ExportReport:
    """What one export did.

    Attributes:
        leased: Whether it was this process's turn; if not, it did nothing.
        cut: Windows that were ended.
        exported: Windows that MLflow has now.
        metrics: Points that were sent to it.
        waiting: Windows that are left for the next time, because this one ran out of time.
    """

    leased: bool
    cut: int = 0
    exported: int = 0
    metrics: int = 0
    waiting: int = 0


def export_live(
    source: LiveSource, holder: str, now: int, *, root: Path, deadline: float = DEADLINE_SECONDS
) -> ExportReport:
    """Bring what happened since the last time into MLflow, with all that still waits.

    Args:
        source: The store of live traffic.
        holder: Who exports; unique to a process.
        now: Time, microseconds UTC.
        root: Root of the project, whose MLflow store is used.
        deadline: Seconds after which the rest is left for the next time; a call that was begun may end later,
            by 20 s.

    Raises:
        TrackingError: MLflow cannot be used; the windows are kept.
    """
    end = time.monotonic() + deadline
    if not source.lease(holder, _LEASE_SECONDS, now):
        return ExportReport(leased=False)
    try:
        cut = source.cut(now)
        exported = metrics = 0
        if source.windows(1) or source.open_runs(now):  # else MLflow is not even imported
            exported, metrics = _export(source, now, root, end)
        return ExportReport(True, cut, exported, metrics, source.waiting())
    finally:
        source.release(holder)


def set_up_experiment(name: str, *, root: Path) -> str | None:
    """Make the experiment in MLflow that a live experiment's runs will be in, if it is not there.

    Args:
        name: Name of the MLflow experiment.
        root: Root of the project, whose MLflow store is used.

    Returns:
        Its id; None if somebody deleted it, which stays as it is.

    Raises:
        TrackingError: MLflow cannot be used.
    """
    with _bounded():
        _check_lock(use_store(root))
        with tracking_client() as client:
            return _experiment(client, name, root)


def _export(source: LiveSource, now: int, root: Path, end: float) -> tuple[int, int]:
    """Export until nothing waits or time is up; give the numbers of windows and of points."""
    exported = metrics = 0
    with _bounded():
        _check_lock(use_store(root))
        with tracking_client() as client:
            while windows := source.windows(_WINDOWS_AT_ONCE):
                for run, group in _by_run(windows):
                    logged, is_done = _log(client, source, run, group, root, end)
                    metrics += logged
                    if is_done:
                        source.exported(group)
                        exported += len(group)
                    if time.monotonic() >= end:
                        return exported, metrics
            for run, run_id in source.open_runs(now).items():
                _close(client, run, run_id)
                source.close_run(run)
                if time.monotonic() >= end:
                    break
    return exported, metrics


def _by_run(windows: Sequence[LiveWindow]) -> Iterator[tuple[LiveRun, list[LiveWindow]]]:
    for run, group in groupby(sorted(windows, key=lambda w: (w.run, w.number)), key=lambda w: w.run):
        yield run, list(group)


def _log(
    client: MlflowClient,
    source: LiveSource,
    run: LiveRun,
    windows: Sequence[LiveWindow],
    root: Path,
    end: float,
) -> tuple[int, bool]:
    """Log windows of one run, for at least one call; give the number of points, and whether that was all."""
    found = _run(client, source, run, root)
    if found is None:
        logger.warning("%s was deleted in MLflow: %d windows are not logged", "/".join(run), len(windows))
        return 0, True
    # A batch is there whole or not at all, and the next one is sent when it is: so only the last window may
    # be there in part. The others are not sent again, since MLflow takes seconds to recognise many points.
    until = found.data.metrics.get(PROGRESS_METRIC, 0)
    points = [point for window in windows if window.ts // 1000 >= until for point in _points(window)]
    for start in range(0, len(points), _POINTS_AT_ONCE):
        if start and time.monotonic() >= end:
            return start, False
        log_batches(client, found.info.run_id, metrics=points[start : start + _POINTS_AT_ONCE])
    return len(points), True


def _run(client: MlflowClient, source: LiveSource, run: LiveRun, root: Path) -> Run | None:
    """The run in MLflow, where it is made if need be; None if somebody deleted it there."""
    kept = source.run_id(run)
    found = _find(client, kept) if kept else None
    if found is None:  # it is new, or this MLflow store is
        design = source.design(run)
        experiment = _experiment(client, design.tracking_experiment, root)
        if experiment is None:
            return None
        made = _find_or_create(client, experiment, design, run)
        found = _find(client, source.keep_run_id(run, made, instead_of=kept))
    return found if found and found.info.lifecycle_stage == _ACTIVE else None


def _find(client: MlflowClient, run_id: str) -> Run | None:
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

    try:
        return client.get_run(run_id)
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
            raise
        return None


def _experiment(client: MlflowClient, name: str, root: Path) -> str | None:
    """Id of an experiment, which is made if need be; None if somebody deleted it."""
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode

    found = client.get_experiment_by_name(name)
    if found is None:
        # Otherwise MLflow takes it for an experiment of language models, and opens it on empty pages.
        kind = {"mlflow.experimentKind": "custom_model_development"}
        try:
            return client.create_experiment(name, artifact_location(root), kind)
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
                raise
            return _experiment(client, name, root)
    return found.experiment_id if found.lifecycle_stage == _ACTIVE else None


def _find_or_create(client: MlflowClient, experiment: str, design: LiveDesign, run: LiveRun) -> str:
    """A run with its parameters: one that an interrupted export left, or a new one."""
    found = _namesakes(client, experiment, run)
    if not found:
        tags = {RUN_TAG: "/".join(run), **run._asdict(), "armlift_version": version("armlift")}
        name = f"{run.day} {run.session_batch} {run.strategy_id}"
        found = [client.create_run(experiment, _start(run) // 1000, tags, name)]
    run_id, known = str(found[0].info.run_id), found[0].data.params
    missing = {name: value for name, value in design.parameters.items() if entity_key(name) not in known}
    log_batches(client, run_id, parameters=missing)
    return run_id


def _namesakes(client: MlflowClient, experiment: str, run: LiveRun) -> list[Run]:
    return list(client.search_runs([experiment], f"tags.`{RUN_TAG}` = '{'/'.join(run)}'"))


def _close(client: MlflowClient, run: LiveRun, run_id: str) -> None:
    """End a run, and delete empty ones of its name, made by a server after it was given up on."""
    found = _find(client, run_id)
    if found is None or found.info.lifecycle_stage != _ACTIVE:
        return
    for other in _namesakes(client, found.info.experiment_id, run):
        if other.info.run_id != run_id:
            client.delete_run(other.info.run_id)
    client.set_terminated(run_id, "FINISHED", (_start(run) + _DAY) // 1000)


def _start(run: LiveRun) -> int:
    return round(datetime.fromisoformat(run.day).replace(tzinfo=UTC).timestamp()) * 1_000_000


def _points(window: LiveWindow) -> Iterator[Metric]:
    """Points of a window; the step is the second of the day at which it ended."""
    from mlflow.entities import Metric

    step = (window.ts - _start(window.run)) // 1_000_000
    metrics = {PROGRESS_METRIC: float(window.ts // 1000)} | window_metrics(window)
    for name, value in metrics.items():
        yield Metric(entity_key(name), value, window.ts // 1000, step)


def window_metrics(window: LiveWindow) -> dict[str, float]:
    """Metrics of a window by name, `<metric>/<arm>`.

    Counts, `revenue` and `reward_total` are what the window added; `ctr` (clicks per impression), `share` (of
    the window's decisions) and `propensity` (mean of its decisions) are left out where they would divide by
    zero. `day_decisions`, `day_rewards`, `day_reward_total` and `day_reward_mean` (per reward) count from the
    start of the run.
    """
    decisions = sum(change.decisions for change in window.change.values())
    metrics: dict[str, float] = {}
    for arm, change in window.change.items():
        values = _added(change, decisions) | _so_far(window.total[arm])
        metrics |= {f"{name}/{arm}": float(value) for name, value in values.items()}
    return metrics


def _added(change: LiveSums, decisions: int) -> dict[str, float]:
    left_out = ("reward_squares", "propensity_total")
    values = {name: value for name, value in change._asdict().items() if name not in left_out}
    if change.impressions:
        values["ctr"] = change.clicks / change.impressions
    if decisions:
        values["share"] = change.decisions / decisions
    if change.decisions:
        values["propensity"] = change.propensity_total / change.decisions
    return values


def _so_far(total: LiveSums) -> dict[str, float]:
    values = {
        "day_decisions": total.decisions,
        "day_rewards": total.rewards,
        "day_reward_total": total.reward_total,
    }
    return values | ({"day_reward_mean": total.reward_total / total.rewards} if total.rewards else {})


@contextmanager
def _bounded() -> Iterator[None]:
    """Let MLflow give up soon and without tracebacks; what the environment says of its limits holds."""
    added = {name: value for name, value in _LIMITS.items() if name not in os.environ}
    filters = [(logging.getLogger(name), logging.Filter("-")) for name in _TALKATIVE]
    os.environ.update(added)
    for logger, silence in filters:
        logger.addFilter(silence)
    try:
        yield
    finally:
        for logger, silence in filters:
            logger.removeFilter(silence)
        for name in added:
            os.environ.pop(name, None)


def _check_lock(uri: str) -> None:
    """Find out in 2 s whether a SQLite store is locked; MLflow's own calls may wait for minutes."""
    database = sqlite_file(uri)
    if database is None:
        return
    try:
        with closing(sqlite3.connect(database, timeout=_LOCK_SECONDS, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        raise TrackingError(
            f"{database}: {error}. Another process writes to this MLflow store; end it, or use a server."
        ) from error
