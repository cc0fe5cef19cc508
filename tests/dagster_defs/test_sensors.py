"""What runs because something happened."""

from itertools import pairwise

import dagster as dg
import pandas as pd
import pytest
from live_project import make

from armlift.monitoring.windows import DriftWindow
from armlift.storage import ExperimentStore, open_database
from dagster_defs import sensors

DAYS = [pd.Timestamp(f"2026-11-{day}", tz="UTC") for day in (1, 2, 3)]
WINDOWS = [DriftWindow(start, end, "live", ("clicks.genre",)) for start, end in pairwise(DAYS)]


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def test_each_drifted_window_is_asked_for_under_its_key(instance, monkeypatch):
    monkeypatch.setattr(sensors, "drifted_windows", lambda _: WINDOWS)
    requests = list(sensors.drift(dg.build_sensor_context(instance)))
    assert [each.run_key for each in requests] == [window.key for window in WINDOWS]
    assert requests[0].run_config["ops"]["retrain_on_window"]["config"] == {"key": WINDOWS[0].key}


def test_a_window_is_retrained_on(instance, monkeypatch):
    asked = []

    def retrain(root, window, *, env):
        asked.append(window)
        from armlift.commands.retrain import RetrainReport

        return RetrainReport(window.key, "challenger", False, "run", "svd", 2, "films-2", None, {}, {})

    monkeypatch.setattr(sensors, "drifted_windows", lambda _: WINDOWS)
    monkeypatch.setattr(sensors, "retrain", retrain)
    monkeypatch.setattr(dg.RetryPolicy, "calculate_delay", lambda *_: 0.0)

    def execute(key):
        config = {"ops": {"retrain_on_window": {"config": {"key": key}}}}
        return sensors.retrain_challenger.execute_in_process(config, instance=instance, raise_on_error=False)

    assert execute(WINDOWS[1].key).success
    assert asked == [WINDOWS[1]]
    assert not execute("live-2020").success


def test_started_experiments_get_their_partition_and_are_set_up_once(
    tmp_path, template, monkeypatch, instance
):
    from live_log import brief

    root = make(tmp_path / "project", template, monkeypatch)
    with open_database(f"sqlite:///{root / 'data/live/armlift.db'}", exclusive=False) as database:
        ExperimentStore(database).create(brief("draft"), who="tests")
    result = sensors.experiments(dg.build_sensor_context(instance))
    assert [(each.run_key, each.partition_key) for each in result.run_requests] == [("films", "films")]
    assert [each.partition_keys for each in result.dynamic_partitions_requests] == [["films"]]


def test_without_a_store_nothing_happens(tmp_path, monkeypatch, instance):
    from dagster_defs import live_assets

    monkeypatch.setattr(live_assets, "ROOT", tmp_path)
    result = sensors.experiments(dg.build_sensor_context(instance))
    assert not result.run_requests
    assert not result.dynamic_partitions_requests
    assert not (tmp_path / "data").exists()


def test_sensors_are_on_by_default():
    assert all(each.default_status is dg.DefaultSensorStatus.RUNNING for each in sensors.SENSORS)
