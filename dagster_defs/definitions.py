"""What Dagster loads: `defs`."""

from __future__ import annotations

import logging
import os

import dagster as dg

from dagster_defs import alarms, live_assets, old_runs, schedules, sensors
from dagster_defs.checks import kedro_checks
from dagster_defs.kedro_assets import KedroParameters, kedro_assets, kedro_jobs
from dagster_defs.project import KedroProject


def build(project: KedroProject) -> dg.Definitions:
    """Put the definitions of a Kedro project together, with those of live traffic.

    Args:
        project: The project.
    """
    return dg.Definitions(
        assets=[*kedro_assets(project), *live_assets.ASSETS],
        asset_checks=[*kedro_checks(project), *live_assets.CHECKS],
        jobs=[*kedro_jobs(project), *schedules.JOBS, *sensors.JOBS, *old_runs.JOBS],
        schedules=[*schedules.SCHEDULES, *old_runs.SCHEDULES],
        sensors=[*sensors.SENSORS, *alarms.SENSORS],
        resources={"kedro": KedroParameters.configure_at_launch()},
        # Steps share one process: each process of its own would import everything once more.
        executor=dg.in_process_executor,
    )


# Kedro gives the root logger a handler, and Dagster's own has one: each line would be shown twice.
logging.getLogger("dagster").propagate = False

defs = build(KedroProject(env=os.environ.get("KEDRO_ENV") or None))
