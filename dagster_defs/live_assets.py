"""What happens to live traffic by itself: simulated sessions, files that arrive, aggregates, reports.

Every asset calls one tested function of armlift and says what it did. Partitions are days, UTC; doing one
again gives the same result and counts nothing twice.
"""

# No annotations of the future: Dagster reads those of its functions when they are defined.
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import dagster as dg

from armlift.commands.orchestration import OrchestrationParameters, load_orchestration
from armlift.environment import RouterSettings
from armlift.errors import ArmliftError, LiveError, TrackingError
from dagster_defs.kedro_assets import OWNER, KedroParameters
from dagster_defs.mlflow_runs import link, started_by
from dagster_defs.project import POOL, ROOT, KedroProject

if TYPE_CHECKING:
    Result = dg.MaterializeResult[Any]
else:  # Dagster knows the plain class alone
    Result = dg.MaterializeResult

GROUP = "live"
ENV = os.environ.get("KEDRO_ENV") or None
PARAMETERS: OrchestrationParameters = load_orchestration(ROOT, ENV)

DAYS = dg.DailyPartitionsDefinition(str(PARAMETERS.first_day), end_offset=1)
"""Days, today included."""

WEEKS = dg.WeeklyPartitionsDefinition(str(PARAMETERS.first_day), day_offset=1)
"""Whole weeks, Monday to Sunday, each named by its Monday."""

EXPERIMENTS = dg.DynamicPartitionsDefinition(name="experiments")
"""Experiments that were started; a sensor adds them."""

RETRY = dg.RetryPolicy(
    max_retries=PARAMETERS.retries, delay=PARAMETERS.retry_seconds, backoff=dg.Backoff.EXPONENTIAL
)
"""For what is safe to repeat, which all of this is."""


def settings() -> RouterSettings:
    """Settings of the router whose store this is about."""
    return RouterSettings.from_environment(ROOT)


def _late_after(minutes: float) -> dg.FreshnessPolicy:
    return dg.FreshnessPolicy.time_window(
        fail_window=timedelta(minutes=5 * minutes), warn_window=timedelta(minutes=3 * minutes)
    )


@dg.asset(
    group_name=GROUP,
    owners=[OWNER],
    kinds={"python"},
    retry_policy=RETRY,
    freshness_policy=_late_after(PARAMETERS.session_batch.every_minutes),
)
def live_sessions(context: dg.AssetExecutionContext) -> Result:
    """Simulated users in the log of live traffic, by batches; missed batches are made up for."""
    from armlift.commands.session_ticks import visit_due
    from armlift.commands.visit import in_words

    with _worth_a_retry():
        report = visit_due(settings(), ROOT, PARAMETERS.session_batch, datetime.now(UTC))
    lines = [in_words(batch) for batch in report.batches]
    if report.is_busy:
        lines.append("Another process is at it; nothing was done.")
    if report.left_out:
        lines.append(f"{report.left_out} missed batches were too many to be made up for.")
    for line in lines or ["Every batch up to now was done before."]:
        context.log.info(line)
    return dg.MaterializeResult(
        metadata={
            "batches": len(report.batches),
            "left_out": report.left_out,
            "sessions": sum(batch.sessions for batch in report.batches),
            "decisions": sum(batch.decisions for batch in report.batches),
            "clicks": sum(batch.events.get("click_detail", 0) for batch in report.batches),
            "through": ", ".join(sorted({batch.through for batch in report.batches if batch.through})),
            "what": dg.MetadataValue.md("\n".join(f"- {line}" for line in lines)),
        }
    )


@dg.asset(
    group_name=GROUP,
    owners=[OWNER],
    kinds={"python"},
    partitions_def=DAYS,
    retry_policy=RETRY,
    deps=[live_sessions],
)
def live_aggregates(context: dg.AssetExecutionContext) -> Result:
    """Sums and readings of live traffic by stretches of time; a past day is summed anew from its log."""
    from armlift.commands.aggregate import aggregate_live, in_words

    day = _day(context)
    now = datetime.now(UTC)
    with _worth_a_retry():
        report = aggregate_live(settings(), now, root=ROOT, day=None if day == now.date() else day)
    context.log.info(in_words(report))
    return dg.MaterializeResult(
        metadata={
            "rows": report.intervals.rows if report.intervals else 0,
            "readings": report.readings,
            "alarms": list(report.alarms),
            "exported": report.exported,
            "export_error": report.export_error,
            "what": in_words(report),
        }
    )


@dg.asset(group_name=GROUP, owners=[OWNER], kinds={"parquet"}, partitions_def=DAYS, retry_policy=RETRY)
def live_events(context: dg.AssetExecutionContext) -> Result:
    """A day of the live log as Parquet: its decisions and events."""
    from armlift.commands.live_days import keep_day

    with _worth_a_retry():
        rows = keep_day(settings(), ROOT, _day(context))
    return dg.MaterializeResult(metadata={"dagster/row_count": rows.events, **rows._asdict()})


