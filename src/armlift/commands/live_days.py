"""Days of the live log as Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    from armlift.environment import RouterSettings
    from armlift.storage.live_days import DayRows

DAYS = Path("data", "live", "days")


def keep_day(settings: RouterSettings, root: Path, day: date) -> DayRows:
    """Write a day of the live log as Parquet; again, it gives the same.

    Args:
        settings: Which store; without one there are no rows.
        root: Root of the project.
        day: Day, UTC.

    Raises:
        LiveError: The store is away.
    """
    from armlift.commands.live_store import opened
    from armlift.commands.running import store_exists
    from armlift.storage.live_days import DayRows, write_day

    if not store_exists(settings):
        return DayRows(0, 0)
    with opened(settings.database_url, exclusive=False) as database:
        return write_day(database, day, root / DAYS)
