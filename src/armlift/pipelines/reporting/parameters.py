"""The parameters of the reporting pipeline."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict


class ReportParameters(BaseModel):
    """Which period is reported.

    Attributes:
        day: Last day of the snapshots, UTC; null for yesterday.
        span: `day`, or `week`: the seven days that end with it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    day: date | None = None
    span: Literal["day", "week"] = "day"

    @property
    def last_day(self) -> date:
        """Last day of the period."""
        return self.day or datetime.now(UTC).date() - timedelta(days=1)

    @property
    def since(self) -> datetime:
        """Start of the period, UTC."""
        days = 0 if self.span == "day" else 6
        return datetime.combine(self.last_day - timedelta(days=days), time(), UTC)

    @property
    def name(self) -> str:
        """Name of the period: the day, or the week of ISO 8601 that its last day is in.

        Example:
            >>> ReportParameters(day=date(2026, 11, 22), span="week").name
            '2026-W47'
        """
        year, week, _ = self.last_day.isocalendar()
        return str(self.last_day) if self.span == "day" else f"{year}-W{week:02d}"
