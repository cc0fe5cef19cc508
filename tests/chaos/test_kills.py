"""Routers are killed at random moments: no acknowledged reward is lost, and none is counted twice.

`make chaos ARGS="--kills 500 -k sqlite"` kills more.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from chaos.live_router import decision_id_of, install
from chaos.stores import PostgreSQLStore, SQLiteStore, Store
from chaos.storm import Storm


def survive(
    store: Store, number: int, folder: Path, free_port: Callable[[], int], request: pytest.FixtureRequest
) -> None:
    kills = request.config.getoption("--kills", 50)
    seed = request.config.getoption("--storm-seed", 1)
    installation = install(folder, store.url, [free_port() for _ in range(number)])
    storm = Storm(store, installation.routers, seed, decision_id_of, key=installation.key)
    report = asyncio.run(storm.run(kills))
    request.node.user_properties.append(("storm", str(report)))
    assert report.faults == []
    assert report.kills >= kills
    assert report.acknowledged > 20 * kills
    assert report.repeats > 0.02 * report.acknowledged
    if kills >= 20:
        assert report.restored > 0, "no crash came between a decision's answer and its commit"
    assert report.oldest_lost < 1.0


@pytest.mark.slow
def test_one_on_sqlite(tmp_path: Path, free_port: Callable[[], int], request: pytest.FixtureRequest) -> None:
    survive(SQLiteStore(tmp_path / "armlift.db"), 1, tmp_path / "root", free_port, request)


@pytest.mark.slow
def test_two_on_postgresql(
    postgresql_store: PostgreSQLStore,
    tmp_path: Path,
    free_port: Callable[[], int],
    request: pytest.FixtureRequest,
) -> None:
    survive(postgresql_store, 2, tmp_path / "root", free_port, request)
