"""What people look at: sums, series and rows of live traffic, read only.

Every method is one or two queries that use an index; nothing sums the log. Times go in and come out as
datetimes in UTC; columns that hold one end in `at`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, Table, cast, func, literal, select
from sqlalchemy.types import BigInteger

from armlift.errors import ParameterError
from armlift.experiments.live_window import LiveSums
from armlift.storage.database import Database
from armlift.storage.interval_log import BUCKET
from armlift.storage.interval_marks import read_marks
from armlift.storage.log_readings import LogReadings
from armlift.storage.reading_frames import between, frame
from armlift.storage.record_readings import RecordReadings
from armlift.storage.schema import audit, counters, experiments, interval_sums, monitoring
from armlift.storage.user_readings import UserReadings

if TYPE_CHECKING:
    import pandas as pd

_ARM = ("strategy_id", "arm_id")
_COUNTED = LiveSums._fields[:-1]  # the counters know no propensities
_BUCKET = timedelta(microseconds=BUCKET)
_WEEK = 7 * 86_400_000_000
_MONDAY = 4 * 86_400_000_000  # 1970 began on a Thursday


class Readings(LogReadings, UserReadings, RecordReadings):
    """Everything that is read of live traffic to be shown; it never writes.

    Args:
        database: The store.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)

    def fingerprint(self) -> tuple[int, ...]:
        """Give numbers that change whenever anything that is shown did.

        Counters, experiments, the audit log, monitoring and the sums by time each have one.
        """
        counts = sum((counters.c[name] for name in _COUNTED if name not in _REAL), literal(0))
        query = select(
            func.coalesce(func.sum(counts), 0),
            select(func.count()).select_from(experiments).scalar_subquery(),
            select(func.coalesce(func.sum(experiments.c.revision), 0)).scalar_subquery(),
            select(func.coalesce(func.max(audit.c.audit_id), 0)).scalar_subquery(),
            select(func.coalesce(func.max(monitoring.c.monitoring_id), 0)).scalar_subquery(),
        )
        with self._database.read() as connection:
            return (*map(int, connection.execute(query).one()), read_marks(connection).writes)

    def totals(self, experiment_id: str | None = None) -> pd.DataFrame:
        """Give what was counted by experiment, strategy and arm: always current, without flagged rows.

        Args:
            experiment_id: Of this experiment; None for all.

        Returns:
            `experiment_id`, `strategy_id`, `arm_id` and the fields of `LiveSums` but `propensity_total`.
        """
        query = select(counters).order_by(*counters.primary_key.columns)
        if experiment_id is not None:
            query = query.where(counters.c.experiment_id == experiment_id)
        return self._frame(query)

    def series(
        self,
        experiment_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        width: timedelta = _BUCKET,
        simulated: bool | None = None,
        segment: tuple[str, str] = ("", ""),
    ) -> pd.DataFrame:
        """Give sums by time, of buckets in which something happened.

        Args:
            experiment_id: Experiment.
            since: Buckets that start before are left out.
            until: Buckets that start at it or later are left out.
            width: Of the buckets, a multiple of five minutes; days are those of UTC, weeks begin on Monday.
            simulated: Whether by simulated users; None for all.
            segment: Name and value, such as `device` and `phone`; empty for all traffic. Its buckets are
                hours, so that narrower ones hold the sums of their hour.

        Returns:
            `bucket_at`, `strategy_id`, `arm_id` and the fields of `LiveSums`, ascending.

        Raises:
            ParameterError: The width is no multiple of five minutes, or a time has no time zone.
        """
        step = width // timedelta(microseconds=1)
        if step <= 0 or step % BUCKET:
            raise ParameterError("width", width, "a multiple of 5 minutes", "Choose one, such as an hour.")
        column = interval_sums.c
        shift = _MONDAY if step % _WEEK == 0 else 0
        bucket = column.bucket_ts - (column.bucket_ts - _number(shift)) % _number(step)
        query = (
            select(bucket.label("bucket_ts_"), *(column[name] for name in _ARM), *_sums(interval_sums))
            .where(column.experiment_id == experiment_id, column.segment == segment[0])
            .where(column.segment_value == segment[1], *between(column.bucket_ts, since, until))
            .group_by("bucket_ts_", *(column[name] for name in _ARM))
            .order_by("bucket_ts_", *(column[name] for name in _ARM))
        )
        if simulated is not None:
            query = query.where(column.simulated.is_(simulated))
        return self._frame(query, bucket_ts_="bucket_at")

    def segments(
        self,
        experiment_id: str,
        segment: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        simulated: bool | None = None,
    ) -> pd.DataFrame:
        """Give sums by the values of a segment.

        Args:
            experiment_id: Experiment.
            segment: Name, such as `device`.
            since: Hours that start before are left out.
            until: Hours that start at it or later are left out.
            simulated: Whether by simulated users; None for all.

        Returns:
            `segment_value` (empty where it is unknown), `strategy_id`, `arm_id` and the fields of `LiveSums`.

        Raises:
            ParameterError: A time has no time zone.
        """
        column = interval_sums.c
        key = [column[name] for name in ("segment_value", *_ARM)]
        query = (
            select(*key, *_sums(interval_sums))
            .where(column.experiment_id == experiment_id, column.segment == segment, column.segment != "")
            .where(*between(column.bucket_ts, since, until))
            .group_by(*key)
            .order_by(*key)
        )
        if simulated is not None:
            query = query.where(column.simulated.is_(simulated))
        return self._frame(query)

    def segment_values(self, experiment_id: str) -> dict[str, tuple[str, ...]]:
        """Give the known values of each segment, both in order; a segment without any is left out."""
        column = interval_sums.c
        known = (
            select(column.segment, column.segment_value)
            .where(column.experiment_id == experiment_id, column.segment != "", column.segment_value != "")
            .distinct()
            .order_by(column.segment, column.segment_value)
        )
        found: dict[str, tuple[str, ...]] = {}
        with self._database.read() as connection:
            for name, value in connection.execute(known):
                found[name] = (*found.get(name, ()), value)
        return found

    def _frame(self, query: Select[Any], **renamed: str) -> pd.DataFrame:
        with self._database.read() as connection:
            return frame(connection.execute(query), **renamed)


_REAL = ("reward_total", "reward_squares", "revenue")


def _sums(table: Table) -> list[ColumnElement[Any]]:
    """Sums of the columns; PostgreSQL's sum of whole numbers is no whole number by itself."""
    return [
        (
            func.sum(table.c[name]) if type(start) is float else cast(func.sum(table.c[name]), BigInteger)
        ).label(name)
        for name, start in LiveSums._field_defaults.items()
    ]


def _number(value: int) -> ColumnElement[int]:
    return literal(value, literal_execute=True)
