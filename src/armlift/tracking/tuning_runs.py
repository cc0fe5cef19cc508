"""A tuning as a run: the best hyper-parameters, and a child run for each trial."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from armlift.tracking.client import entity_key, log_batches, tracking_client

if TYPE_CHECKING:
    from mlflow.entities import Metric

# What MLflow calls a run that was stopped on purpose.
_STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}


def log_tuning(run_id: str, summary: pd.DataFrame, best: Mapping[str, Mapping[str, Any]], words: str) -> None:
    """Log what came of a tuning to its own run.

    The best hyper-parameters become parameters `best.<recommender>.<name>`, their value the metric
    `<recommender>/<metric>`, that of the hyper-parameters as they were `<recommender>/<metric> before`.

    Args:
        run_id: Run of the tuning.
        summary: Table `tuning_summary`.
        best: Best hyper-parameters by recommender.
        words: The result in words; becomes the note.

    Raises:
        TrackingError: The store cannot be used.
    """
    parameters = {
        f"best.{name}.{param}": value for name, params in best.items() for param, value in params.items()
    }
    metrics = []
    for row in summary.to_dict("records"):
        name = f"{row['recommender']}/{row['metric']}"
        metrics.append(_metric(name, row["value"]))
        if not pd.isna(row["before"]):
            metrics.append(_metric(f"{name} before", row["before"]))
    with tracking_client() as client:
        log_batches(client, run_id, parameters=parameters, metrics=metrics)
        client.set_tag(run_id, "mlflow.note.content", words)
        client.log_dict(run_id, {name: dict(params) for name, params in best.items()}, "tuned_parameters.yml")


def log_trial_runs(run_id: str, trials: pd.DataFrame, folds: pd.DataFrame, summary: pd.DataFrame) -> None:
    """Log every trial as a child run, named by its recommender and number.

    The metric has the fold as its step; `mean` is over all folds. The tag `trial_state` is complete, pruned
    or failed; the run's status is FINISHED, KILLED or FAILED.

    Args:
        run_id: Parent run.
        trials: Table `tuning_trials`.
        folds: Table `tuning_folds`.
        summary: Table `tuning_summary`.

    Raises:
        TrackingError: The store cannot be used.
    """
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

    metric_of = summary.set_index("recommender")["metric"].to_dict()
    values_of = dict(list(folds.groupby(["recommender", "trial"])))
    with tracking_client() as client:
        experiment = client.get_run(run_id).info.experiment_id
        for row in trials.to_dict("records"):
            name, number = row["recommender"], row["trial"]
            tags = {
                MLFLOW_PARENT_RUN_ID: run_id,
                "recommender": name,
                "trial": str(number),
                "trial_state": row["state"],
                **({"best_trial": "true"} if row["is_best"] else {}),
                **({"error": row["error"][:5000]} if row["error"] else {}),
            }
            child = client.create_run(experiment, run_name=f"{name} trial {number}", tags=tags).info.run_id
            label, metrics = metric_of[name], [_metric("seconds", row["seconds"])]
            done = values_of.get((name, number), folds.iloc[:0])
            metrics += [
                _metric(label, value, fold) for fold, value in zip(done["fold"], done["value"], strict=True)
            ]
            if row["state"] == "complete":
                metrics.append(_metric(f"{label} mean", row["value"]))
            log_batches(client, child, parameters=json.loads(row["params"]), metrics=metrics)
            client.set_terminated(child, _STATUS[row["state"]])


def _metric(name: str, value: float, step: int = 0) -> Metric:
    from mlflow.entities import Metric

    return Metric(entity_key(name), float(value), int(time.time() * 1000), step)
