"""`armlift store`: backups of the live store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from armlift.storage.backup import Copied


@click.group()
def store() -> None:
    """The store of the live router, SQLite or PostgreSQL, as DATABASE_URL says."""


@store.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Write the whole store to FILE, while routers go on.

    The copy holds one moment and is checked. The secrets (ARMLIFT_SECRET and ARMLIFT_USER_SECRET, in
    development data/live/secrets.json) are not in it: without them its users and keys are unknown.
    """
    from armlift.commands.live_store import opened
    from armlift.environment import RouterSettings
    from armlift.storage.backup import backup as write

    url = RouterSettings.from_environment(Path.cwd()).database_url
    with opened(url, exclusive=False) as database:
        made = write(database, file)
    click.echo(f"{made.name}: {_words(made)}. Keep the secrets elsewhere: they are not in it.")


@store.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace a store that holds rows.")
def restore(file: Path, force: bool) -> None:
    """Make the store what it was when FILE was written.

    Stop the routers before. A running one is noticed, and nothing is done.
    """
    from armlift.commands.live_store import opened
    from armlift.environment import RouterSettings
    from armlift.storage.backup import restore as read
    from armlift.storage.migrations import migrate

    url = RouterSettings.from_environment(Path.cwd()).database_url
    with opened(url, exclusive=True) as database:
        made = read(file, database, force=force)
        migrate(database)
    click.echo(f"{made.name}: {_words(made)}, checked.")


def _words(made: Copied) -> str:
    return ", ".join(f"{made.rows.get(table, 0)} {table}" for table in ("experiments", "decisions", "events"))
