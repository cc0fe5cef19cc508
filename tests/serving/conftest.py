"""A router that the tests ask over HTTP."""

from collections.abc import Iterator

import pytest
from live_server import LiveServer, live_server
from live_tables import database_url, postgresql_tables, sqlite_tables

__all__ = ["database_url", "postgresql_tables", "sqlite_tables"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A router with the example experiment, on SQLite."""
    with live_server(tmp_path_factory.mktemp("router")) as server:
        yield server
