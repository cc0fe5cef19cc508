"""What runs by the clock, and what a tick does that finds the last one still running."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from live_project import definitions

from dagster_defs import schedules
from dagster_defs.schedules import SCHEDULES, last_week, today, yesterday

BY_NAME = {schedule.name: schedule for schedule in SCHEDULES}
TICK = datetime(2026, 11, 21, 12, 2, tzinfo=UTC)  # a Saturday


@pytest.fixture(scope="module")
def kept_instance():
    with dg.instance_for_test() as instance:
        yield instance


@pytest.fixture
def instance(kept_instance):
    """An instance without runs; a new one takes 2 s."""
    yield kept_instance
    for run in kept_instance.get_runs():
        kept_instance.delete_run(run.run_id)


def _tick(name, instance, at=TICK):
    repository = definitions().get_repository_def()
    context = dg.build_schedule_context(instance, at, repository_def=repository)
    return BY_NAME[name].evaluate_tick(context)


def test_all_are_on_by_default_and_tick_as_the_parameters_say():
    assert all(each.default_status is dg.DefaultScheduleStatus.RUNNING for each in SCHEDULES)
    assert {each.name: each.cron_schedule for each in SCHEDULES} == {
        "session_batch": "*/2 * * * *",
        "aggregate": "*/5 * * * *",
        "ingest": "10 2 * * *",
        "daily_report": "30 2 * * *",
        "weekly_report": "30 2 * * 1",
        "retrain_check": "0 3 * * *",
    }
    assert all(each.execution_timezone == "UTC" for each in SCHEDULES)


def test_days_and_weeks():
    assert (today(TICK), yesterday(TICK), last_week(TICK)) == ("2026-11-21", "2026-11-20", "2026-11-09")
    monday = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)
    assert last_week(monday) == "2026-11-16"
    assert last_week(monday) in schedules.live_assets.WEEKS.get_partition_keys(current_time=monday)
    assert today(TICK) in schedules.live_assets.DAYS.get_partition_keys(current_time=TICK)


@pytest.mark.parametrize(
    ("name", "partition"),
    [("session_batch", None), ("aggregate", "2026-11-21"), ("ingest", "2026-11-20")],
)
def test_a_tick_asks_for_one_run(instance, name, partition):
    requests = _tick(name, instance).run_requests
    assert [(each.partition_key, each.run_key) for each in requests] == [(partition, TICK.isoformat())]


@pytest.mark.parametrize("status", schedules.UNFINISHED[1:])  # a queued run needs a code location
def test_a_tick_that_finds_the_last_one_running_skips_and_says_so(instance, status):
    job = definitions().resolve_job_def("session_batch")
    run = instance.create_run_for_job(job, status=status)
    answer = _tick("session_batch", instance)
    assert not answer.run_requests
    assert run.run_id[:8] in answer.skip_message
    assert len(_tick("aggregate", instance).run_requests) == 1  # another job's run is no reason


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE])
def test_ended_runs_hold_up_nobody(instance, status):
    instance.create_run_for_job(definitions().resolve_job_def("session_batch"), status=status)
    assert len(_tick("session_batch", instance).run_requests) == 1


def test_the_next_tick_after_a_skip_goes_on(instance):
    job = definitions().resolve_job_def("session_batch")
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert not _tick("session_batch", instance).run_requests
    instance.report_run_failed(run)
    assert len(_tick("session_batch", instance, TICK + timedelta(minutes=2)).run_requests) == 1
