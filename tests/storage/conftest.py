"""Stores for the tests: the same tests run on SQLite and on PostgreSQL."""

from collections.abc import Callable, Iterator

import pytest
from live_tables import database_url, postgresql_tables, sqlite_tables

from armlift.storage.database import Database, open_database

__all__ = ["database_url", "postgresql_tables", "sqlite_tables"]


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
    return open_store()


@pytest.fixture(params=["sqlite", "postgresql"])
def open_empty(request: pytest.FixtureRequest, open_url: Callable[[str], Database]) -> Callable[[], Database]:
    """Open a store that has no tables yet."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return lambda: open_url(url)
