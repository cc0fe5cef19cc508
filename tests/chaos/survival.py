"""What every storm must leave behind."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from chaos.live_router import decision_id_of, install
from chaos.stores import Store
from chaos.storm import Storm


def survive(
    store: Store,
    number: int,
    usual_kills: int,
    folder: Path,
    free_port: Callable[[], int],
    request: pytest.FixtureRequest,
) -> None:
    """Kill `number` routers on a store, `usual_kills` times unless told otherwise, and audit what is left."""
    kills = request.config.getoption("--kills", None) or usual_kills
    seed = request.config.getoption("--storm-seed", 1)
    installation = install(folder, store.url, [free_port() for _ in range(number)])
    storm = Storm(store, installation.routers, seed, decision_id_of, key=installation.key)
    report = asyncio.run(storm.run(kills))
    request.node.user_properties.append(("storm", str(report)))
    assert not report.faults, report.faults[:10]
    assert report.kills >= kills
    assert report.acknowledged > 20 * kills
    assert report.repeats > 0.02 * report.acknowledged
    if kills >= 20:
        assert report.restored > 0, "no crash came between a decision's answer and its commit"
    assert report.oldest_lost < 3.0  # committed within 0.1 s, on a machine that is not busy
