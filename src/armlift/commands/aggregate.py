"""`armlift aggregate`: bring the sums and readings of live traffic up to date."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from armlift.environment import RouterSettings
    from armlift.storage import Database, ExperimentRow, IntervalReport
    from armlift.storage.monitoring_rows import Reading

_WATCHED = ("running", "hold")


@dataclass(frozen=True)
class AggregateReport:
    """What was brought up to date.

    Attributes:
        intervals: What was summed; None where there is no store yet.
        readings: Rows of monitoring that were written.
        alarms: Readings that raise an alarm: experiment, metric and segment.
        unknown: Guardrails that the log cannot tell: experiment and metric.
        exported: Windows that went to MLflow.
        export_error: Why MLflow could not be reached; empty if it could, or if a router sees to it.
    """

    intervals: IntervalReport | None = None
    readings: int = 0
    alarms: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    exported: int = 0
    export_error: str = ""


@click.command()
@click.option(
    "--day",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Sum this day again, UTC, and measure nothing.  [default: what is new]",
)
def aggregate(day: datetime | None) -> None:
    """Sum what is new in the log of live traffic, measure the running experiments, and tell MLflow.

    It runs beside a router, as often as wanted: nothing is counted twice, whoever does the same at once. It
    changes no experiment.
    """
    from armlift.environment import RouterSettings

    settings = RouterSettings.from_environment(Path.cwd())
    report = aggregate_live(settings, datetime.now(UTC), day=None if day is None else day.date())
    click.echo(in_words(report))
    for alarm in report.alarms:
        click.echo(f"Alarm: {alarm}.")
    for guardrail in report.unknown:
        click.echo(f"Not known live: {guardrail}, of which the log has nothing.")
    if report.export_error:
        click.echo(f"MLflow is not up to date, and will be: {report.export_error}", err=True)


def in_words(report: AggregateReport) -> str:
    """Say in one line what was done."""
    done = report.intervals
    if done is None:
        return "There is no store of live traffic yet: nothing to sum."
    late = f"; added to late and made anew: {', '.join(done.late_days)}" if done.late_days else ""
    return (
        f"Summed {done.since:%Y-%m-%d %H:%M} to {done.until:%Y-%m-%d %H:%M} UTC: {done.rows} rows{late}. "
        f"{report.readings} readings, {len(report.alarms)} alarms; {report.exported} windows to MLflow."
    )


def aggregate_live(
    settings: RouterSettings, now: datetime, *, day: date | None = None, root: Path | None = None
) -> AggregateReport:
    """Bring sums, readings and MLflow up to date, in short transactions beside a running router.

    Args:
        settings: Which store.
        now: The time.
        day: Sum this day again instead, UTC, and measure nothing.
        root: Root of the project, whose MLflow store is used; the current directory if None.

    Raises:
        LiveError: The store is away, or refuses.
    """
    from armlift.commands.live_store import opened
    from armlift.commands.running import store_exists
    from armlift.storage import ExperimentStore, interval_sums, migrate

    if not store_exists(settings):
        return AggregateReport()
    with opened(settings.database_url, exclusive=False) as database:
        migrate(database)
        if day is not None:
            start = datetime(day.year, day.month, day.day, tzinfo=UTC)
            end = start + timedelta(days=1)
            return AggregateReport(interval_sums.refresh(database, now=now, since=start, until=end))
        done = interval_sums.refresh(database, now=now)
        watched = [row for row in ExperimentStore(database).rows() if row.state in _WATCHED]
        readings, alarms = _measure(database, watched, now)
        exported, error = _export(database, settings, now, root or Path.cwd())
    return AggregateReport(done, readings, alarms, tuple(_unknown(watched)), exported, error)


def _measure(
    database: Database, experiments: Sequence[ExperimentRow], now: datetime
) -> tuple[int, tuple[str, ...]]:
    """Write readings of experiments; give their number and the alarms."""
    from armlift.storage.monitoring_hours import keep_by_hour

    written, alarms = 0, []
    for row in experiments:
        readings = list(_readings(database, row, now))
        written += keep_by_hour(database, readings)
        alarms += [
            " ".join(filter(None, (row.id, each.metric, each.segment))) for each in readings if each.alarm
        ]
    return written, tuple(alarms)


def _readings(database: Database, row: ExperimentRow, now: datetime) -> Iterator[Reading]:
    from armlift.experiments.live_checks import live_readings
    from armlift.storage import Readings
    from armlift.storage.monitoring_rows import Reading
    from armlift.storage.times import microseconds

    readings = Readings(database)
    ts = microseconds(now, "now")
    for each in live_readings(row.brief, readings.totals(row.id), readings.users(row.id)):
        yield Reading(
            ts, each.metric, each.segment, each.value, each.threshold, each.alarm, each.details, row.id
        )


def _unknown(experiments: Sequence[ExperimentRow]) -> Iterator[str]:
    from armlift.experiments.live_checks import unknown_live

    for row in experiments:
        for metric in unknown_live(row.brief):
            yield f"{metric} of {row.id}"


def _export(database: Database, settings: RouterSettings, now: datetime, root: Path) -> tuple[int, str]:
    """Bring MLflow up to date where no router does; give the number of windows, and what went wrong."""
    import os
    import socket
    from secrets import token_hex

    from armlift.errors import TrackingError
    from armlift.storage import LiveAggregates, Readings
    from armlift.storage.times import microseconds
    from armlift.tracking import export_live

    ages = Readings(database).freshness(now).set_index("what")["age_seconds"]
    if ages["export"] < 2 * settings.export_seconds:
        return 0, ""  # a router sees to it
    holder = f"{socket.gethostname()}:{os.getpid()}:{token_hex(4)}"
    try:
        report = export_live(LiveAggregates(database), holder, microseconds(now, "now"), root=root)
        return report.exported, ""
    except TrackingError as error:
        return 0, " ".join(str(error).split())
