"""Sensors tell people what went wrong, once."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pandas as pd
import pytest

from dagster_defs import alarms

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EARLIER = (datetime.now(UTC) - timedelta(hours=1)).isoformat()


@dg.asset
def plain():
    raise ValueError("the numbers do not add up")


@dg.asset
def checked():
    return 1


@dg.asset_check(asset=checked, blocking=True)
def adds_up():
    return dg.AssetCheckResult(passed=False, description="5 ratings are in both parts.")


@dg.asset_check(asset=checked)
def looks_nice():
    return dg.AssetCheckResult(
        passed=False, description="It could be nicer.", severity=dg.AssetCheckSeverity.WARN
    )


DEFINITIONS = dg.Definitions(
    assets=[plain, checked],
    asset_checks=[adds_up, looks_nice],
    jobs=[
        dg.define_asset_job("plain_job", dg.AssetSelection.assets(plain)),
        dg.define_asset_job("checked_job", dg.AssetSelection.assets(checked)),
    ],
    executor=dg.in_process_executor,
)


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


ended: list[str] = []
"""Runs whose MLflow runs were ended."""


@pytest.fixture(autouse=True)
def told(catcher, tmp_path, monkeypatch):
    monkeypatch.setenv("ARMLIFT_NOTIFY_URLS", catcher.url)
    monkeypatch.setattr(alarms, "ROOT", tmp_path)
    monkeypatch.setattr(alarms, "end_killed", lambda _, run_id: ended.append(run_id))
    for name in ("DATABASE_URL", "ARMLIFT_DAGSTER_URL"):
        monkeypatch.delenv(name, raising=False)
    ended.clear()
    return catcher.caught


def fail(instance, job, **tags):
    return DEFINITIONS.resolve_job_def(job).execute_in_process(
        instance=instance, raise_on_error=False, tags=tags
    )


def tick(sensor, instance, cursor=EARLIER, definitions=DEFINITIONS):
    repository = definitions.get_repository_def()
    with dg.build_sensor_context(instance=instance, cursor=cursor, repository_def=repository) as context:
        return sensor(context).skip_message, context.cursor


def test_a_failed_run_is_told_with_its_cause_and_where_to_look(instance, told):
    run = fail(instance, "plain_job")
    said, cursor = tick(alarms.failed_runs, instance)
    assert said == "1 runs failed, 1 messages were sent."
    (message,) = told
    assert message["title"] == "armlift: run failed: plain_job"
    assert message["message"].startswith("ValueError: the numbers do not add up\nSince: 20")
    assert f"Read http://127.0.0.1:3000/runs/{run.run_id}, mend" in message["message"]
    assert tick(alarms.failed_runs, instance, cursor)[0].startswith("0 runs")


def test_a_check_that_blocked_is_told_instead_of_the_run(instance, told):
    fail(instance, "checked_job")
    tick(alarms.failed_runs, instance)
    (message,) = told
    assert message["title"] == "armlift: blocked check: checked: adds_up"
    assert message["message"].startswith("5 ratings are in both parts.")


def test_a_run_that_is_tried_again_is_not_told_but_ended_in_mlflow(instance, told):
    run = fail(instance, "plain_job", **{"dagster/will_retry": "true"})
    assert tick(alarms.failed_runs, instance)[0] == "1 runs failed, 0 messages were sent."
    assert told == []
    assert ended == [run.run_id]


def test_messages_lead_to_where_dagster_is_seen(instance, told, monkeypatch):
    monkeypatch.setenv("ARMLIFT_DAGSTER_URL", "https://dagster.example:3100")
    run = fail(instance, "plain_job")
    tick(alarms.failed_runs, instance)
    assert f"https://dagster.example:3100/runs/{run.run_id}" in told[0]["message"]
    assert "https://dagster.example:3100/assets/aging" in alarms.stale_alarm("aging", None, NOON).remedy


def test_failures_before_the_first_tick_are_not_told(instance, told):
    fail(instance, "plain_job")
    _, cursor = tick(alarms.failed_runs, instance, cursor=None)
    tick(alarms.failed_runs, instance, cursor)
    assert told == []


def test_when_nobody_can_be_reached_the_next_tick_tells(instance, told, catcher):
    fail(instance, "plain_job")
    catcher.status = 500
    with pytest.raises(Exception, match="told nobody"):
        tick(alarms.failed_runs, instance)
    catcher.status, told[:] = 200, []
    tick(alarms.failed_runs, instance)
    assert len(told) == 1


@dg.asset(freshness_policy=dg.FreshnessPolicy.time_window(timedelta(days=1)))
def aging():
    return 1


def test_stale_data_are_told(instance, told, monkeypatch):
    class Record:
        freshness_state, updated_at = "FAIL", NOON

    monkeypatch.setattr(
        type(instance), "get_freshness_state_records", lambda self, keys: dict.fromkeys(keys, Record)
    )
    said, _ = tick(alarms.stale_data, instance, definitions=dg.Definitions(assets=[aging, checked]))
    assert said == "1 of 1 assets are stale, 1 messages were sent."
    (message,) = told
    assert message["title"] == "armlift: stale data: aging"
    assert "aging was never made" in message["message"]


def test_live_alarms_are_those_since_the_last_tick(instance, told, tmp_path, monkeypatch):
    rows = pd.DataFrame(
        {
            "at": pd.to_datetime([NOON, NOON + timedelta(minutes=5)], utc=True),
            "experiment_id": ["old", "new"],
            "metric": "error_rate",
            "segment": "",
            "value": 0.02,
            "threshold": 0.005,
            "alarm": True,
        }
    )
    monkeypatch.setattr("armlift.storage.Readings.monitoring", lambda self, since: rows[rows["at"] >= since])
    assert tick(alarms.live_alarms, instance, NOON.isoformat())[0] == "There is no store yet."
    from armlift.storage import migrate, open_database

    with open_database(f"sqlite:///{tmp_path}/data/live/armlift.db", exclusive=True) as database:
        migrate(database)
    said, cursor = tick(alarms.live_alarms, instance, NOON.isoformat())
    assert said == "1 readings, 1 messages were sent."
    assert told[0]["title"] == "armlift: guardrail breach: new"
    assert tick(alarms.live_alarms, instance, cursor)[0] == "0 readings, 0 messages were sent."
