"""Options of `make chaos`, free ports, and a schema in PostgreSQL."""

import os
import socket
from collections.abc import Callable, Iterator
from uuid import uuid4

import psycopg
import pytest
from chaos.stores import PostgreSQLStore
from conftest import do_without

POSTGRESQL = os.environ.get("ARMLIFT_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/test")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, help="router processes to kill on each store")
    parser.addoption("--storm-seed", type=int, default=1, help="seed of clients and killer")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what the storms did, not only that they passed."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, value in report.user_properties:
                if name == "storm":
                    terminalreporter.write_line(f"{report.nodeid}: {value}")


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Find a port of 127.0.0.1 that nobody listens on."""

    def find() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return find


@pytest.fixture
def postgresql_store() -> Iterator[PostgreSQLStore]:
    """An empty schema, dropped after the test."""
    store = PostgreSQLStore(POSTGRESQL, f"chaos_{uuid4().hex}")
    try:
        store.create()
    except psycopg.OperationalError as error:
        do_without(f"no PostgreSQL for ARMLIFT_TEST_POSTGRESQL: {error}")
    yield store
    store.drop()
