import os
import shutil

import mlflow
import numpy as np
import pandas as pd
import pytest

from armlift.recommenders import create_recommender
from armlift.tracking import ensure_store, log_evaluation_runs, log_recommenders, register_recommenders

EXPERIMENT = "armlift"


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


@pytest.fixture(scope="session")
def history():
    """Users 1 to 3 rate items 1 to 20; user 1 rated items 1 to 10, the others two each."""
    user_ids = np.repeat([1, 2, 3], [10, 2, 2])
    return pd.DataFrame(
        {
            "user_id": user_ids,
            "item_id": [*range(1, 11), 11, 12, 11, 20],
            "rating": [4.0, 2.0] * (len(user_ids) // 2),
            "timestamp": pd.date_range("2020-01-01", periods=len(user_ids), tz="UTC", unit="us"),
        }
    )


@pytest.fixture(scope="session")
def arms(history):
    """The recommenders that become PolicyA and PolicyB, and one more."""
    items = pd.DataFrame(
        {"item_id": range(1, 21), "title": "", "year": pd.array([2000] * 20, "Int64"), "genres": ""}
    )
    names = ("logistic_regression", "lightgbm", "svd")
    return {name: create_recommender(name).fit(history, items, seed=0) for name in names}


@pytest.fixture(scope="session")
def registered_template(tmp_path_factory, template, arms, history):
    """A store with one training registered: versions 1 to 3, of data `data1`."""
    root = tmp_path_factory.mktemp("registered")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        shutil.copy(template, root / "mlflow.db")
        mlflow.set_tracking_uri(ensure_store(root))
        experiment = mlflow.create_experiment(EXPERIMENT, (root / "mlartifacts").as_uri())
        training = mlflow.MlflowClient().create_run(experiment).info.run_id
        register_recommenders(training, log_recommenders(training, arms, history), "data1")
        mlflow.set_tracking_uri(None)
        os.environ.pop("MLFLOW_TRACKING_URI", None)
    return root / "mlflow.db"


@pytest.fixture
def registry(tmp_path, registered_template, monkeypatch):
    """The process's MLflow store, with one training registered; its artifacts are shared."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(registered_template, tmp_path / "mlflow.db")
    mlflow.set_tracking_uri(ensure_store(tmp_path))
    yield mlflow.MlflowClient()
    mlflow.set_tracking_uri(None)
    os.environ.pop("MLFLOW_TRACKING_URI", None)


@pytest.fixture
def evaluate(registry):
    """Log the evaluation of a recommender, as the pipeline `evaluate` does."""

    def log(recommender, value, data_hash="data1", metric="ndcg@10", **parameters):
        experiment = registry.get_experiment_by_name(EXPERIMENT).experiment_id
        parent = registry.create_run(experiment).info.run_id
        columns = ["model", "split", "fold", "metric", "value"]
        rows = pd.DataFrame([(recommender, "temporal", 1, metric, value)], columns=columns)
        log_evaluation_runs(parent, data_hash, rows, {recommender: parameters})

    return log
