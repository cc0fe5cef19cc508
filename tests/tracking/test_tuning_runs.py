import pandas as pd
import pytest

from armlift.errors import TrackingError
from armlift.tracking import log_trial_runs, log_tuning

SUMMARY = pd.DataFrame({"recommender": ["svd"], "metric": ["ndcg@10"], "value": [0.3], "before": [0.2]})
TRIALS = pd.DataFrame(
    {
        "recommender": "svd",
        "trial": [0, 1, 2],
        "state": ["complete", "pruned", "failed"],
        "value": [0.3, None, None],
        "seconds": 1.5,
        "is_best": [True, False, False],
        "params": ['{"n_factors": 5}', '{"n_factors": 7}', '{"n_factors": 9}'],
        "error": ["", "", "ValueError: no"],
    }
)
FOLDS = pd.DataFrame({"recommender": "svd", "trial": [0, 0, 1], "fold": [1, 2, 1], "value": [0.2, 0.4, 0.1]})


def test_a_tuning_is_parameters_metrics_words_and_a_file(store, run_id):
    log_tuning(run_id, SUMMARY, {"svd": {"n_factors": 5}}, "It is better.")
    run = store.get_run(run_id)
    assert run.data.params == {"best.svd.n_factors": "5"}
    assert run.data.metrics == {"svd/ndcg_10": 0.3, "svd/ndcg_10 before": 0.2}
    assert run.data.tags["mlflow.note.content"] == "It is better."
    assert [file.path for file in store.list_artifacts(run_id)] == ["tuned_parameters.yml"]


def test_what_was_not_tried_before_is_no_metric(store, run_id):
    log_tuning(run_id, SUMMARY.assign(before=float("nan")), {"svd": {"n_factors": 5}}, "")
    assert set(store.get_run(run_id).data.metrics) == {"svd/ndcg_10"}


def test_every_trial_becomes_a_child_run_with_its_state(store, run_id):
    log_trial_runs(run_id, TRIALS, FOLDS, SUMMARY)
    experiment = store.get_run(run_id).info.experiment_id
    runs = store.search_runs([experiment], f"tags.mlflow.parentRunId = '{run_id}'")
    by_trial = {run.data.tags["trial"]: run for run in runs}
    assert {number: run.info.status for number, run in by_trial.items()} == {
        "0": "FINISHED", "1": "KILLED", "2": "FAILED",
    }  # fmt: skip
    first = by_trial["0"]
    assert first.info.run_name == "svd trial 0"
    assert first.data.params == {"n_factors": "5"}
    history = store.get_metric_history(first.info.run_id, "ndcg_10")
    assert [(each.step, each.value) for each in history] == [(1, 0.2), (2, 0.4)]
    assert first.data.metrics["ndcg_10 mean"] == 0.3
    assert first.data.tags["best_trial"] == "true"
    assert "ndcg_10 mean" not in by_trial["1"].data.metrics
    assert by_trial["2"].data.tags["error"] == "ValueError: no"


def test_an_unknown_run_is_an_error_that_names_the_store(store):
    with pytest.raises(TrackingError, match=r"failed: .*Check MLFLOW_TRACKING_URI"):
        log_trial_runs("0" * 32, TRIALS, FOLDS, SUMMARY)
