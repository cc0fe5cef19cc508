"""What a run was made from: parameters, code and data."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from armlift.tracking.client import log_batches, tracking_client


def flatten_parameters(parameters: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Flatten nested parameters to dotted names; a list stays one value.

    Args:
        parameters: Parameters as the YAML files hold them.
        prefix: Put before every name.

    Returns:
        Values by dotted name, in the order of the files.

    Example:
        >>> flatten_parameters({"world": {"click_rate": 0.1, "arms": ["svd", "random"]}, "seed": 7})
        {'world.click_rate': 0.1, 'world.arms': ['svd', 'random'], 'seed': 7}
    """
    flat: dict[str, object] = {}
    for name, value in parameters.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten_parameters(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def log_run_parameters(run_id: str, parameters: Mapping[str, object]) -> None:
    """Log the parameters of a pipeline; whole in `parameters.json`, since MLflow limits a value's length.

    Args:
        run_id: Run to log to.
        parameters: Values by dotted name.

    Raises:
        TrackingError: The store cannot be used.
    """
    with tracking_client() as client:
        log_batches(client, run_id, parameters=parameters)
        client.log_text(run_id, json.dumps(parameters, indent=2, default=str), "parameters.json")


def log_git_state(run_id: str, root: Path) -> None:
    """Log the commit of the code as tag `git_commit`, and as `git_dirty` whether files differ from it.

    Without git, a repository or a commit there is nothing to log.

    Args:
        run_id: Run to log to.
        root: Root of the project.

    Raises:
        TrackingError: The store cannot be used.
    """
    from mlflow.entities import RunTag

    try:
        commit = _git(root, "rev-parse", "HEAD")
        dirty = bool(_git(root, "status", "--porcelain"))
    except (OSError, subprocess.CalledProcessError):
        return
    with tracking_client() as client:
        tags = [RunTag("git_commit", commit), RunTag("git_dirty", str(dirty).lower())]
        client.log_batch(run_id, tags=tags, synchronous=True)


def _git(root: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.strip()


def log_data_snapshot(run_id: str, fingerprint: str, source: str, path: str) -> None:
    """Log which data a run used, as parameters `data_hash`, `data_source` and `data_path`.

    Args:
        run_id: Run to log to.
        fingerprint: Hash of the content.
        source: Where the data came from, such as `ml-latest-small`.
        path: Folder or file that was read.

    Raises:
        TrackingError: The store cannot be used.
    """
    snapshot = {"data_hash": fingerprint, "data_source": source, "data_path": path}
    with tracking_client() as client:
        log_batches(client, run_id, parameters=snapshot)
