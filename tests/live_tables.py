"""Fixtures for conftests to import: stores with all tables, made once and then copied or emptied."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from conftest import POSTGRESQL, postgresql_schema

from armlift.storage import migrate, open_database
from armlift.storage.schema import metadata


class SQLiteTables:
    """A file that is copied.

    Args:
        folder: Where it is made.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "tables.db"
        with open_database(f"sqlite:///{self._file}", exclusive=False) as database:
            migrate(database)

    def copy(self, file: Path) -> str:
        """Give the URL of a new file."""
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(self._file, file)
        return f"sqlite:///{file}"


class PostgreSQLTables:
    """A schema that is emptied, since making and dropping one takes half a second of the server's.

    Args:
        server: A connection.
        name: Of the schema.
    """

    def __init__(self, server: psycopg.Connection, name: str) -> None:
        self._server = server
        self.url = f"{POSTGRESQL}?options=-csearch_path%3D{name}"
        with open_database(self.url, exclusive=False) as database:
            migrate(database)
        sequences = server.execute("SELECT sequencename FROM pg_sequences WHERE schemaname = %s", [name])
        self._emptying = "; ".join(
            [
                f"SET LOCAL search_path = {name}",
                "SET LOCAL lock_timeout = '10s'",
                *(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables)),
                *(f"SELECT setval('{sequence}', 1, false)" for (sequence,) in sequences),
            ]
        )

    def empty(self) -> str:
        """Give its URL after deleting all rows, so that nothing tells it from a new one."""
        with self._server.transaction():
            self._server.execute(self._emptying)
        return self.url


@pytest.fixture(scope="session")
def sqlite_tables(tmp_path_factory: pytest.TempPathFactory) -> SQLiteTables:
    """What SQLite files are copied from."""
    return SQLiteTables(tmp_path_factory.mktemp("tables"))


@pytest.fixture(scope="session")
def postgresql_tables() -> Iterator[PostgreSQLTables]:
    """This process's schema."""
    with postgresql_schema() as (server, name):
        yield PostgreSQLTables(server, name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a store with all tables and nothing in them, of one kind and then of the other."""
    if request.param == "sqlite":
        file: SQLiteTables = request.getfixturevalue("sqlite_tables")
        return file.copy(tmp_path / "live" / "armlift.db")
    schema: PostgreSQLTables = request.getfixturevalue("postgresql_tables")
    return schema.empty()
