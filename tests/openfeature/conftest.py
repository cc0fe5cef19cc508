"""A router for the OpenFeature SDKs to ask."""

from collections.abc import Iterator

import pytest
from live_server import LiveServer, live_server


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A router with the example experiment, on SQLite."""
    with live_server(tmp_path_factory.mktemp("router")) as server:
        yield server
