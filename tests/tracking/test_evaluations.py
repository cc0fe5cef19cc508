import numpy as np
import pandas as pd
import pytest

from armlift.errors import TrackingError
from armlift.recommenders import create_recommender
from armlift.tracking import log_evaluation_runs, log_evaluation_verdict

METRICS = pd.DataFrame(
    [
        ("svd", "temporal", 0, "ndcg@10", 0.02),
        ("svd", "k_fold", 0, "rmse", 0.8),
        ("svd", "k_fold", 1, "rmse", 1.0),
        ("svd", "k_fold", 0, "auc", np.nan),
        ("ease", "temporal", 0, "ndcg@10", 0.1),
    ],
    columns=["model", "split", "fold", "metric", "value"],
)


@pytest.fixture
def children(store, run_id):
    log_evaluation_runs(run_id, "abc123", METRICS, {"svd": {"n_factors": 50}})
    experiment = store.get_run(run_id).info.experiment_id
    found = store.search_runs([experiment], f"tags.mlflow.parentRunId = '{run_id}'")
    return {run.info.run_name: run for run in found}


def test_promotion_finds_a_finished_child_run_by_model_and_data(store, run_id, children):
    assert {name: run.info.status for name, run in children.items()} == {
        "svd": "FINISHED",
        "ease": "FINISHED",
    }
    experiment = store.get_run(run_id).info.experiment_id
    query = "tags.`armlift.model` = 'ease' and tags.`armlift.data_hash` = 'abc123'"
    (found,) = store.search_runs([experiment], query)
    assert found.info.run_id == children["ease"].info.run_id


def test_all_hyper_parameters_are_logged_those_by_default_too(children):
    for name, given in (("svd", {"n_factors": 50}), ("ease", {})):
        params = create_recommender(name, **given).params
        assert children[name].data.params == {key: str(value) for key, value in params.items()}
    assert children["svd"].data.params["n_factors"] == "50"


def test_metrics_are_means_over_folds_and_each_fold_a_step(store, children):
    svd = children["svd"]
    assert svd.data.metrics == pytest.approx(
        {"temporal.ndcg_10": 0.02, "k_fold.rmse": 0.9, "folds/k_fold.rmse": 1.0}
    )
    history = store.get_metric_history(svd.info.run_id, "folds/k_fold.rmse")
    assert {point.step: point.value for point in history} == {0: 0.8, 1: 1.0}


def test_the_verdict_is_a_note(store, run_id):
    log_evaluation_verdict(run_id, "ease", "ease ranks best.")
    tags = store.get_run(run_id).data.tags
    assert (tags["best_model"], tags["mlflow.note.content"]) == ("ease", "ease ranks best.")


def test_an_unknown_run_is_an_error_that_names_the_store(store):
    with pytest.raises(TrackingError, match=r"failed: .*Check MLFLOW_TRACKING_URI"):
        log_evaluation_runs("0" * 32, "abc", METRICS, {})
