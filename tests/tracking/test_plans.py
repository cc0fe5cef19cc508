import pandas as pd
import pytest

from armlift.errors import TrackingError
from armlift.tracking import log_plan, log_rule_runs, log_tables

SCENARIO = {
    "name": "aa",
    "declared_winner_rate": 0.25,
    "standard_error": 0.01,
    "median_stop_look": None,
    "mean_users": 100.0,
    "mean_days": None,
}
RECORD = {"rule": "p_best_95", "alpha": 0.05, "brief": None, "scenarios": [SCENARIO], "warnings": ["no"]}


def test_a_plan_is_parameters_metrics_words_and_a_record(store, run_id):
    log_plan(run_id, RECORD, "It errs.")
    run = store.get_run(run_id)
    assert run.data.params["plan.rule"] == "p_best_95"
    assert "plan.warnings" not in run.data.params
    assert run.data.metrics == {
        "aa/declared_winner_rate": 0.25, "aa/standard_error": 0.01, "aa/mean_users": 100.0,
    }  # fmt: skip
    assert "It errs." in run.data.tags["mlflow.note.content"]
    assert {file.path for file in store.list_artifacts(run_id)} == {"plan.txt", "plan.json"}


def test_every_rule_becomes_a_finished_child_run(store, run_id):
    rows = [{"rule": rule, "scenario": "aa", **SCENARIO} for rule in ("pocock", "msprt")]
    log_rule_runs(run_id, pd.DataFrame(rows))
    experiment = store.get_run(run_id).info.experiment_id
    runs = store.search_runs([experiment], f"tags.mlflow.parentRunId = '{run_id}'")
    assert {run.info.run_name: run.info.status for run in runs} == {"pocock": "FINISHED", "msprt": "FINISHED"}
    assert runs[0].data.metrics["aa/declared_winner_rate"] == 0.25


def test_tables_are_artifacts(store, run_id):
    log_tables(run_id, {"costs": pd.DataFrame({"allocation": ["fixed"], "regret": [1.5]})})
    assert {file.path for file in store.list_artifacts(run_id, "tables")} == {"tables/costs.json"}


def test_an_unknown_run_is_an_error_that_names_the_store(store):
    with pytest.raises(TrackingError, match=r"failed: .*Check MLFLOW_TRACKING_URI"):
        log_plan("0" * 32, RECORD, "")
