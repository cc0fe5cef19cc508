"""Readings of monitoring and of the audit log, and how fresh everything is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from armlift.storage.audit import AuditRow
from armlift.storage.database import Database
from armlift.storage.interval_marks import read_marks
from armlift.storage.reading_frames import at_least_one, between, frame, records, times
from armlift.storage.schema import audit, decisions, events, exports, live_windows, monitoring

if TYPE_CHECKING:
    import pandas as pd

_READING = ("ts", "experiment_id", "metric", "segment", "value", "threshold", "alarm", "details")


class RecordReadings:
    """Readings of what was recorded about experiments.

    Args:
        database: The store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def monitoring(
        self,
        experiment_id: str | None = None,
        *,
        metric: str | None = None,
        since: datetime | None = None,
        limit: int = 10_000,
    ) -> pd.DataFrame:
        """Give readings of the monitoring, the newest first.

        Args:
            experiment_id: Of this experiment, empty for those about none; None for all.
            metric: Of this metric.
            since: Earlier ones are left out.
            limit: At most so many.

        Returns:
            `at`, `experiment_id`, `metric`, `segment`, `value`, `threshold`, `alarm` and `details`, a dict.

        Raises:
            ParameterError: The time has no time zone, or the limit is below 1.
        """
        query = (
            select(*(monitoring.c[name] for name in _READING))
            .where(*between(monitoring.c.ts, since, None))
            .order_by(monitoring.c.ts.desc(), monitoring.c.monitoring_id.desc())
            .limit(at_least_one("limit", limit))
        )
        if experiment_id is not None:
            query = query.where(monitoring.c.experiment_id == experiment_id)
        if metric is not None:
            query = query.where(monitoring.c.metric == metric)
        with self._database.read() as connection:
            return frame(connection.execute(query), ts="at")

    def audit(self, experiment_id: str | None = None, *, limit: int = 500) -> pd.DataFrame:
        """Give what was changed by whom and why, the newest first.

        Args:
            experiment_id: Of this experiment, empty for what is about none; None for all.
            limit: At most so many.

        Returns:
            `at` and the other columns of an `AuditRow`; `details` are dicts.

        Raises:
            ParameterError: The limit is below 1.
        """
        query = select(*(audit.c[name] for name in AuditRow._fields)).order_by(audit.c.audit_id.desc())
        if experiment_id is not None:
            query = query.where(audit.c.experiment_id == experiment_id)
        with self._database.read() as connection:
            return frame(connection.execute(query.limit(at_least_one("limit", limit))), ts="at")

    def freshness(self, now: datetime | None = None) -> pd.DataFrame:
        """Say how old the newest of everything is.

        Args:
            now: The time; the clock's if None.

        Returns:
            `what` (`decision`, `event`, `aggregates`, `export`, `monitoring`), `last_at` (not a time if there
            is none), `age_seconds` and `note`: for `export` the number of windows that MLflow lacks, else
            empty.
        """
        newest = select(
            select(func.max(decisions.c.ts)).scalar_subquery(),
            select(func.max(events.c.ts_server)).scalar_subquery(),
            select(func.max(exports.c.watermark)).where(exports.c.name == "mlflow").scalar_subquery(),
            select(func.max(monitoring.c.ts)).scalar_subquery(),
            select(func.count()).select_from(live_windows).scalar_subquery(),
        )
        with self._database.read() as connection:
            decision, event, export, monitored, waiting = connection.execute(newest).one()
            aggregates = read_marks(connection).done
        rows = (
            ("decision", decision, ""),
            ("event", event, ""),
            ("aggregates", aggregates or None, ""),
            ("export", export or None, str(waiting)),
            ("monitoring", monitored, ""),
        )
        table = records(("what", "last_at", "note"), rows)
        table["last_at"] = times(table["last_at"])
        age = (now or datetime.now(UTC)) - table["last_at"]
        table.insert(2, "age_seconds", age.dt.total_seconds())
        return table
