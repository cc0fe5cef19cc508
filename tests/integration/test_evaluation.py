"""`kedro run --pipelines=evaluate`, whole, as the command runs it."""

import json

import mlflow
import pandas as pd
import pytest
from kedro.validation import ParameterValidationError
from PIL import Image

from armlift.recommenders import create_recommender

MODELS = {"popularity", "random", "lightgbm", "item_neighbours", "svd", "ease"}
FIGURES = {
    "accuracy", "ranking", "protocols", "beyond_accuracy", "clicks", "roc", "precision_recall", "calibration",
    "gain_and_lift", "k_fold", "repeated_temporal", "segments", "genres",
}  # fmt: skip


@pytest.fixture(scope="module")
def evaluated(project):
    project.run("evaluate", evaluation={"workers": 1})
    run = next(run for run in project.runs() if "best_model" in run.data.tags)
    return project.root / "data/evaluation", run


@pytest.fixture(scope="module")
def metrics(evaluated):
    return pd.read_parquet(evaluated[0] / "offline_metrics.parquet")


def test_tables_are_files(evaluated, metrics):
    folder, _ = evaluated
    assert metrics.columns.tolist() == ["model", "split", "fold", "metric", "value"]
    assert set(metrics["model"]) == MODELS
    assert set(metrics["split"]) == {"temporal", "k_fold", "repeated_temporal"}
    compared = pd.read_parquet(folder / "model_comparison.parquet")
    assert set(compared["verdict"]) <= {"better", "worse", "not decided"}
    assert set(compared["model"]) | set(compared["other"]) == MODELS
    segments = pd.read_parquet(folder / "segment_metrics.parquet")
    assert {"users", "items", "genre"} <= set(segments["kind"])
    assert segments["adjusted_p_value"].between(0, 1).all()


def test_figures_are_pictures_and_self_contained_pages(evaluated):
    folder, _ = evaluated
    assert {file.stem for file in (folder / "figures").iterdir()} == FIGURES
    for name in FIGURES:
        with Image.open(folder / "figures" / f"{name}.png") as image:
            assert image.width == 1600
        assert "<script src" not in (folder / "interactive" / f"{name}.html").read_text()


def test_the_page_shows_ratings_beside_rankings(evaluated, metrics):
    page = (evaluated[0] / "evaluation.html").read_text()
    best = metrics.query("split == 'temporal' and metric == 'ndcg@10'").set_index("model")["value"].idxmax()
    assert evaluated[1].data.tags["best_model"] == best
    assert "predicts ratings best" in page
    assert "Better, worse, or not decided: NDCG@10" in page
    assert "Better, worse, or not decided: RMSE" in page


def test_every_recommender_is_a_child_run_that_promotion_finds(evaluated, metrics, project):
    _, run = evaluated
    snapshot = json.loads((project.root / "data/processed/data_snapshot.json").read_text())
    query = (
        f"tags.`armlift.data_hash` = '{snapshot['hash']}' and tags.`mlflow.parentRunId` = '{run.info.run_id}'"
    )
    children = mlflow.MlflowClient().search_runs([run.info.experiment_id], query)
    assert {child.data.tags["armlift.model"] for child in children} == MODELS
    means = metrics.groupby(["model", "split", "metric"])["value"].mean()
    for child in children:
        assert child.info.status == "FINISHED"
        name = child.data.tags["armlift.model"]
        assert child.data.metrics["temporal.ndcg_10"] == pytest.approx(means[name, "temporal", "ndcg@10"])
    svd = next(child for child in children if child.info.run_name == "svd")
    assert svd.data.params.items() >= {"n_factors": "5", "n_epochs": "3"}.items()
    assert set(svd.data.params) == set(create_recommender("svd").params)  # defaults too: they may change
    assert svd.data.metrics["k_fold.rmse"] == pytest.approx(means["svd", "k_fold", "rmse"])


def test_the_run_and_the_record_name_the_data(evaluated, project):
    folder, run = evaluated
    snapshot = json.loads((project.root / "data/processed/data_snapshot.json").read_text())
    record = json.loads((folder / "evaluation.json").read_text())
    assert run.info.status == "FINISHED"
    assert run.data.params["data_hash"] == record["data_hash"] == snapshot["hash"]
    assert run.data.params["evaluation.folds"] == "2"
    assert set(record["models"]) == MODELS
    logged = {file.path for file in mlflow.MlflowClient().list_artifacts(run.info.run_id, "figures")}
    assert logged == {f"figures/{name}.{kind}" for name in FIGURES for kind in ("png", "html")}


def test_bad_parameters_stop_the_run_before_any_node(project):
    with pytest.raises(ParameterValidationError, match=r"(?s)svd.*bool|n_epochs"):
        project.run("evaluate", evaluation={"recommenders": {"svd": {"n_epochs": 0}}})
