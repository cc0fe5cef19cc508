import os
import shutil

import mlflow
import pytest

from armlift.tracking import ensure_store

EXPERIMENT = "armlift"


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """One complete MLflow database; creating it takes 2 to 9 s, copying it nothing."""
    root = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        ensure_store(root)
    return root / "mlflow.db"


@pytest.fixture
def store(tmp_path, template, monkeypatch):
    """The process's MLflow store, with one experiment."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(template, tmp_path / "mlflow.db")
    mlflow.set_tracking_uri(ensure_store(tmp_path))
    mlflow.create_experiment(EXPERIMENT, artifact_location=(tmp_path / "mlartifacts").as_uri())
    yield mlflow.MlflowClient()
    mlflow.set_tracking_uri(None)
    os.environ.pop("MLFLOW_TRACKING_URI", None)


@pytest.fixture
def run_id(store):
    experiment = store.get_experiment_by_name(EXPERIMENT)
    return store.create_run(experiment.experiment_id).info.run_id
