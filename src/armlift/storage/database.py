"""Opens the store that live traffic is kept in: SQLite for one router, PostgreSQL for many."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Literal, Self

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, OperationalError

from armlift.errors import ParameterError, StoreLocked

Dialect = Literal["sqlite", "postgresql"]

_WAIT_SECONDS = 5.0
"""How long a transaction waits for another process's, and a connection for the server."""

_CLOSING_SECONDS = 2.0
"""How long the server may take to let go of a connection that was closed."""

_READ_ONLY = "armlift_read_only"

_WRITER_NAME = "left('armlift writer of ' || coalesce(current_schema(), ''), 63)"
"""Name of a PostgreSQL connection that may write, in SQL."""

_PRAGMAS = ("synchronous = FULL", "foreign_keys = ON", "cache_size = -16384")


@dataclass(frozen=True, eq=False)
class Database:
    """An open store.

    Attributes:
        engine: SQLAlchemy's engine; its transactions write.
        dialect: Which kind of store it is.
        name: File or URL, without a password.
        file: The SQLite file; None on PostgreSQL.
    """

    engine: Engine
    dialect: Dialect
    name: str
    file: Path | None
    _reader: Engine = field(repr=False)
    _turn: Lock | None = field(repr=False)
    _lock: sqlite3.Connection | None = field(repr=False)

    @contextmanager
    def begin(self, connection: Connection | None = None) -> Iterator[Connection]:
        """Open a transaction that writes: on SQLite it has the write lock from its beginning.

        Args:
            connection: One of the engine's that is kept; None for one of the pool.
        """
        with self._in_turn():
            if connection is None:
                with self.engine.begin() as connection:
                    yield connection
            else:
                with connection.begin():
                    yield connection

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """Queue with the other threads rather than for SQLite's own lock, which is asked for now and then."""
        has_turn = self._turn is not None and self._turn.acquire(timeout=_WAIT_SECONDS)
        try:
            yield
        finally:
            if self._turn is not None and has_turn:
                self._turn.release()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that only reads: on SQLite it waits for nobody and sees one moment."""
        with self._reader.begin() as connection:
            yield connection

    def other_writers(self) -> int:
        """Connections of other processes that opened a PostgreSQL store to write; on SQLite there are none.

        This process's own are closed first; the server takes a moment to let go of them.
        """
        if self.dialect == "sqlite":
            return 0
        self.engine.dispose()
        end = time.monotonic() + _CLOSING_SECONDS
        query = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            f" AND application_name = {_WRITER_NAME} AND pid <> pg_backend_pid()"
        )
        while True:
            with self.read() as connection:
                found = int(connection.exec_driver_sql(query).scalar_one())
            if not found or time.monotonic() > end:
                return found
            time.sleep(0.05)

    def close(self) -> None:
        """Close all connections and let the next router in."""
        self.engine.dispose()
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_database(url: str, *, exclusive: bool) -> Database:
    """Open a store; its tables come from `migrations.migrate`.

    Args:
        url: `sqlite:///file`, relative to the current directory, or `postgresql://user:password@host/name`.
        exclusive: Whether this process must be the only one that writes, as the router and commands that
            change things. It locks a SQLite file until `close` or the end of the process. PostgreSQL needs no
            such lock; there it shows in the connection's name, so that a restore waits for all to stop.

    Raises:
        ParameterError: The URL is not one of the two kinds.
        StoreLocked: Another process has the SQLite file for itself.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "postgresql":
        engine = _postgresql(parsed, exclusive)
        name = parsed.set(drivername="postgresql").render_as_string()
        return Database(engine, "postgresql", name, None, engine, None, None)
    file = Path(str(parsed.database))
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = _locked(file) if exclusive else None
    engine = _sqlite(parsed)
    reader = engine.execution_options(**{_READ_ONLY: True})
    return Database(engine, "sqlite", str(file), file, reader, Lock(), lock)


def _parsed(url: str) -> URL:
    remedy = "Write sqlite:///path/of/file.db or postgresql://user:password@host:5432/name."
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ParameterError("DATABASE_URL", "...", "a database URL", remedy) from None
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername in ("sqlite", "sqlite+pysqlite") and parsed.database not in (None, "", ":memory:"):
        return parsed
    raise ParameterError(
        "DATABASE_URL", parsed.render_as_string(), "a SQLite file or a PostgreSQL database", remedy
    )


def _postgresql(url: URL, writes: bool) -> Engine:
    engine = create_engine(
        url,
        isolation_level="READ COMMITTED",
        pool_size=8,
        pool_pre_ping=True,
        connect_args={"connect_timeout": int(_WAIT_SECONDS)},
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('synchronous_commit', 'on', false)"
                " WHERE current_setting('synchronous_commit') = 'off'"
            )
            if writes:
                cursor.execute(f"SELECT set_config('application_name', {_WRITER_NAME}, false)")
        connection.commit()

    return engine


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": _WAIT_SECONDS})

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # `begin` below says when, not the driver
        with closing(connection.cursor()) as cursor:
            _log_ahead(cursor)
            for pragma in _PRAGMAS:
                cursor.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        statement = "BEGIN" if connection.get_execution_options().get(_READ_ONLY) else "BEGIN IMMEDIATE"
        try:  # past SQLAlchemy, whose way there costs as much as a small transaction's statements
            connection.connection.driver_connection.execute(statement)  # type: ignore[union-attr]
        except sqlite3.Error as error:
            raise OperationalError(statement, None, error) from error

    return engine


def _log_ahead(cursor: sqlite3.Cursor) -> None:
    """Set the journal mode; SQLite itself does not wait where another process does it at the same moment."""
    end = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.005)
        else:
            return


def _locked(file: Path) -> sqlite3.Connection:
    """Hold a lock that ends with the process, on every platform: SQLite's, on a file beside the store."""
    holder = file.with_name(f"{file.name}.pid")
    lock = sqlite3.connect(
        file.with_name(f"{file.name}.lock"), timeout=0.0, isolation_level=None, check_same_thread=False
    )
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        lock.close()
        process = ""
        with suppress(OSError):
            process = f"process {holder.read_text('utf-8').strip()}"
        raise StoreLocked(str(file), process) from None
    holder.write_text(f"{os.getpid()}\n", "utf-8")
    return lock
