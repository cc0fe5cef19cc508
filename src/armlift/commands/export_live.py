"""`armlift export-live`: bring live traffic into MLflow."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="export-live")
def export_live() -> None:
    """Bring what the live router counted into MLflow, until the input ends.

    `armlift serve` starts this beside itself. Where it runs twice, the store sees to it that nothing gets
    there twice.
    """
    from armlift import tracking
    from armlift.environment import RouterSettings
    from armlift.storage import LiveAggregates, open_database

    root = Path.cwd()
    settings = RouterSettings.from_environment(root)
    with open_database(settings.database_url, exclusive=False) as database:
        tracking.export_until_orphaned(LiveAggregates(database), root=root, seconds=settings.export_seconds)
