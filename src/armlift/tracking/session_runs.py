"""The MLflow run of a Kedro session, found afterwards by whoever started the session."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from armlift.tracking.client import tracking_client

LOCAL_UI = "http://127.0.0.1:5000"
"""Where `make mlflow` shows a store that no server holds."""


_TAGS = "MLFLOW_RUN_CONTEXT"
"""Where MLflow looks for tags of every run that it opens."""


class SessionRun(NamedTuple):
    """The MLflow run of a Kedro session.

    Attributes:
        run_id: Its id.
        experiment_id: Id of its experiment.
        status: `RUNNING`, `FINISHED`, `FAILED` or `KILLED`.
        url: Its page in the MLflow UI.
    """

    run_id: str
    experiment_id: str
    status: str
    url: str


@contextmanager
def tagged_runs(tags: Mapping[str, str]) -> Iterator[None]:
    """Tag the runs that this process opens meanwhile, from their first moment, such as with who started them.

    Args:
        tags: Values by name.
    """
    before = os.environ.get(_TAGS)
    os.environ[_TAGS] = json.dumps({**json.loads(before or "{}"), **tags})
    try:
        yield
    finally:
        if before is None:
            del os.environ[_TAGS]
        else:
            os.environ[_TAGS] = before


def kill_runs(tag: str, value: str) -> int:
    """End runs that are still open, and what is open below them, as KILLED: their process is dead.

    Args:
        tag: Name of a tag of theirs, letters, digits and underscores.
        value: Its value, letters, digits and hyphens.

    Returns:
        How many were open.

    Raises:
        TrackingError: MLflow refused, or cannot be reached.
    """
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

    with tracking_client() as client:
        everywhere = [experiment.experiment_id for experiment in client.search_experiments()]

        def tagged(name: str, value: str) -> list[str]:
            # Also below a run that ended: whatever ended it, nobody ends its children any more.
            return [run.info.run_id for run in client.search_runs(everywhere, f"tags.`{name}` = '{value}'")]

        found = tagged(tag, value)
        for run_id in found:  # it grows meanwhile
            found += [child for child in tagged(MLFLOW_PARENT_RUN_ID, run_id) if child not in found]
        still_open = [run_id for run_id in found if client.get_run(run_id).info.status == "RUNNING"]
        for run_id in still_open:
            client.set_terminated(run_id, "KILLED")
    return len(still_open)


def session_run(session_id: str) -> SessionRun | None:
    """Find the MLflow run of a Kedro session of this process, which left its id there as a tag.

    Args:
        session_id: Id that the session was created with, letters, digits and hyphens.

    Returns:
        The run; None if the session opened none.

    Raises:
        TrackingError: MLflow refused, or cannot be reached.
    """
    import mlflow

    with tracking_client() as client:
        experiments = [experiment.experiment_id for experiment in client.search_experiments()]
        found = client.search_runs(experiments, f"tags.session_id = '{session_id}'", max_results=1)
        if not found:
            return None
        info = found[0].info
        uri = mlflow.get_tracking_uri()
    base = uri.rstrip("/") if uri.startswith("http") else LOCAL_UI
    url = f"{base}/#/experiments/{info.experiment_id}/runs/{info.run_id}"
    return SessionRun(info.run_id, info.experiment_id, info.status, url)
