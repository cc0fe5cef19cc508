"""Nodes of the reporting pipeline."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from armlift.pipelines.reporting.parameters import ReportParameters

if TYPE_CHECKING:
    from armlift.experiments.snapshot import Snapshot
    from armlift.storage import ExperimentRow

logger = logging.getLogger(__name__)

DAYS = Path("data", "live", "days")
STANDING = {
    "experiment_id": "str",
    "strategy_id": "str",
    "arm_id": "str",
    "users": "int64",
    "decisions": "int64",
    "impressions": "int64",
    "clicks": "int64",
    "rewards": "int64",
    "ctr": "float64",
    "reward_mean": "float64",
}
_FRESH_DAYS = 2  # that are always written anew: decisions may be committed after an outage

Tables = dict[str, pd.DataFrame]


def keep_live_days(report: ReportParameters) -> dict[str, Any]:
    """Keep the days of the live log as Parquet: those that are missing, and the last ones anew."""
    from armlift.environment import RouterSettings, sqlite_file
    from armlift.storage import open_database
    from armlift.storage.live_days import first_day, write_day

    settings = RouterSettings.from_environment(Path.cwd())
    file, kept = sqlite_file(settings.database_url), _known_days()
    if file is not None and not file.is_file():
        logger.info("There is no store of live traffic yet: the tables are empty.")
        return {"days": {}}
    with open_database(settings.database_url, exclusive=False) as database:
        first = first_day(database)
        day = report.last_day
        while first is not None and day >= first:
            is_fresh = day > datetime.now(UTC).date() - timedelta(days=_FRESH_DAYS)
            if day == report.last_day or is_fresh or str(day) not in kept:
                kept[str(day)] = write_day(database, day, DAYS)._asdict()
            day -= timedelta(days=1)
    return {"days": dict(sorted(kept.items()))}


def take_snapshots(
    live_days: dict[str, Any], report: ReportParameters
) -> tuple[pd.DataFrame, Tables, Tables, Tables, Tables, dict[str, dict[str, Any]]]:
    """Say how every experiment stood at the end of the period: totals, effects, sample ratio, exclusions."""
    from armlift.experiments.snapshot import snapshot
    from armlift.storage.live_days import open_days

    found: dict[str, tuple[ExperimentRow, Snapshot]] = {}
    decisions, events = (open_days(DAYS, kind, report.last_day) for kind in ("decisions", "events"))
    if live_days["days"] and decisions is not None and events is not None:
        for row in _reported(report):
            mine = [table.filter(table.experiment_id == row.id) for table in (decisions, events)]
            found[row.id] = row, snapshot(row.brief, *mine, since=report.since)

    def of_each(name: str) -> Tables:
        return {f"{each}/{report.name}": getattr(taken, name) for each, (_, taken) in found.items()}

    facts = {f"{each}/{report.name}": _facts(*of, report) for each, of in found.items()}
    return (
        _standing(found),
        of_each("totals"),
        of_each("effects"),
        of_each("sample_ratio"),
        of_each("exclusions"),
        facts,
    )


def log_snapshots(
    mlflow_run_id: str, live_standing: pd.DataFrame, live_days: dict[str, Any], report: ReportParameters
) -> None:
    """Log the standing of the experiments to MLflow; say where the snapshots are."""
    from armlift import tracking

    tracking.log_tables(mlflow_run_id, {"live_standing": live_standing})
    experiments = sorted(set(live_standing["experiment_id"]))
    if not experiments:
        logger.info("No experiment ran up to the end of %s: nothing to report.", report.name)
    for experiment in experiments:
        logger.info("snapshot data/reporting/snapshots/%s/%s/", experiment, report.name)


def _known_days() -> dict[str, Any]:
    """Days whose files are there, with their rows."""
    from armlift.storage.live_days import rows_kept

    days = sorted(file.stem for file in (DAYS / "decisions").glob("*.parquet") if file.name[0] != ".")
    kinds = ("decisions", "events")
    return {day: {kind: rows_kept(DAYS / kind / f"{day}.parquet") for kind in kinds} for day in days}


def _reported(report: ReportParameters) -> list[ExperimentRow]:
    """Experiments that ran in the period, whatever they do now: a back-fill gives the same result."""
    from armlift.environment import RouterSettings
    from armlift.storage import ExperimentStore, open_database

    since = round(report.since.timestamp() * 1e6)
    end = round((_end(report.last_day)).timestamp() * 1e6)
    settings = RouterSettings.from_environment(Path.cwd())
    with open_database(settings.database_url, exclusive=False) as database:
        rows = ExperimentStore(database).rows()
    return [
        row
        for row in rows
        if row.started_ts is not None
        and row.started_ts < end
        and (row.completed_ts is None or row.completed_ts >= since)
    ]


def _end(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


def _standing(found: dict[str, tuple[ExperimentRow, Snapshot]]) -> pd.DataFrame:
    tables = [
        taken.totals[taken.totals["span"] == "all"].assign(experiment_id=experiment)[list(STANDING)]
        for experiment, (_, taken) in found.items()
    ]
    if not tables:
        return pd.DataFrame(columns=list(STANDING)).astype(STANDING)
    return pd.concat(tables, ignore_index=True).astype(STANDING)


def _facts(row: ExperimentRow, taken: Snapshot, report: ReportParameters) -> dict[str, Any]:
    effects, all_time = taken.effects, taken.totals[taken.totals["span"] == "all"]
    has_verdicts = "verdict" in effects.columns
    judged = effects[effects["verdict"] != ""] if has_verdicts else effects.iloc[:0]
    return {
        "experiment": row.id,
        "brief_hash": row.brief_hash,
        "period": {"name": report.name, "span": report.span, "since": report.since.isoformat()},
        "until": _end(report.last_day).isoformat(),
        "decisions": int(all_time["decisions"].sum()),
        "primary_metric": row.brief.primary_metric.id,
        "verdicts": dict(zip(judged["treatment"], judged["verdict"], strict=True)) if len(judged) else {},
        "sample_ratio_alarm": bool(taken.sample_ratio["alarm"].any()),
        "excluded": int(taken.exclusions.loc[taken.exclusions["span"] == "all", "rows"].sum()),
    }
