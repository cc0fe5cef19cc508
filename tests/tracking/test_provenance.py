import json
import subprocess
from pathlib import Path

import mlflow
import pytest

from armlift.tracking import (
    active_run_id,
    flatten_parameters,
    kill_open_run,
    log_data_snapshot,
    log_git_state,
    log_run_parameters,
)


def git(folder, *arguments):
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "first")
    return folder


def test_nested_parameters_are_flattened_and_empty_ones_kept():
    nested = {"a": {"b": {"c": 1}, "empty": {}}, "arms": [{"id": "svd"}], "none": None}
    assert flatten_parameters(nested) == {"a.b.c": 1, "a.empty": {}, "arms": [{"id": "svd"}], "none": None}


def test_parameters_beyond_the_limits_of_mlflow_are_logged(store, run_id, tmp_path):
    parameters = {f"p{number}": number for number in range(250)}
    parameters |= {"long": list(range(5000)), "odd:name": 1}
    log_run_parameters(run_id, parameters)
    logged = store.get_run(run_id).data.params
    assert len(logged) == 252
    assert logged["p249"] == "249"
    assert logged["odd_name"] == "1"
    assert len(logged["long"]) == 6000
    assert logged["long"].endswith("…")
    whole = json.loads(
        Path(store.download_artifacts(run_id, "parameters.json", str(tmp_path))).read_text("utf-8")
    )
    assert whole == parameters


@pytest.mark.parametrize("dirty", [False, True])
def test_the_commit_is_a_tag_and_says_whether_files_differ(store, run_id, repository, dirty):
    if dirty:
        (repository / "new.py").touch()
    log_git_state(run_id, repository)
    tags = store.get_run(run_id).data.tags
    assert tags["git_commit"] == git(repository, "rev-parse", "HEAD")
    assert tags["git_dirty"] == str(dirty).lower()


def test_without_a_repository_or_git_there_is_no_commit(store, run_id, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    log_git_state(run_id, tmp_path)
    monkeypatch.setenv("PATH", "")
    log_git_state(run_id, tmp_path)
    assert "git_commit" not in store.get_run(run_id).data.tags


def test_the_data_snapshot_is_logged(store, run_id):
    log_data_snapshot(run_id, "3f2a", "ml-latest-small", "data/raw")
    assert store.get_run(run_id).data.params == {
        "data_hash": "3f2a",
        "data_source": "ml-latest-small",
        "data_path": "data/raw",
    }


def test_a_run_open_at_the_end_of_the_process_was_killed(store):
    kill_open_run()  # nothing open: nothing happens
    assert active_run_id() is None
    mlflow.set_experiment("armlift")
    opened = mlflow.start_run().info.run_id
    assert active_run_id() == opened
    kill_open_run()
    assert active_run_id() is None
    assert store.get_run(opened).info.status == "KILLED"
