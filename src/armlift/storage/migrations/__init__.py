"""Brings a store's tables to what this version of armlift needs.

A change of `schema.py` takes a new module in `versions/`, with `revision` one above and `down_revision` the
one before, and its number in `HEAD`. A test compares the outcome of all of them with the schema.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from armlift.errors import DataError
from armlift.storage.database import Database

HEAD = "0004"
"""The newest revision."""

_LOCK = 0x61726D6C  # any number that nobody else locks in the same database


def migrate(database: Database) -> bool:
    """Create or change the tables, if they are not those of the newest revision.

    Several processes may do this at once: one does it, the others wait.

    Args:
        database: The store.

    Returns:
        Whether there was anything to do.

    Raises:
        DataError: A newer armlift has changed the tables.
    """
    with database.read() as connection:
        if _revision(connection) == HEAD:
            return False
    with database.begin() as connection:
        if database.dialect == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        revision = _revision(connection)
        if revision == HEAD:
            return False
        if revision is not None and revision > HEAD:
            raise DataError(
                f"{database.name} has revision {revision} of the tables, this armlift knows {HEAD} at most: "
                "a newer one has been here. Upgrade armlift, or restore the backup from before."
            )
        _upgrade(connection)
    return True


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def _upgrade(connection: Connection) -> None:
    # Imported here, since hardly any start needs it.
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext, MigrationStep, RevisionStep
    from alembic.script import ScriptDirectory

    folder = Path(__file__).parent
    scripts = ScriptDirectory(folder, version_locations=[folder / "versions"])

    def steps(revision: tuple[str, ...], _context: MigrationContext) -> list[MigrationStep]:
        missing = list(scripts.iterate_revisions("head", revision or "base"))
        return [RevisionStep(scripts.revision_map, each, is_upgrade=True) for each in reversed(missing)]

    context = MigrationContext.configure(connection, opts={"fn": steps})
    with Operations.context(context):
        context.run_migrations()
