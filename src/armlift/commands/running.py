"""Which experiments run now: what schedules and sensors go by."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from armlift.environment import RouterSettings
    from armlift.storage import ExperimentRow


def running_experiments(settings: RouterSettings) -> tuple[ExperimentRow, ...]:
    """Give the running experiments, the oldest first; none where there is no store yet.

    Args:
        settings: Which store.

    Raises:
        LiveError: The store is away.
    """
    return tuple(row for row in known_experiments(settings) if row.state == "running")


def known_experiments(settings: RouterSettings) -> tuple[ExperimentRow, ...]:
    """Give all experiments, the oldest first; none where there is no store yet.

    Args:
        settings: Which store.

    Raises:
        LiveError: The store is away.
    """
    if not store_exists(settings):
        return ()
    from armlift.commands.live_store import opened
    from armlift.storage import ExperimentStore

    with opened(settings.database_url, exclusive=False) as database:
        return ExperimentStore(database).rows()


def store_exists(settings: RouterSettings) -> bool:
    """Whether there is a store to read: looking for one must not make an empty file of it."""
    from armlift.environment import sqlite_file

    file = sqlite_file(settings.database_url)
    return file is None or (file.is_file() and file.stat().st_size > 0)
