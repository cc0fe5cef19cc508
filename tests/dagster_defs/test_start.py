"""`python -m dagster_defs` puts Dagster's memory in order before Dagster starts; old runs go."""

import os
import socket
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from click.testing import CliRunner

from dagster_defs.__main__ import TEMPLATE, main, prepare_home, settle
from dagster_defs.old_runs import FREQUENT, delete_old_runs
from dagster_defs.project import POOL


@dg.op
def nothing():
    pass


@pytest.fixture
def home(tmp_path):
    return prepare_home(tmp_path)


def job(name):
    @dg.job(name=name)
    def one():
        nothing()

    return one


def test_the_home_is_made_with_the_settings_of_the_project(home):
    assert home.parts[-2:] == ("data", "dagster")
    assert (home / "dagster.yaml").read_text() == TEMPLATE.read_text()
    (home / "dagster.yaml").write_text("old: settings")
    prepare_home(home.parents[1])
    assert (home / "dagster.yaml").read_text() == TEMPLATE.read_text()


def test_runs_that_were_cut_off_are_ended_and_the_pool_is_limited(home):
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert not instance.telemetry_enabled
        cut_off, waiting = (
            instance.create_run_for_job(job(name), status=status).run_id
            for name, status in (("a", dg.DagsterRunStatus.STARTED), ("b", dg.DagsterRunStatus.NOT_STARTED))
        )
    assert settle(home) == 1
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert instance.get_run_by_id(cut_off).status == dg.DagsterRunStatus.FAILURE
        assert instance.get_run_by_id(waiting).status == dg.DagsterRunStatus.NOT_STARTED
        assert {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()} == {POOL: 1}
    assert settle(home) == 0


def test_a_port_that_is_taken_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        answer = CliRunner().invoke(main, ["--port", port])
    assert answer.exit_code == 1
    assert f"127.0.0.1:{port}" in answer.output


@pytest.mark.parametrize("given", [None, "https://dagster.example"])
def test_alarms_lead_to_the_port_that_was_chosen_or_to_the_address_that_was_given(
    monkeypatch, tmp_path, given
):
    seen = {}
    monkeypatch.setattr(os, "environ", {"ARMLIFT_DAGSTER_URL": given} if given else {})
    monkeypatch.setattr(os, "chdir", lambda _: None)
    monkeypatch.setattr(os, "execv", lambda *_: seen.update(os.environ))
    monkeypatch.setattr("dagster_defs.__main__.ROOT", tmp_path)
    monkeypatch.setattr("dagster_defs.__main__.settle", lambda _: 0)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    main.callback("127.0.0.1", port)
    assert seen["ARMLIFT_DAGSTER_URL"] == (given or f"http://127.0.0.1:{port}")
    assert seen["DAGSTER_HOME"] == str(tmp_path / "data" / "dagster")


def test_old_runs_of_frequent_jobs_go_and_others_stay(home):
    with dg.DagsterInstance.from_config(str(home)) as instance:
        ids = {
            name: job(name).execute_in_process(instance=instance).run_id for name in (FREQUENT[0], "simulate")
        }
        events = home / "history" / "runs"
        assert (events / f"{ids[FREQUENT[0]]}.db").exists()
        assert delete_old_runs(instance, datetime.now(UTC) - timedelta(hours=1)) == 0
        assert delete_old_runs(instance, datetime.now(UTC) + timedelta(hours=1)) == 1
        assert instance.get_run_by_id(ids["simulate"]) is not None
        assert instance.get_run_by_id(ids[FREQUENT[0]]) is None
        assert not list(events.glob(f"{ids[FREQUENT[0]]}*"))
