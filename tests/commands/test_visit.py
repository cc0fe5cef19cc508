"""Batches of simulated sessions: the same log as real traffic, each batch once."""

import os
from pathlib import Path
from signal import SIGKILL

import pytest
from click.testing import CliRunner
from commands.visited import counted, killed, logged, project
from live_log import brief
from live_server import LiveServer, live_server

from armlift.__main__ import main
from armlift.commands.visit import in_words, visit_batch
from armlift.environment import RouterSettings
from armlift.errors import LiveError, ParameterError
from armlift.storage import ExperimentStore, open_database

SHOP = brief(
    "shop", primary_metric={"id": "conversion", "baseline": 0.6, "mde": 0.1}, reward_event="purchase"
)
REPORTED = brief("reported", primary_metric={"id": "ctr", "baseline": 0.5, "mde": 0.1})


@pytest.fixture
def root(tmp_path):
    return tmp_path


def _visit(settings, root, batch="night", sessions=12):
    return visit_batch(settings, root, batch=batch, sessions=sessions, seed=1)


def _agree(report, root, **where):
    rows, sums = logged(root, report.batch, **where), counted(root, report.batch, **where)
    assert rows == {"decisions": report.decisions, **report.events}
    assert sums["decisions"] == report.decisions
    assert sums["impressions"] == report.events["impression"]
    assert sums["clicks"] == report.events.get("click_detail", 0)
    assert sums["excluded"] == 0
    return rows


def test_without_a_router_the_engine_is_visited(root):
    report = _visit(project(root), root)
    assert (report.through, report.experiments, report.sessions) == ("engine", ("films",), 12)
    assert report.decisions >= 12
    assert report.found == 0
    _agree(report, root)
    assert "12 sessions in films through the engine" in in_words(report)


def test_the_same_batch_again_adds_nothing_and_another_one_does(root):
    settings = project(root)
    first = _visit(settings, root)
    again = _visit(settings, root)
    assert (again.decisions, again.events) == (first.decisions, first.events)
    assert again.found == first.decisions
    _agree(again, root)
    _agree(_visit(settings, root, "day"), root)
    assert logged(root, "night")["decisions"] == first.decisions


def test_every_running_experiment_is_visited(root):
    settings = project(root, brief(), SHOP, REPORTED)
    with open_database(settings.database_url, exclusive=False) as database:
        ExperimentStore(database).change("films", "pause", who="tests", why="to see")
    report = _visit(settings, root, sessions=40)
    assert report.experiments == ("shop", "reported")
    assert report.sessions == 80
    assert {"purchase", "add_to_cart", "like"} <= set(report.events)
    _agree(report, root)
    with open_database(settings.database_url, exclusive=False) as database:
        sums = {row.experiment_id: 0.0 for row in ExperimentStore(database).counters()}
        rewards = dict(sums)
        for row in ExperimentStore(database).counters():
            sums[row.experiment_id] += row.reward_total
            rewards[row.experiment_id] += row.rewards - row.decisions
    assert sums["shop"] == report.events["purchase"]
    assert rewards["reported"] == 0  # a reward is reported for every decision, also of 0
    assert sums["reported"] > 0


@pytest.mark.parametrize(
    "moment",
    [
        ("events", "before"),
        pytest.param(("choose", "after"), marks=pytest.mark.slow),
        pytest.param(("events", "after"), marks=pytest.mark.slow),
    ],
)
def test_a_kill_in_the_middle_doubles_nothing(root, moment):
    """In the engine: what was not committed is made anew, what was committed is not made again."""
    settings = project(root)
    assert killed(root, "7", *moment) == -SIGKILL
    partly = logged(root, "night")["decisions"]
    report = _visit(settings, root)
    assert report.found == partly >= 5
    _agree(report, root)
    other = root / "other"
    undisturbed = _visit(project(other), other)
    assert report.decisions == undisturbed.decisions
    assert report.sessions == undisturbed.sessions


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    with live_server(tmp_path_factory.mktemp("router")) as server:
        yield server


def _settings(server: LiveServer) -> RouterSettings:
    return RouterSettings.from_environment(server.root, {"API_BASE_URL": server.url})


@pytest.mark.slow
def test_a_running_router_is_asked_and_a_kill_doubles_nothing_there(server):
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    assert killed(server.root, "8", "events", "before", API_BASE_URL=server.url, **kept) == -SIGKILL
    report = _visit(_settings(server), server.root)
    assert report.through == "router"
    assert report.found == 8
    _agree(report, server.root)
    assert {row[0] for row in server.query("SELECT DISTINCT simulated FROM decisions")} == {1}


@pytest.mark.slow
def test_a_store_that_nobody_answers_for_is_told(server):
    nowhere = RouterSettings.from_environment(server.root, {"API_BASE_URL": "http://127.0.0.1:9"})
    with pytest.raises(LiveError, match="no router answers"):
        _visit(nowhere, server.root, "morning")
    assert logged(server.root, "morning") == {"decisions": 0}


def test_nothing_runs(root):
    settings = RouterSettings.from_environment(root, {})
    report = _visit(settings, root)
    assert report.experiments == ()
    assert "Start one" in in_words(report)
    assert not Path(root, "data").exists()


@pytest.mark.parametrize("name", ["live", "", "a b", "x" * 49, "10.0.0.1"])
def test_names_that_would_be_mistaken_are_refused(root, name):
    with pytest.raises(ParameterError, match="--batch"):
        _visit(RouterSettings.from_environment(root, {}), root, name)


def test_the_command_says_what_was_done(root, monkeypatch):
    project(root)
    monkeypatch.chdir(root)
    for name in ("DATABASE_URL", "API_BASE_URL", "MODE"):
        monkeypatch.delenv(name, raising=False)
    done = CliRunner().invoke(main, ["visit", "--batch", "noon", "--sessions", "3"])
    assert done.exit_code == 0, done.output
    assert done.output.startswith("noon: 3 sessions in films through the engine")
