"""Runs that come every few minutes go after some days: each leaves files of a third of a megabyte."""

# No annotations of the future: Dagster reads those of its functions when they are defined.
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from dagster_defs import schedules

KEPT = timedelta(days=2)
FREQUENT = (schedules.session_batch.name, schedules.aggregate.name)
_AT_ONCE = 200


def delete_old_runs(instance: dg.DagsterInstance, before: datetime) -> int:
    """Delete finished runs of the frequent jobs, with their logs; what they wrote stays.

    Args:
        instance: Where the runs are.
        before: Runs that were created later stay.

    Returns:
        How many were deleted.
    """
    deleted = 0
    finished = [
        dg.DagsterRunStatus.SUCCESS,
        dg.DagsterRunStatus.FAILURE,
        dg.DagsterRunStatus.CANCELED,
    ]
    for job in FREQUENT:
        old = dg.RunsFilter(job_name=job, statuses=finished, created_before=before)
        while runs := instance.get_runs(old, limit=_AT_ONCE):
            for run in runs:
                instance.delete_run(run.run_id)
                _delete_files(instance, run.run_id)
            deleted += len(runs)
    return deleted


@dg.op
def delete_them(context: dg.OpExecutionContext) -> None:
    """Delete what is older than may be kept."""
    deleted = delete_old_runs(context.instance, datetime.now(UTC) - KEPT)
    context.log.info(f"{deleted} runs were deleted.")


@dg.job(executor_def=dg.in_process_executor)
def old_runs() -> None:
    """Old runs of the jobs that come every few minutes go."""
    delete_them()


JOBS = (old_runs,)
SCHEDULES = (
    dg.ScheduleDefinition(
        name="old_runs",
        job=old_runs,
        description="Old runs of the jobs that come every few minutes go.",
        cron_schedule="50 1 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    ),
)


def _delete_files(instance: dg.DagsterInstance, run_id: str) -> None:
    """What Dagster itself leaves of a deleted run: its output, and the file of its events."""
    shutil.rmtree(Path(instance.storage_directory()) / run_id, ignore_errors=True)
    path = getattr(instance.event_log_storage, "path_for_shard", None)
    if path is not None:
        for ending in ("", "-wal", "-shm"):
            Path(f"{path(run_id)}{ending}").unlink(missing_ok=True)
