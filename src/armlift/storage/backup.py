"""Copies of the whole store in one file, made while routers write, and stores made from them.

A SQLite backup is a SQLite database; a PostgreSQL backup is the custom format of `pg_dump`, with all tables
of the store's schema. Both hold one moment: transactions are in them whole or not at all. A backup of one
kind of store cannot be read by the other.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import Literal, NamedTuple

from sqlalchemy import MetaData, func, inspect, select

from armlift.errors import DataFileError, LiveError
from armlift.storage.database import Database

_VERSION_TABLE = "alembic_version"
_WAIT_SECONDS = 10.0
_COPY = re.compile(rb'COPY ("[^"]+"|[^".]+)\.("[^"]+"|\S+) \(.*\) FROM stdin;$')


class Copied(NamedTuple):
    """A store that was copied.

    Attributes:
        name: What was written: the backup's file, or the store.
        rows: Rows of each table.
    """

    name: str
    rows: dict[str, int]


def backup(database: Database, file: Path) -> Copied:
    """Write the whole store to a file, as of one moment, without stopping whoever writes.

    The file is complete or as it was before; it is checked, and readable by its owner alone.

    Args:
        database: The store.
        file: Where to; an earlier backup of that name is replaced.

    Raises:
        DataFileError: The file cannot be written, or the store is not there.
        LiveError: The store cannot be read, or a tool of PostgreSQL is missing or fails.
    """
    is_there = database.file is None or database.file.is_file()
    tables = inspect(database.engine).get_table_names() if is_there else []
    if "experiments" not in tables:
        raise DataFileError(f"{database.name} holds no experiments. Set DATABASE_URL to the router's store.")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}-", delete=False) as made:
            partial = Path(made.name)  # mode 0600
    except OSError as error:
        raise DataFileError(f"{file} cannot be written: {error.strerror}. Name another file.") from error
    try:
        if database.file is not None:
            _copy_sqlite(database.file, partial, "DELETE")
            rows = _checked_sqlite(partial)
        else:
            schema = _schema(database)
            chosen = [f'--table="{schema}"."{table}"' for table in tables]
            with _tool(database, "pg_dump", "--format=custom", f"--file={partial}", *chosen, connect=True):
                pass
            rows = _dumped_rows(database, partial)
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    return Copied(str(file), rows)


def restore(file: Path, database: Database, *, force: bool = False) -> Copied:
    """Make the store what it was when a backup was made, in one transaction, and count its rows.

    No router may run: on SQLite the caller holds the store (`open_database(..., exclusive=True)`), on
    PostgreSQL one that is connected is noticed. An older backup has an older schema: `migrate` afterwards.

    Args:
        file: From `backup`, of the same kind of store.
        database: The store to be replaced.
        force: Replace it even if it holds rows.

    Raises:
        DataFileError: The file is damaged or no backup of this kind of store.
        LiveError: The store holds rows, or is in use, or a tool of PostgreSQL is missing or fails.
    """
    if not file.is_file():
        raise DataFileError(f"{file} is not a file. Name one that `armlift store backup` wrote.")
    expected = _dumped_rows(database, file) if database.file is None else _checked_sqlite(file)
    if not force and (present := {table: n for table, n in _rows(database).items() if n}):
        present.pop(_VERSION_TABLE, None)
        if present:
            held = ", ".join(f"{n} {table}" for table, n in present.items())
            raise LiveError(
                f"{database.name} holds {held}. Set DATABASE_URL to another store, "
                "or replace this one by --force."
            )
    if writers := database.other_writers():
        raise LiveError(
            f"{database.name} is open in routers or commands (connections: {writers}). "
            "Stop them, and try again."
        )
    database.engine.dispose()
    if database.file is not None:
        _copy_sqlite(file, database.file, "WAL")
        _checked_sqlite(database.file)
    else:
        how = ("--clean", "--if-exists", "--single-transaction", "--exit-on-error", "--no-owner", "--no-acl")
        with _tool(database, "pg_restore", *how, str(file), connect=True):
            pass
    rows = _rows(database)
    if {table: rows.get(table) for table in expected} != expected:
        raise LiveError(
            f"{database.name} holds {rows} after the restore, but {file} holds {expected}. Stop whoever "
            "writes to the store, and restore again."
        )
    return Copied(database.name, expected)


def _rows(database: Database) -> dict[str, int]:
    """Rows of each table of the store."""
    tables = MetaData()
    tables.reflect(database.engine)
    with database.read() as connection:
        return {
            table.name: connection.scalar(select(func.count()).select_from(table)) or 0
            for table in tables.sorted_tables
        }


def _copy_sqlite(source: Path, target: Path, journal_mode: Literal["DELETE", "WAL"]) -> None:
    """Copy a database in one step, which sees one moment; the target changes in one transaction."""
    deadline = time.monotonic() + _WAIT_SECONDS

    def give_up(status: int, _remaining: int, _total: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > deadline:
            raise LiveError(f"{target} or {source} is in use. Stop whoever uses it, and try again.")

    try:
        with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as written:
            read.backup(written, progress=give_up)
            written.execute(f"PRAGMA journal_mode = {journal_mode}")
    except sqlite3.Error as error:
        raise LiveError(
            f"{source} cannot be copied to {target}: {error}. Check the disk; move a damaged target away."
        ) from error


def _checked_sqlite(file: Path) -> dict[str, int]:
    """Rows of each table of a database that is whole."""
    try:
        with closing(sqlite3.connect(file)) as connection:
            (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            names = connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
            ).fetchall()
            rows = {
                name: int(connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0])
                for (name,) in sorted(names)
            }
    except sqlite3.Error as error:
        raise DataFileError(f"{file} is no whole SQLite store: {error}. Use another backup.") from error
    if found != "ok":
        raise DataFileError(f"{file} is damaged: {found}. Use another backup.")
    return _with_experiments(file, rows)


def _dumped_rows(database: Database, file: Path) -> dict[str, int]:
    """Rows of each table of a dump, which is read to its end."""
    rows: dict[str, int] = {}
    schema, table = _schema(database), ""
    try:
        with _tool(database, "pg_restore", "--data-only", "--file=-", str(file)) as lines:
            for line in lines:
                if line == b"\\.\n":
                    table = ""
                elif table:
                    rows[table] += 1
                elif match := _COPY.match(line):
                    owner, table = (name.decode().strip('"') for name in match.groups())
                    rows[table] = 0
                    if owner != schema:
                        raise DataFileError(
                            f"{file} holds the schema {owner}, but {database.name} uses {schema}. Restore it "
                            f"with a DATABASE_URL that ends in ?options=-csearch_path%3D{owner}."
                        )
    except LiveError as error:
        raise DataFileError(f"{file} cannot be read as a backup of PostgreSQL: {error}") from error
    return _with_experiments(file, dict(sorted(rows.items())))


def _with_experiments(file: Path, rows: dict[str, int]) -> dict[str, int]:
    if "experiments" not in rows:
        raise DataFileError(f"{file} holds no experiments: it is no backup of armlift. Name another file.")
    return rows


def _schema(database: Database) -> str:
    with database.read() as connection:
        return str(connection.scalar(select(func.current_schema())))


@contextmanager
def _tool(database: Database, name: str, *arguments: str, connect: bool = False) -> Iterator[Iterator[bytes]]:
    """Run a tool of PostgreSQL and read its output meanwhile; no password is on its command line."""
    from psycopg.conninfo import make_conninfo

    if shutil.which(name) is None:
        raise LiveError(
            f"{name} is not on the PATH. Install PostgreSQL's client tools, of the server's version or newer "
            "(on Debian: apt install postgresql-client)."
        )
    (_, options) = database.engine.dialect.create_connect_args(database.engine.url)
    options.pop("context", None)  # psycopg's own
    environment = {**os.environ, "PGPASSWORD": str(options.pop("password", os.environ.get("PGPASSWORD", "")))}
    server = [f"--dbname={make_conninfo(**options)}"] if connect else []
    with TemporaryFile() as errors:
        command = [name, *server, *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment) as process:
            assert process.stdout is not None
            yield process.stdout
            process.stdout.read()
        if process.returncode:
            errors.seek(0)
            said = " ".join(errors.read().decode(errors="replace").split())
            raise LiveError(f"{name} failed: {said[:500]}")
