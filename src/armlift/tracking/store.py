"""The MLflow store: one SQLite database, complete or absent."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from armlift.environment import sqlite_file, tracking_uri
from armlift.errors import TrackingError

logger = logging.getLogger(__name__)

# Building takes 2 to 9 s; whoever waits longer waits for something else.
LOCK_TIMEOUT_SECONDS = 120.0


def ensure_store(root: Path) -> str:
    """Make sure that the MLflow store can be used, and create it where it is ours to create.

    MLflow itself builds its database in place, table by table: killed meanwhile, it leaves a file that
    no later start accepts. Here the database is built under another name, by one process at a time,
    and renamed when it is complete. A store that is no SQLite file is left alone.

    Args:
        root: Root of the project.

    Returns:
        URI of the store.

    Raises:
        TrackingError: The store is a folder of files, its database is incomplete, or the database
            can be neither created nor read.
    """
    uri = tracking_uri(root)
    if uri.startswith("file:") or "://" not in uri:
        raise TrackingError(
            f"MLFLOW_TRACKING_URI = {uri!r}: MLflow no longer keeps runs in a folder of files. "
            "Use sqlite:///mlflow.db, or the address of a server."
        )
    database = sqlite_file(uri)
    if database is not None:
        try:
            if not database.exists():
                _create(database)
            _check(database)
        except (OSError, sqlite3.Error) as error:
            raise TrackingError(
                f"{database}: no usable MLflow database ({error}). Check the folder's permissions and the "
                "free space; move a broken file away and a new one is created."
            ) from error
    return uri


def _create(database: Path) -> None:
    database.parent.mkdir(parents=True, exist_ok=True)
    with _exclusive(database.with_name(f"{database.name}.lock")):
        if database.exists():  # another process built it while this one waited
            return
        partial = database.with_name(f"{database.name}.partial")
        # What a killed process left goes, its journal too: SQLite would replay it into the new file.
        for suffix in ("", "-journal", "-wal", "-shm"):
            partial.with_name(partial.name + suffix).unlink(missing_ok=True)
        logger.info("Creating the MLflow store %s (once, a few seconds)", database)
        _build(partial)
        partial.replace(database)


@contextmanager
def _exclusive(lock: Path) -> Iterator[None]:
    """Hold a lock by SQLite's own means: they exist on every platform, and end with the process."""
    with closing(sqlite3.connect(lock, timeout=LOCK_TIMEOUT_SECONDS, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield


def _build(file: Path) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    # The artifact root is that of MLflow's experiment `Default` only, which armlift does not use.
    artifacts = (file.parent / "mlartifacts").as_uri()
    store = SqlAlchemyStore(f"sqlite:///{file.as_posix()}", artifacts)  # type: ignore[no-untyped-call]
    store.engine.dispose()


def _check(database: Path) -> None:
    # The last thing that MLflow writes into a new database is the version of its schema.
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        if connection.execute("SELECT version_num FROM alembic_version").fetchone() is None:
            raise sqlite3.DatabaseError("it has no schema version")
