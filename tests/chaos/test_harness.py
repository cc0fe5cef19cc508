"""The harness finds nothing wrong with an honest router, and whatever is wrong with a broken one."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from chaos.fake_router import FAULTS
from chaos.routers import RouterProcess
from chaos.stores import SQLiteStore
from chaos.storm import Report, Storm


def storm_over_fake(fault: str, kills: int, folder: Path, port: int) -> Report:
    store = SQLiteStore(folder / "fake.db")
    command = [sys.executable, "-S", str(Path(__file__).with_name("fake_router.py"))]
    router = RouterProcess([*command, str(port), str(store.file), fault], port, {}, folder / "fake.log")
    return asyncio.run(Storm(store, [router], seed=1, decision_id_of=str).run(kills))


def test_an_honest_router_has_no_faults(tmp_path: Path, free_port: Callable[[], int]) -> None:
    report = storm_over_fake("none", 4, tmp_path, free_port())
    assert report.faults == []
    assert report.kills >= 4
    assert report.acknowledged > 100
    assert report.repeats > 0
    assert report.lost >= report.restored > 0


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_broken_router_is_caught(fault: str, tmp_path: Path, free_port: Callable[[], int]) -> None:
    faults = storm_over_fake(fault, 6, tmp_path, free_port()).faults
    assert any(FAULTS[fault] in found for found in faults)
