"""The MLflow runs of a Dagster run."""

import os
import signal
import subprocess
import sys

import mlflow
import pytest

from armlift import tracking
from armlift.tracking.session_runs import session_run
from dagster_defs import mlflow_runs

KILLED = """
import os, signal, sys
from pathlib import Path
import mlflow
from armlift import tracking
from dagster_defs.mlflow_runs import started_by

tracking.use_store(Path.cwd())
with started_by(sys.argv[1]):
    mlflow.start_run(tags={"session_id": "a"})
    mlflow.start_run(nested=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def root(tmp_path, template, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "mlflow.db").write_bytes(template.read_bytes())
    tracking.use_store(tmp_path)
    yield tmp_path
    mlflow.set_tracking_uri(None)


@pytest.mark.slow
def test_what_a_killed_process_left_open_is_ended_as_killed(root):
    command = [sys.executable, "-c", KILLED, "d-1"]
    # Kedro runs of other tests leave the id of their experiment there.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    process = subprocess.run(command, cwd=root, env=environment, check=False, timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert session_run("a").status == "RUNNING"
    assert mlflow_runs.end_killed(root, "d-2") == 0
    assert mlflow_runs.end_killed(root, "d-1") == 2
    assert session_run("a").status == "KILLED"


def test_a_session_without_a_run_has_no_link(root):
    assert mlflow_runs.link("none") == {}
