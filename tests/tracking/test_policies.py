import numpy as np
import pandas as pd
import pytest

from armlift.errors import TrackingError
from armlift.tracking import log_policy_runs

ARMS = ["svd", "popularity", "random"]


def tables(policies, checkpoints):
    """The three tables of a simulation; checkpoint i lies at 10 * i decisions."""
    decisions = 10 * np.arange(1, checkpoints + 1)
    trend, traffic = [], []
    for number, policy in enumerate(policies):
        curve = {"policy": policy, "checkpoint": range(checkpoints), "decisions": decisions}
        trend.append(
            pd.DataFrame({**curve, "ctr_mean": number + decisions / 1e6, "ctr_p05": 0.01, "ctr_p95": 0.3})
        )
        for arm in ARMS:
            traffic.append(pd.DataFrame({**curve, "arm": arm, "share_mean": 1 / len(ARMS), "share_p05": 0.0}))
    summary = pd.DataFrame(
        {
            "policy": policies,
            "reward_mean": 0.25,
            "lift": np.linspace(-0.1, 0.2, len(policies)),
            "decisions_to_best": pd.array([None] + [40] * (len(policies) - 1), dtype="Int64"),
            "verdict": "better",
        }
    )
    return pd.concat(trend), pd.concat(traffic), summary


def children(store, run_id):
    experiment = store.get_run(run_id).info.experiment_id
    runs = store.search_runs([experiment], f"tags.mlflow.parentRunId = '{run_id}'")
    return {run.info.run_name: run for run in runs}


def history(store, run, metric):
    return {point.step: point.value for point in store.get_metric_history(run.info.run_id, metric)}


def test_every_policy_becomes_a_finished_child_run(store, run_id):
    trend, traffic, summary = tables(["fixed", "thompson"], checkpoints=5)
    log_policy_runs(run_id, trend, traffic, summary, {"thompson": {"prior": [1, 1], "floor": 0.01}})
    runs = children(store, run_id)
    assert set(runs) == {"fixed", "thompson"}
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert runs["thompson"].data.params == {"prior": "[1, 1]", "floor": "0.01"}
    assert runs["fixed"].data.params == {}


def test_curves_have_decisions_as_their_steps(store, run_id):
    log_policy_runs(run_id, *tables(["fixed", "thompson"], checkpoints=3), {})
    run = children(store, run_id)["thompson"]
    assert history(store, run, "ctr_mean") == {10: 1.00001, 20: 1.00002, 30: 1.00003}
    assert history(store, run, "share/svd") == dict.fromkeys([10, 20, 30], 1 / 3)


def test_final_values_are_logged_where_they_are_numbers(store, run_id):
    log_policy_runs(run_id, *tables(["fixed", "thompson"], checkpoints=3), {})
    runs = children(store, run_id)
    assert history(store, runs["thompson"], "lift") == {30: 0.2}
    assert history(store, runs["thompson"], "decisions_to_best") == {30: 40.0}
    assert "decisions_to_best" not in runs["fixed"].data.metrics
    assert "verdict" not in runs["fixed"].data.metrics


def test_what_is_not_finite_is_not_logged(store, run_id):
    trend, traffic, summary = tables(["fixed"], checkpoints=4)
    trend["ctr_mean"] = [np.nan, 0.1, np.inf, 0.2]
    trend["ctr_p05"] = np.nan
    summary["lift"] = -np.inf
    log_policy_runs(run_id, trend, traffic, summary, {})
    run = children(store, run_id)["fixed"]
    assert history(store, run, "ctr_mean") == {20: 0.1, 40: 0.2}
    assert not {"ctr_p05", "lift"} & set(run.data.metrics)


def test_long_curves_are_thinned_to_50_steps_with_both_ends(store, run_id):
    log_policy_runs(run_id, *tables(["fixed"], checkpoints=1000), {})
    steps = sorted(history(store, children(store, run_id)["fixed"], "ctr_mean"))
    assert len(steps) == 50
    assert (steps[0], steps[-1]) == (10, 10_000)


def test_metrics_go_in_batches_never_one_by_one(store, run_id, monkeypatch):
    import mlflow

    sizes = []
    log_batch = mlflow.MlflowClient.log_batch

    def count(client, run_id, metrics=(), **rest):
        sizes.append(len(metrics))
        return log_batch(client, run_id, metrics=metrics, **rest)

    monkeypatch.setattr(mlflow.MlflowClient, "log_batch", count)
    log_policy_runs(run_id, *tables(["fixed"], checkpoints=200), {})
    assert sizes == [302]  # 3 curves and 3 shares of 50 steps, 2 final values


def test_an_error_leaves_the_child_run_failed(store, run_id):
    parameters = {"fixed": {"floor": 0.01, "flo:or": 1, "flo?or": 2}}  # the last two get the same name
    with pytest.raises(TrackingError, match=r"MLflow at sqlite:.* failed"):
        log_policy_runs(run_id, *tables(["fixed"], checkpoints=3), parameters)
    assert children(store, run_id)["fixed"].info.status == "FAILED"


def test_an_unknown_parent_run_is_an_error_that_names_the_store(store, tmp_path):
    with pytest.raises(
        TrackingError, match=f"MLflow at sqlite:///{tmp_path}/mlflow.db failed: .*Check MLFLOW_TRACKING_URI"
    ):
        log_policy_runs("0" * 32, *tables(["fixed"], checkpoints=3), {})
