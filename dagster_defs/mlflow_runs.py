"""The MLflow runs of a Dagster run: tagged when they open, linked when they end, ended when it was killed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

TAG = "dagster_run_id"


@contextmanager
def started_by(run_id: str) -> Iterator[None]:
    """Tag the MLflow runs that this process opens meanwhile with the id of their Dagster run."""
    from armlift.tracking.session_runs import tagged_runs

    with tagged_runs({TAG: run_id}):
        yield


def link(session_id: str) -> dict[str, Any]:
    """What a materialisation says of the MLflow run of a Kedro session; nothing if it opened none."""
    from armlift.tracking.session_runs import session_run

    run = session_run(session_id)
    if run is None:
        return {}
    return {"MLflow run": dg.MetadataValue.url(run.url), "MLflow run id": run.run_id}


def end_killed(root: Path, run_id: str) -> int:
    """End what a failed Dagster run left open in MLflow: nobody else does once its process was killed.

    Args:
        root: Root of the project, whose MLflow store is used.
        run_id: The Dagster run.

    Returns:
        How many MLflow runs were open.
    """
    from armlift import tracking
    from armlift.tracking.session_runs import kill_runs

    tracking.use_store(root)
    return kill_runs(TAG, run_id)
