"""What runs by the clock: jobs over the live assets, and schedules that are on by default.

How often, `conf/base/parameters/orchestration.yml` says. A tick that finds the last one still running skips
and says so; the next one does its work too, since every job goes by a watermark of its own.
"""

# No annotations of the future: Dagster reads those of its functions when they are defined.
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from armlift.commands.orchestration import cron_of
from dagster_defs import live_assets
from dagster_defs.kedro_assets import asset_key
from dagster_defs.live_assets import ENV, PARAMETERS
from dagster_defs.project import ROOT, KedroProject

UNFINISHED = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
MAX_RUNTIME_TAG = "dagster/max_runtime"
_LONGEST_SECONDS = {"session_batch": 600, "aggregate": 900}
_ALL_DAY_SECONDS = 4 * 3600


def _job(name: str, description: str, *assets: dg.AssetsDefinition) -> Any:
    longest = str(_LONGEST_SECONDS.get(name, _ALL_DAY_SECONDS))
    return dg.define_asset_job(
        name,
        dg.AssetSelection.assets(*assets),
        description=description,
        tags={MAX_RUNTIME_TAG: longest},
        executor_def=dg.in_process_executor,
    )


session_batch = _job(
    "session_batch",
    "Simulated users visit the live experiments, once for each tick.",
    live_assets.live_sessions,
)
aggregate = _job(
    "aggregate", "New events become sums, readings and points in MLflow.", live_assets.live_aggregates
)
ingest = _job("ingest", "New files of the drop folder are taken in.", live_assets.ingested_days)
daily_report = _job(
    "daily_report",
    "The day before: its log as Parquet, and snapshots of its experiments.",
    live_assets.live_events,
    live_assets.daily_reports,
)
weekly_report = _job("weekly_report", "Snapshots of the past week's experiments.", live_assets.weekly_reports)
retrain_check = dg.define_asset_job(
    "retrain_check",
    dg.AssetSelection.assets(
        *(asset_key(name) for name in KedroProject(ROOT, ENV).pipelines["monitor"].all_outputs())
    ),
    description="New data against the reference; what has drifted, a sensor acts on.",
    tags={MAX_RUNTIME_TAG: str(_ALL_DAY_SECONDS)},
    executor_def=dg.in_process_executor,
)


def unfinished_run(instance: dg.DagsterInstance, job_name: str) -> dg.DagsterRun | None:
    """Give a run of a job that has not ended; None if there is none.

    Args:
        instance: Where the runs are.
        job_name: The job.
    """
    found = instance.get_runs(dg.RunsFilter(job_name=job_name, statuses=UNFINISHED), limit=1)
    return found[0] if found else None


def yesterday(tick: datetime) -> str:
    """Key of the day before a tick."""
    return str(tick.date() - timedelta(days=1))


def last_week(tick: datetime) -> str:
    """Key of the last whole week before a tick: its Monday."""
    return str(tick.date() - timedelta(days=tick.weekday() + 7))


def today(tick: datetime) -> str:
    """Key of a tick's day."""
    return str(tick.date())


def _schedule(
    job: Any, cron: str, description: str, partition: Callable[[datetime], str] | None = None
) -> dg.ScheduleDefinition:
    """A schedule that is on by default, and skips while the job's last run goes on."""

    @dg.schedule(
        cron_schedule=cron,
        name=job.name,
        job=job,
        description=description,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if run := unfinished_run(context.instance, job.name):
            return dg.SkipReason(
                f"Run {run.run_id[:8]} of {job.name} is still going on; the next tick does this one's work."
            )
        moment = context.scheduled_execution_time.astimezone(UTC)
        key = None if partition is None else partition(moment)
        return dg.RunRequest(run_key=moment.isoformat(), partition_key=key)

    return tick


def _every(minutes: int) -> str:
    return f"*/{minutes} * * * *" if minutes < 60 else "0 * * * *"


SCHEDULES = (
    _schedule(
        session_batch,
        _every(PARAMETERS.session_batch.every_minutes),
        "Simulated users; missed batches are made up for.",
    ),
    _schedule(
        aggregate,
        _every(PARAMETERS.aggregate.every_minutes),
        "Everything since the last time, whenever that was.",
        today,
    ),
    _schedule(ingest, cron_of(PARAMETERS.ingest.at), "What is new in the drop folder.", yesterday),
    _schedule(daily_report, cron_of(PARAMETERS.report.at), "The day before.", yesterday),
    _schedule(
        weekly_report,
        f"{cron_of(PARAMETERS.report.at).removesuffix('*')}{PARAMETERS.report.weekday_number}",
        "The last whole week.",
        last_week,
    ),
    _schedule(retrain_check, cron_of(PARAMETERS.retrain_check.at), "New data against the reference."),
)
JOBS = (session_batch, aggregate, ingest, daily_report, weekly_report, retrain_check)
