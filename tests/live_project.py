"""A small project whose live traffic the assets see to: a store with running experiments, and no router."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

import dagster as dg
from commands.visited import project
from live_log import brief

from dagster_defs import live_assets, schedules, sensors
from dagster_defs.kedro_assets import KedroParameters

PROJECT = Path(__file__).parents[1]
ASKED = (
    "DATABASE_URL",
    "API_BASE_URL",
    "MODE",
    "MLFLOW_TRACKING_URI",
    "ARMLIFT_SECRET",
    "ARMLIFT_USER_SECRET",
)


def make(root: Path, mlflow: Path, monkeypatch) -> Path:
    """Make the project in a folder, and have the live assets work there."""
    shutil.copytree(PROJECT / "conf", root / "conf")
    shutil.copy(PROJECT / "pyproject.toml", root)
    (root / "src").mkdir()
    shutil.copy(mlflow, root / "mlflow.db")
    project(root, brief(reward_event="click_detail"))
    for module in (live_assets, sensors):
        monkeypatch.setattr(module, "ROOT", root)
    monkeypatch.setattr(dg.RetryPolicy, "calculate_delay", lambda *_: 0.0)
    for name in ASKED:
        monkeypatch.delenv(name, raising=False)
    return root


@cache
def definitions() -> dg.Definitions:
    """The live part of what Dagster loads."""
    jobs = [job for job in (*schedules.JOBS, *sensors.JOBS) if job.name != "retrain_check"]
    return dg.Definitions(assets=live_assets.ASSETS, jobs=jobs, resources={"kedro": KedroParameters()})


def run(name: str, instance: dg.DagsterInstance, **how: object) -> dg.ExecuteInProcessResult:
    """Execute a job in this process, as its runs do."""
    return definitions().resolve_job_def(name).execute_in_process(instance=instance, **how)


def figures(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, object]:
    """What the materialisation of an asset says."""
    events = [
        event.event_specific_data.materialization
        for event in result.all_events
        if event.event_type_value == "ASSET_MATERIALIZATION"
    ]
    found = next(each for each in events if each.asset_key == dg.AssetKey(asset))
    return {name: value.value for name, value in found.metadata.items()}
