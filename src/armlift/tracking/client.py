"""Access to MLflow by run id, never through its active run: nodes may run in any thread or process."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from armlift.errors import TrackingError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric


@contextmanager
def tracking_client() -> Iterator[MlflowClient]:
    """Give a client of the process's MLflow store.

    Yields:
        The client.

    Raises:
        TrackingError: MLflow refused, or cannot be reached.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        yield mlflow.MlflowClient()
    except (MlflowException, OSError) as error:
        raise TrackingError(
            f"MLflow at {mlflow.get_tracking_uri()} failed: {error}. Check MLFLOW_TRACKING_URI, that the "
            "server or the database file is there, and the free space."
        ) from error


@contextmanager
def child_run(client: MlflowClient, run_id: str, name: str) -> Iterator[str]:
    """Open a run below another; it ends FINISHED, or FAILED on an error.

    Args:
        client: From `tracking_client`.
        run_id: Parent run.
        name: Name of the child run.

    Yields:
        Id of the child run.
    """
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

    experiment = client.get_run(run_id).info.experiment_id
    child: str = client.create_run(experiment, run_name=name, tags={MLFLOW_PARENT_RUN_ID: run_id}).info.run_id
    try:
        yield child
    except BaseException:
        client.set_terminated(child, "FAILED")
        raise
    client.set_terminated(child, "FINISHED")


def active_run_id() -> str | None:
    """Give the run that this thread has open, if any. For hooks: nodes get it as `mlflow_run_id`."""
    import mlflow

    run = mlflow.active_run()
    return None if run is None else str(run.info.run_id)


def kill_open_run() -> None:
    """End the run that this thread still has open, if any, as KILLED. For the end of a process."""
    import mlflow

    mlflow.end_run("KILLED")


def log_batches(
    client: MlflowClient,
    run_id: str,
    *,
    parameters: Mapping[str, object] | None = None,
    metrics: Sequence[Metric] = (),
) -> None:
    """Log values in as few calls as MLflow allows: on SQLite one costs 30 ms, 1,000 metrics 130 ms.

    Args:
        client: From `tracking_client`.
        run_id: Run to log to.
        parameters: Values by name; a value beyond MLflow's length ends in an ellipsis.
        metrics: Metrics, finite.
    """
    from mlflow.entities import Param
    from mlflow.utils.validation import (
        MAX_METRICS_PER_BATCH,
        MAX_PARAM_VAL_LENGTH,
        MAX_PARAMS_TAGS_PER_BATCH,
    )

    params = [
        Param(entity_key(name), shorten(str(value), MAX_PARAM_VAL_LENGTH))
        for name, value in (parameters or {}).items()
    ]
    for start in range(0, len(params), MAX_PARAMS_TAGS_PER_BATCH):
        client.log_batch(run_id, params=params[start : start + MAX_PARAMS_TAGS_PER_BATCH], synchronous=True)
    for start in range(0, len(metrics), MAX_METRICS_PER_BATCH):
        client.log_batch(run_id, metrics=metrics[start : start + MAX_METRICS_PER_BATCH], synchronous=True)


def entity_key(name: str) -> str:
    """Turn a name into one that MLflow accepts for parameters and metrics.

    Example:
        >>> entity_key("share/svd:50")
        'share/svd_50'
    """
    return re.sub(r"[^/\w.\- ]", "_", name)


def shorten(text: str, length: int) -> str:
    """Cut a text to `length` characters, the last one an ellipsis if it was longer.

    Example:
        >>> shorten("posterior", 5)
        'post…'
    """
    return text if len(text) <= length else f"{text[: length - 1]}…"
