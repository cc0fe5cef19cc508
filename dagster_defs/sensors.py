"""What runs because something happened: an experiment was started, a window drifted."""

# No annotations of the future: Dagster reads those of its functions when they are defined.
from typing import Any

import dagster as dg

from armlift.commands.retrain import drifted_windows, retrain
from armlift.commands.running import known_experiments
from dagster_defs.live_assets import ENV, EXPERIMENTS, RETRY, settings, started_experiments
from dagster_defs.mlflow_runs import started_by
from dagster_defs.project import POOL, ROOT

DRIFT_SECONDS = 60
EXPERIMENT_SECONDS = 30


class Window(dg.Config):
    """Which drifted window is acted on.

    Attributes:
        key: Its key, as `armlift.commands.retrain.drifted_windows` names it.
    """

    key: str


@dg.op(retry_policy=RETRY, pool=POOL)
def retrain_on_window(context: dg.OpExecutionContext, config: Window) -> None:
    """Train on the data up to a drifted window; what passes the checks is registered as challenger."""
    window = next((each for each in drifted_windows(ROOT) if each.key == config.key), None)
    if window is None:
        raise dg.Failure(f"There is no drifted window {config.key}.", allow_retries=False)
    with started_by(context.run_id):
        report = retrain(ROOT, window, env=ENV)
    context.add_output_metadata({name: str(value) for name, value in vars(report).items()})
    for name, said in report.checks.items():
        context.log.info(f"{name}: {said}")


@dg.job(executor_def=dg.in_process_executor)
def retrain_challenger() -> None:
    """A drifted window becomes a challenger and the draft of an experiment; nothing is promoted."""
    retrain_on_window()


set_up_experiment = dg.define_asset_job(
    "set_up_experiment",
    dg.AssetSelection.assets(started_experiments),
    description="What an experiment needs beside the router, once it was started.",
    executor_def=dg.in_process_executor,
)


@dg.sensor(
    job=retrain_challenger,
    minimum_interval_seconds=DRIFT_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts a retraining, once for each drifted window.",
)
def drift(context: dg.SensorEvaluationContext) -> Any:
    """Ask for a retraining of each drifted window, under the window's key."""
    for window in drifted_windows(ROOT):
        config = dg.RunConfig(ops={"retrain_on_window": Window(key=window.key)})
        yield dg.RunRequest(run_key=window.key, run_config=config)


@dg.sensor(
    job=set_up_experiment,
    minimum_interval_seconds=EXPERIMENT_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Gives every experiment that was started its partition, and sets up what it needs.",
)
def experiments(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Add the partitions of started experiments, and have each of them set up once."""
    started = [row.id for row in known_experiments(settings()) if row.started_ts is not None]
    return dg.SensorResult(
        run_requests=[dg.RunRequest(run_key=name, partition_key=name) for name in started],
        dynamic_partitions_requests=[EXPERIMENTS.build_add_request(started)] if started else [],
    )


SENSORS = (drift, experiments)
JOBS = (retrain_challenger, set_up_experiment)
