"""A monitoring in MLflow: metrics by window."""

import pandas as pd

from armlift.tracking import log_drift

DAY = pd.Timestamp("2024-01-02", tz="UTC")


def test_each_window_is_a_step_at_its_end(store, run_id):
    ends = [DAY, DAY + pd.Timedelta(days=1)]
    drift = pd.DataFrame(
        {"source": "live", "feature": "clicks.genre", "end": ends, "psi": [0.1, float("nan")]}
    )
    decay = pd.DataFrame({"source": "live", "arm": "svd", "metric": "ctr", "end": ends, "value": [0.2, 0.1]})
    log_drift(run_id, drift, decay, "nothing drifts")
    (index,) = store.get_metric_history(run_id, "psi/live/clicks.genre")
    assert (index.value, index.step, index.timestamp) == (0.1, 1, DAY.value // 10**6)
    rates = store.get_metric_history(run_id, "ctr/live/svd")
    assert [(each.step, each.value) for each in rates] == [(1, 0.2), (2, 0.1)]
    assert "nothing drifts" in store.get_run(run_id).data.tags["mlflow.note.content"]


def test_empty_reports_are_logged_as_words_alone(store, run_id):
    empty = pd.DataFrame(columns=["source", "feature", "end", "psi"])
    log_drift(run_id, empty, pd.DataFrame(columns=["source", "arm", "metric", "end", "value"]), "none yet")
    assert store.get_run(run_id).data.metrics == {}
