"""Stores for the tests: the same tests run on SQLite and on PostgreSQL."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from conftest import do_without

from armlift.storage.database import Database, open_database
from armlift.storage.migrations import migrate

POSTGRESQL = os.environ.get("ARMLIFT_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/test")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """URL of a SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path / 'live' / 'armlift.db'}"


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """URL of an empty PostgreSQL schema of the test's own."""
    try:
        server = psycopg.connect(POSTGRESQL, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        do_without(f"no PostgreSQL for ARMLIFT_TEST_POSTGRESQL: {error}")
    name = f"armlift_{uuid4().hex}"
    with server:
        server.execute(f"CREATE SCHEMA {name}")
        yield f"{POSTGRESQL}?options=-csearch_path%3D{name}"
        server.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """URL of an empty store, of one kind and then of the other."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def open_url() -> Iterator[Callable[[str], Database]]:
    """Open stores; they are closed after the test."""
    opened: list[Database] = []

    def open_url(url: str) -> Database:
        opened.append(open_database(url, exclusive=False))
        return opened[-1]

    yield open_url
    for database in opened:
        database.close()


@pytest.fixture
def open_store(database_url: str, open_url: Callable[[str], Database]) -> Callable[[], Database]:
    """Open the test's store once more, as another process would."""
    return lambda: open_url(database_url)


@pytest.fixture
def database(open_store: Callable[[], Database]) -> Database:
    """A store with all tables, and nothing in them."""
    database = open_store()
    migrate(database)
    return database
