from pathlib import Path

import pytest

from armlift.environment import artifact_location, tracking_uri


@pytest.fixture(autouse=True)
def _no_setting(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_the_default_store_lies_in_the_root(tmp_path):
    assert tracking_uri(tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    assert artifact_location(tmp_path) == f"file://{tmp_path}/mlartifacts"


def test_the_uri_does_not_follow_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    here = tracking_uri(Path())
    monkeypatch.chdir("elsewhere")
    assert here == tracking_uri(tmp_path) == tracking_uri(Path(".."))


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("sqlite:///runs/mlflow.db", "sqlite:///{root}/runs/mlflow.db"),
        ("sqlite:////srv/mlflow.db", "sqlite:////srv/mlflow.db"),
        ("http://mlflow:5000", "http://mlflow:5000"),
        ("postgresql://user@database/mlflow", "postgresql://user@database/mlflow"),
        ("", "sqlite:///{root}/mlflow.db"),
    ],
)
def test_a_setting_counts_and_a_relative_path_starts_at_the_root(tmp_path, monkeypatch, setting, expected):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", setting)
    assert tracking_uri(tmp_path) == expected.format(root=tmp_path)


def test_a_server_decides_where_its_artifacts_are(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    assert artifact_location(tmp_path) is None
