"""The file that keeps trials: an SQLite database, complete or absent, written by one run at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from armlift.errors import DataFileError, ParameterError

if TYPE_CHECKING:
    from optuna.storages import RDBStorage


@contextmanager
def trial_storage(file: Path) -> Iterator[RDBStorage]:
    """Open the file of trials, and create it where there is none.

    SQLite and not Optuna's journal: a journal that was cut off in the middle of a line cannot be read once
    the next line follows, and the lock of a killed run keeps the next one waiting. The database is built
    under another name and renamed, as Optuna builds it table by table.

    Args:
        file: The database.

    Yields:
        Optuna's storage.

    Raises:
        ParameterError: Another run has the file open.
        DataFileError: The file is no database of trials.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    file.parent.mkdir(parents=True, exist_ok=True)
    with _exclusive(file):
        if not file.exists():
            _create(file)
        _check(file)
        storage = _open(file)
        try:
            yield storage
        finally:
            _close(storage)


class _Connection(sqlite3.Connection):
    """Logs ahead of the database: as safe from a kill, and a trial's ten commits do not wait for the disk."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute("PRAGMA journal_mode = WAL")
        self.execute("PRAGMA synchronous = NORMAL")


@contextmanager
def _exclusive(file: Path) -> Iterator[None]:
    """Hold a lock beside the file by SQLite's own means: they exist everywhere, and end with the process."""
    lock = file.with_name(f"{file.name}.lock")
    with closing(sqlite3.connect(lock, timeout=0.0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise ParameterError(
                "tuning.storage",
                str(file),
                "a file that no other run is using",
                "Wait until the other tuning ends, or name another file.",
            ) from error
        yield


def _create(file: Path) -> None:
    partial = file.with_name(f"{file.name}.partial")
    # What a killed run left goes, its log too: SQLite would replay it into the new file.
    for suffix in ("", "-journal", "-wal", "-shm"):
        partial.with_name(partial.name + suffix).unlink(missing_ok=True)
    _close(_open(partial))
    partial.replace(file)


def _check(file: Path) -> None:
    try:
        with closing(sqlite3.connect(file)) as connection:
            # The last thing that Optuna writes into a new database.
            connection.execute("SELECT version_num FROM alembic_version").fetchone()
            connection.execute("SELECT trial_id FROM trials LIMIT 1").fetchone()
    except sqlite3.Error as error:
        raise DataFileError(
            f"{file} is no usable database of trials ({error}). Move it away, and a new one is made."
        ) from error


def _open(file: Path) -> RDBStorage:
    import optuna

    return optuna.storages.RDBStorage(
        f"sqlite:///{file.resolve().as_posix()}", engine_kwargs={"connect_args": {"factory": _Connection}}
    )


def _close(storage: RDBStorage) -> None:
    storage.remove_session()
    storage.engine.dispose()
