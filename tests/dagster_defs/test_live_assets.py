"""Jobs over live traffic, executed in process: a rerun counts nothing twice."""

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime

import dagster as dg
import mlflow
import pandas as pd
import pytest
from commands.visited import STORE, counted, killed, logged
from live_project import figures, make, run

from armlift.commands import session_ticks
from armlift.commands.session_ticks import LEDGER, finished_batches
from armlift.errors import ParameterError
from armlift.storage import open_database
from dagster_defs import live_assets


@pytest.fixture
def root(tmp_path, template, monkeypatch):
    yield make(tmp_path / "project", template, monkeypatch)
    mlflow.set_tracking_uri(None)


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def _today():
    return str(datetime.now(UTC).date())


def _interval_sums(root):
    with closing(sqlite3.connect(f"file:{root / STORE}?mode=ro", uri=True)) as connection:
        query = "SELECT sum(decisions), sum(impressions), sum(clicks) FROM interval_sums WHERE segment = ''"
        return connection.execute(query).fetchone()


def test_sessions_then_aggregates_and_again(root, instance):
    said = figures(run("session_batch", instance), "live_sessions")
    assert (said["batches"], said["through"], said["sessions"]) == (1, "engine", 50)
    (batch,) = finished_batches(root)
    assert logged(root, batch["batch"]) == {"decisions": said["decisions"], **batch["events"]}
    for _ in range(2):
        run("aggregate", instance, partition_key=_today())
        sums = counted(root, batch["batch"])
        assert _interval_sums(root) == (sums["decisions"], sums["impressions"], sums["clicks"])
    again = figures(run("session_batch", instance), "live_sessions")
    later = [each["batch"] for each in finished_batches(root) if each != batch]  # a tick may have passed
    assert again["decisions"] == sum(counted(root, name)["decisions"] for name in later)


@pytest.mark.slow
def test_a_killed_batch_is_finished_by_the_next_run(root, instance, monkeypatch):
    assert killed(root, "4", "events", "before", seed=0) != 0
    monkeypatch.setattr(session_ticks, "batch_name", lambda tick: "night")
    said = figures(run("session_batch", instance), "live_sessions")
    assert finished_batches(root)[0]["found"] == 3
    assert logged(root, "night")["decisions"] == said["decisions"]
    assert counted(root, "night")["impressions"] == said["decisions"]


def test_another_process_at_it_is_left_alone(root, instance):
    lock = (root / LEDGER).with_name(f"{LEDGER.name}.lock")
    with closing(sqlite3.connect(lock, isolation_level=None)) as held:
        held.execute("BEGIN EXCLUSIVE")
        said = figures(run("session_batch", instance), "live_sessions")
    assert (said["batches"], said["what"]) == (0, "- Another process is at it; nothing was done.")


def test_files_are_ingested_by_day_and_a_back_fill_gives_the_same(root, instance):
    (root / "data/raw/inbox").mkdir(parents=True)
    (root / "data/processed").mkdir(parents=True)
    pd.DataFrame({"item_id": [1, 2]}).to_parquet(root / "data/processed/items.parquet")
    file = root / "data/raw/inbox/a.csv"
    file.write_text(
        "user_id,item_id,rating,timestamp\n7,1,4,1795000000\n7,2,4,1795100000\n7,2,9,1\n", "utf-8"
    )
    said = figures(run("ingest", instance, partition_key="2026-11-18"), "ingested_days")
    assert (said["dagster/row_count"], said["rows_taken"], said["rows_rejected"]) == (1, 2, 1)
    for _ in range(2):
        said = figures(run("ingest", instance, partition_key="2026-11-19"), "ingested_days")
        assert said["dagster/row_count"] == 1


def _steps(result):
    return [event.event_type_value for event in result.all_events]


def test_what_was_asked_for_wrongly_is_not_tried_again(root, instance, monkeypatch):
    def wrong(*_, **__):
        raise ParameterError("sessions", -1, "sessions >= 1", "Choose more.")

    monkeypatch.setattr(session_ticks, "visit_batch", wrong)
    result = run("session_batch", instance, raise_on_error=False)
    assert not result.success
    assert "STEP_UP_FOR_RETRY" not in _steps(result)


@pytest.mark.slow
def test_what_is_away_is_tried_again(root, instance, monkeypatch):
    monkeypatch.setenv("API_BASE_URL", "http://127.0.0.1:9")
    visit, tries = session_ticks.visit_batch, []

    def held_at_first(*arguments, **named):
        tries.append(named["batch"])
        if len(tries) > 1:
            return visit(*arguments, **named)
        with open_database(f"sqlite:///{root / STORE}", exclusive=True):
            return visit(*arguments, **named)

    monkeypatch.setattr(session_ticks, "visit_batch", held_at_first)
    result = run("session_batch", instance)
    assert _steps(result).count("STEP_UP_FOR_RETRY") == 1
    assert len(tries) == 2
    assert len(finished_batches(root)) == 1


@pytest.mark.slow
def test_the_day_is_reported_and_a_back_fill_gives_the_same(root, instance):
    run("session_batch", instance)
    said = figures(run("daily_report", instance, partition_key=_today()), "daily_reports")
    folder = root / "data/reporting/snapshots/films" / _today()
    assert said["snapshots"] == [str(folder.relative_to(root))]
    names = ("totals", "effects", "sample_ratio", "exclusions")
    tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in names}
    made = sum(batch["decisions"] for batch in finished_batches(root))
    assert tables["totals"].query("span == 'all'")["decisions"].sum() == made
    assert json.loads((folder / "snapshot.json").read_text())["decisions"] == made
    shutil.rmtree(folder)
    run("daily_report", instance, partition_key=_today())
    for name, table in tables.items():
        pd.testing.assert_frame_equal(pd.read_parquet(folder / f"{name}.parquet"), table)


def test_a_day_of_the_log_becomes_parquet(root, instance):
    run("session_batch", instance)
    (batch,) = finished_batches(root)
    rows = []
    for _ in range(2):
        result = dg.materialize([live_assets.live_events], instance=instance, partition_key=_today())
        rows.append(figures(result, "live_events"))
    assert rows[0]["decisions"] == rows[1]["decisions"] == batch["decisions"]
    events = pd.read_parquet(root / f"data/live/days/events/{_today()}.parquet")
    assert len(events) == rows[0]["events"]


def test_a_started_experiment_gets_its_mlflow_experiment_and_its_checks(root, instance):
    instance.add_dynamic_partitions("experiments", ["films", "unheard_of"])
    result = run("set_up_experiment", instance, partition_key="films")
    assert mlflow.MlflowClient(f"sqlite:///{root / 'mlflow.db'}").get_experiment_by_name("films")
    (check,) = result.get_asset_check_evaluations()
    assert check.metadata
    failed = run("set_up_experiment", instance, partition_key="unheard_of", raise_on_error=False)
    assert not failed.success


@pytest.mark.slow
def test_a_week_before_an_experiment_is_reported_without_it(root, instance):
    run("session_batch", instance)
    monday = live_assets.WEEKS.get_last_partition_key()
    said = figures(run("weekly_report", instance, partition_key=monday), "weekly_reports")
    assert said["snapshots"] == []
    assert said["period"] == f"{date.fromisoformat(monday):%G-W%V}"
    assert mlflow.get_run(said["MLflow run id"]).info.status == "FINISHED"