@dg.asset(group_name=GROUP, owners=[OWNER], kinds={"parquet"}, partitions_def=DAYS, retry_policy=RETRY)
def ingested_days(context: dg.AssetExecutionContext) -> Result:
    """Ratings and events of a day, from files; what is new in the drop folder is taken in first."""
    from armlift.commands.ingest import in_words, ingest_files

    where = PARAMETERS.ingest
    with _worth_a_retry():
        report = ingest_files(settings(), ROOT, ROOT / where.inbox, ROOT / where.folder, day=_day(context))
    for line in (lines := list(in_words(report))):
        context.log.info(line)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": report.day_rows or 0,
            "files": len(report.files),
            "rows_taken": sum(file.rows for file in report.files),
            "rows_rejected": sum(file.rejected for file in report.files),
            "what": dg.MetadataValue.md("\n".join(f"- {line}" for line in lines)),
        }
    )


@dg.asset(
    group_name=GROUP,
    owners=[OWNER],
    kinds={"kedro", "parquet"},
    partitions_def=DAYS,
    deps=[live_events, live_aggregates],
    pool=POOL,
    retry_policy=RETRY,
)
def daily_reports(context: dg.AssetExecutionContext, kedro: KedroParameters) -> Result:
    """Snapshots of the experiments that ran on a day, as they stood at its end."""
    return _report(context, kedro, _day(context), "day")


@dg.asset(
    group_name=GROUP,
    owners=[OWNER],
    kinds={"kedro", "parquet"},
    partitions_def=WEEKS,
    deps=[dg.AssetDep(live_events, partition_mapping=dg.TimeWindowPartitionMapping())],
    pool=POOL,
    retry_policy=RETRY,
)
def weekly_reports(context: dg.AssetExecutionContext, kedro: KedroParameters) -> Result:
    """Snapshots of the experiments that ran in a week, as they stood at its end."""
    return _report(context, kedro, _day(context) + timedelta(days=6), "week")


@dg.asset(
    group_name=GROUP,
    owners=[OWNER],
    kinds={"mlflow"},
    partitions_def=EXPERIMENTS,
    retry_policy=RETRY,
    check_specs=[
        dg.AssetCheckSpec(
            "checklist",
            asset="started_experiments",
            description="The brief is that of a good experiment: what it declares before its start.",
        )
    ],
)
def started_experiments(context: dg.AssetExecutionContext) -> Result:
    """What an experiment needs beside the router: its MLflow experiment, and its checklist judged."""
    from armlift.commands.set_up import set_up_experiment

    with _worth_a_retry():
        report = set_up_experiment(settings(), ROOT, context.partition_key)
    failed = [item for item in report.checklist if item.status == "failed"]
    return dg.MaterializeResult(
        metadata={
            "state": report.state,
            "mlflow_experiment": f"{report.tracked_as} ({report.mlflow_experiment or 'deleted in MLflow'})",
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="checklist",
                passed=not failed,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={item.id: f"{item.status}: {item.reason}" for item in report.checklist},
            )
        ],
    )


def _day(context: dg.AssetExecutionContext) -> date:
    return date.fromisoformat(context.partition_key)


def _report(context: dg.AssetExecutionContext, kedro: KedroParameters, last_day: date, span: str) -> Result:
    from armlift import tracking
    from armlift.pipelines.reporting.parameters import ReportParameters

    report = ReportParameters.model_validate({"day": last_day, "span": span})
    parameters = {**kedro.parameters, "report": {"day": str(last_day), "span": span}}
    project, session = KedroProject(ROOT, ENV), str(uuid4())
    with _worth_a_retry(), started_by(context.run.run_id):
        tracking.use_store(ROOT)
        project.run({node.name for node in project.pipelines["report"].nodes}, parameters, session)
    folder = ROOT / "data" / "reporting" / "snapshots"
    snapshots = sorted(str(file.relative_to(ROOT)) for file in folder.glob(f"*/{report.name}"))
    about = {"snapshots": snapshots, "period": report.name}
    return dg.MaterializeResult(metadata=about | link(session))


@contextmanager
def _worth_a_retry() -> Iterator[None]:
    """Repeat what failed because something was away, and not what was asked for wrongly."""
    try:
        yield
    except (LiveError, TrackingError):
        raise
    except ArmliftError as error:
        raise dg.Failure(str(error), allow_retries=False) from error


ASSETS = (
    live_sessions,
    live_aggregates,
    live_events,
    ingested_days,
    daily_reports,
    weekly_reports,
    started_experiments,
)
CHECKS = ()
