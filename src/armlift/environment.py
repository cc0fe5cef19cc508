"""Settings from environment variables, and what follows from them.

| variable | means | default |
|---|---|---|
| `MLFLOW_TRACKING_URI` | where MLflow keeps its runs | SQLite, `mlflow.db` in the project's root |

Kedro, the commands and the MLflow UI all ask here, so that they meet in one store.
"""

from __future__ import annotations

import os
from pathlib import Path

_SQLITE = "sqlite:///"


def tracking_uri(root: Path) -> str:
    """Give the URI of the MLflow store.

    A SQLite path in it is absolute, whatever the current folder: MLflow stores artifact locations
    absolute, so a store that moves with the current folder would lose them.

    Args:
        root: Root of the project; a relative SQLite path starts here.

    Returns:
        The URI.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"{_SQLITE}mlflow.db"
    file = sqlite_file(uri)
    return uri if file is None else f"{_SQLITE}{(root.resolve() / file).as_posix()}"


def artifact_location(root: Path) -> str | None:
    """Give the folder in which MLflow keeps artifacts, as a URI.

    Args:
        root: Root of the project.

    Returns:
        `mlartifacts` in the root for a SQLite store, or None where a server decides.
    """
    return None if sqlite_file(tracking_uri(root)) is None else (root.resolve() / "mlartifacts").as_uri()


def sqlite_file(uri: str) -> Path | None:
    """Give the database file of a SQLite URI.

    Args:
        uri: URI of an MLflow store.

    Returns:
        The file, relative if the URI is; None for any other kind of store.

    Example:
        >>> sqlite_file("sqlite:///runs/mlflow.db").as_posix()
        'runs/mlflow.db'
        >>> sqlite_file("http://mlflow:5000") is None
        True
    """
    return Path(uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None
