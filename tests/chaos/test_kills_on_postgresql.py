"""Two routers on PostgreSQL are killed at random moments: no acknowledged reward is lost or counted twice.

`make chaos ARGS="--kills 500 -k postgresql"` kills more.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from chaos.stores import PostgreSQLStore
from chaos.survival import survive


@pytest.mark.slow
def test_two_on_postgresql(
    postgresql_store: PostgreSQLStore,
    tmp_path: Path,
    free_port: Callable[[], int],
    request: pytest.FixtureRequest,
) -> None:
    survive(postgresql_store, 2, 40, tmp_path / "root", free_port, request)
