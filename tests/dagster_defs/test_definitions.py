"""The definitions as a whole: they load, quickly, and hold what runs by itself."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from armlift.pipeline_registry import register_pipelines
from dagster_defs.definitions import defs

ROOT = Path(__file__).parents[2]
HEAVY = {
    "torch",
    "lightgbm",
    "sklearn",
    "surprise",
    "mlflow",
    "holoviews",
    "bokeh",
    "matplotlib",
    "apprise",
    "panel",
}


@pytest.fixture(scope="module")
def repository():
    return defs.get_repository_def()


def test_all_that_dagster_shows_can_be_resolved(repository):
    dg.Definitions.validate_loadable(defs)
    assert {"live_aggregates", "ratings"} <= {
        key.to_user_string() for key in repository.asset_graph.get_all_asset_keys()
    }


def test_every_registered_pipeline_is_a_job(repository):
    jobs = {job.name for job in repository.get_all_jobs()}
    assert set(register_pipelines()) - {"__default__"} <= jobs
    simulate = repository.get_job("simulate")
    assert {"kedro_data", "kedro_training", "kedro_simulation"} <= {node.name for node in simulate.nodes}


def test_the_clock_and_the_alarms_are_on_from_the_start(repository):
    assert all(each.default_status == dg.DefaultScheduleStatus.RUNNING for each in repository.schedule_defs)
    assert all(each.default_status == dg.DefaultSensorStatus.RUNNING for each in repository.sensor_defs)
    assert {"failed_runs", "stale_data", "live_alarms"} <= {each.name for each in repository.sensor_defs}


def test_loading_them_loads_no_heavy_library():
    code = "import sys, dagster_defs.definitions; print(*{name.partition('.')[0] for name in sys.modules})"
    answer = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT
    )
    assert not set(answer.stdout.split()) & HEAVY
