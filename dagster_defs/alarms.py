"""Sensors that tell people: of failed runs, checks that blocked, stale data, and alarms of live traffic."""

# No annotations of the future: Dagster reads those of its functions when they are defined.
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import dagster as dg

from armlift.environment import RouterSettings, dagster_url, notify_urls, sqlite_file
from armlift.notifications import Alarm, notify, reading_alarms
from dagster_defs.mlflow_runs import end_killed
from dagster_defs.project import ROOT

SECONDS = 30
_LONGEST = 500  # characters of an error in a message
_OWN = re.compile(r"^armlift\.errors\.\w+: ")  # what its own errors say needs no class


def run_alarms(
    run: dg.DagsterRun, error: str, blocked: Sequence[dg.AssetCheckEvaluation], since: datetime
) -> list[Alarm]:
    """Make the alarms of a failed run: of each check that blocked it, or else of the failure.

    Args:
        run: The run.
        error: Why it failed.
        blocked: Its blocking checks that failed.
        since: When it failed.
    """
    where = f"{dagster_url()}/runs/{run.run_id}"
    if not blocked:
        remedy = f"Read {where}, mend the cause, and re-execute the run from its failure."
        return [Alarm("run failed", run.job_name, error[:_LONGEST], since, remedy)]
    return [
        Alarm(
            "blocked check",
            f"{check.asset_key.to_user_string()}: {check.check_name}",
            check.description or "The check failed.",
            since,
            f"What is built on it did not run. Mend the cause and materialise the asset again; see {where}.",
        )
        for check in blocked
    ]


def stale_alarm(asset: str, last: datetime | None, since: datetime) -> Alarm:
    """Make the alarm of an asset that is older than its policy allows.

    Args:
        asset: Name of the asset.
        last: When it was last made; None if Dagster never made it.
        since: Since when it counts as stale.
    """
    made = "was never made" if last is None else f"was last made on {last:%Y-%m-%d at %H:%M} UTC"
    return Alarm(
        "stale data",
        asset,
        f"{asset} {made}, which is longer ago than it may be.",
        since,
        f"Look at its schedule and its last run, {dagster_url()}/assets/{asset}, and materialise it.",
    )


@dg.sensor(
    minimum_interval_seconds=SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells of runs that failed and are not tried again, and of checks that blocked one; "
    "ends in MLflow what a killed run left open.",
)
def failed_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Tell of failures since the last tick; a failure that could not be told is told by the next one."""
    if context.cursor is None:
        context.update_cursor(datetime.now(UTC).isoformat())
        return dg.SkipReason("Failures from now on are told.")
    seen = datetime.fromisoformat(context.cursor)
    failed = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=seen)
    records = context.instance.get_run_records(failed, order_by="update_timestamp", ascending=True)
    told = 0
    for record in records:
        run = record.dagster_run
        if run.tags.get("dagster/will_retry") != "true":
            told += _tell(
                run_alarms(
                    run,
                    _error(context.instance, run),
                    _blocked(context.instance, run),
                    record.update_timestamp,
                )
            )
        end_killed(ROOT, run.run_id)
        context.update_cursor(record.update_timestamp.replace(tzinfo=UTC).isoformat())
    return dg.SkipReason(f"{len(records)} runs failed, {told} messages were sent.")


@dg.sensor(
    minimum_interval_seconds=10 * SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells of assets that are older than their freshness policy allows.",
)
def stale_data(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Tell of all that are stale now; `notify` sees to it that this is said once a period."""
    assert context.repository_def is not None  # Dagster gives it to every sensor that it evaluates
    graph = context.repository_def.asset_graph
    keys = [key for key in graph.get_all_asset_keys() if graph.get(key).freshness_policy is not None]
    states = context.instance.get_freshness_state_records(keys)
    alarms = []
    for key, record in states.items():
        if record.freshness_state == "FAIL":
            event = context.instance.get_latest_materialization_event(key)
            last = None if event is None else datetime.fromtimestamp(event.timestamp, UTC)
            alarms.append(stale_alarm(key.to_user_string(), last, record.updated_at))
    return dg.SkipReason(
        f"{len(alarms)} of {len(keys)} assets are stale, {_tell(alarms)} messages were sent."
    )


@dg.sensor(
    minimum_interval_seconds=SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells of guardrail breaches, sample ratio mismatches and drift that the store recorded.",
)
def live_alarms(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Tell of readings since the last tick that raised an alarm."""
    from armlift.storage import Readings, open_database

    seen = datetime.now(UTC) if context.cursor is None else datetime.fromisoformat(context.cursor)
    url = RouterSettings.from_environment(ROOT).database_url
    file = sqlite_file(url)
    if file is not None and not file.exists():
        return dg.SkipReason("There is no store yet.")
    with open_database(url, exclusive=False) as database:
        readings = Readings(database).monitoring(since=seen)
    new = readings[readings["at"] > seen]
    told = _tell(reading_alarms(new))
    context.update_cursor((new["at"].max() if len(new) else seen).isoformat())
    return dg.SkipReason(f"{len(new)} readings, {told} messages were sent.")


SENSORS = (failed_runs, stale_data, live_alarms)


def _tell(alarms: Iterable[Alarm]) -> int:
    """Tell people of alarms; give the number of messages."""
    state = ROOT / "data" / "live" / "alarms.db"
    return sum(notify(alarm, notify_urls(), state).told for alarm in alarms)


def _error(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """Why a run failed: the innermost cause of its first failed step, or what ended the run."""
    for of_type in (dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE):
        for entry in instance.all_logs(run.run_id, of_type=of_type):
            event = entry.get_dagster_event()
            error = getattr(event.event_specific_data, "error", None)
            while error is not None and error.cause is not None:
                error = error.cause
            text = error.message if error is not None else event.message
            if text:
                return _OWN.sub("", text.strip())
    return "The run failed without a word."


def _blocked(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[dg.AssetCheckEvaluation]:
    """The blocking checks of a run that failed."""
    entries = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [entry.get_dagster_event().asset_check_evaluation_data for entry in entries]
    return [check for check in found if check.blocking and not check.passed]
