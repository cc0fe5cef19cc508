"""A router on SQLite is killed at random moments: no acknowledged reward is lost or counted twice.

`make chaos ARGS="--kills 500 -k sqlite"` kills more.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from chaos.stores import SQLiteStore
from chaos.survival import survive


@pytest.mark.slow
def test_one_on_sqlite(tmp_path: Path, free_port: Callable[[], int], request: pytest.FixtureRequest) -> None:
    survive(SQLiteStore(tmp_path / "armlift.db"), 1, 60, tmp_path / "root", free_port, request)
