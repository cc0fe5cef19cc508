"""Batches by the clock: none is missed, none is done twice, and no two are done at once."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree

import pytest
from click.testing import CliRunner
from commands.visited import killed, logged, project

from armlift.__main__ import main
from armlift.commands import session_ticks
from armlift.commands.orchestration import SessionBatchParameters
from armlift.commands.session_ticks import LEDGER, batch_name, due_ticks, finished_batches, visit_due
from armlift.commands.visit import BatchReport
from armlift.environment import RouterSettings

PROJECT = Path(__file__).parents[2]
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
TWO = timedelta(minutes=2)
EVERY_TWO = SessionBatchParameters(every_minutes=2, sessions=3, seed=1, catch_up=4)


@pytest.fixture
def visits(monkeypatch):
    """Names of the batches that were asked for, instead of visits."""
    asked = []

    def visit(settings, root, *, batch, sessions, seed):
        asked.append(batch)
        return BatchReport(batch, "engine", ("films",), sessions, 5)

    monkeypatch.setattr(session_ticks, "visit_batch", visit)
    return asked


def _do(root, now):
    return visit_due(RouterSettings.from_environment(root, {}), root, EVERY_TWO, now)


def test_the_first_tick_is_the_present_one():
    assert due_ticks(None, NOON + timedelta(seconds=119), TWO) == [NOON]
    assert due_ticks(NOON, NOON + timedelta(seconds=119), TWO) == []
    assert due_ticks(NOON + timedelta(hours=1), NOON, TWO) == []  # the clock was set back


def test_each_tick_is_done_once(tmp_path, visits):
    for second in (1, 30, 121, 122, 240):
        _do(tmp_path, NOON + timedelta(seconds=second))
    assert visits == ["sim-20261121T1200", "sim-20261121T1202", "sim-20261121T1204"]
    assert [each["batch"] for each in finished_batches(tmp_path)] == visits
    assert finished_batches(tmp_path)[0]["decisions"] == 5


def test_missed_ticks_are_made_up_for_up_to_a_number(tmp_path, visits):
    _do(tmp_path, NOON)
    report = _do(tmp_path, NOON + 3 * TWO)
    assert [each.batch for each in report.batches] == [batch_name(NOON + k * TWO) for k in (1, 2, 3)]
    assert report.left_out == 0
    report = _do(tmp_path, NOON + 13 * TWO)
    assert [each.batch for each in report.batches] == [batch_name(NOON + k * TWO) for k in (10, 11, 12, 13)]
    assert report.left_out == 6


def test_whoever_comes_second_leaves_it_alone(tmp_path, visits):
    lock = (tmp_path / LEDGER).with_name(f"{LEDGER.name}.lock")
    lock.parent.mkdir(parents=True)
    with closing(sqlite3.connect(lock, isolation_level=None)) as held:
        held.execute("BEGIN EXCLUSIVE")
        assert _do(tmp_path, NOON).is_busy
    assert visits == []
    assert len(_do(tmp_path, NOON).batches) == 1


def test_a_batch_that_failed_is_done_at_the_next_tick(tmp_path, visits, monkeypatch):
    def fail(*_, **__):
        raise OSError("the router is away")

    with monkeypatch.context() as patch:
        patch.setattr(session_ticks, "visit_batch", fail)
        with pytest.raises(OSError, match="away"):
            _do(tmp_path, NOON)
    _do(tmp_path, NOON + TWO)
    assert visits == ["sim-20261121T1202"]  # of the first one, nothing had been marked


@pytest.mark.slow
def test_a_kill_between_the_visits_and_their_mark_doubles_nothing(tmp_path, monkeypatch):
    settings = project(tmp_path)
    assert killed(tmp_path, "3", "events", "after") != 0
    before = logged(tmp_path, "night")["decisions"]
    monkeypatch.setattr(session_ticks, "batch_name", lambda tick: "night")
    parameters = SessionBatchParameters(every_minutes=2, sessions=12, seed=1)
    report = visit_due(settings, tmp_path, parameters, NOON)
    assert [each.found for each in report.batches] == [before]
    assert logged(tmp_path, "night")["decisions"] == report.batches[0].decisions
    assert finished_batches(tmp_path)[-1]["batch"] == "night"


def test_the_ledger_stays_short(tmp_path, visits, monkeypatch):
    monkeypatch.setattr(session_ticks, "_KEPT", 3)
    for number in range(5):
        _do(tmp_path, NOON + number * TWO)
    assert len(finished_batches(tmp_path)) == 3


def test_the_command_without_a_name_does_what_is_due(tmp_path, visits, monkeypatch):
    copytree(PROJECT / "conf", tmp_path / "conf")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["visit"])
    assert done.exit_code == 0, done.output
    assert done.output.startswith(f"{visits[0]}: 50 sessions in films")
    assert len(finished_batches(tmp_path)) == 1
