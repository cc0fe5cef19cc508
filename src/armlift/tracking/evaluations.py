"""One MLflow run for every recommender of an evaluation.

`armlift promote` looks for a recommender's evaluation on the current data by the tags `armlift.model` and
`armlift.data_hash`, and compares the metrics `<split>.<metric>`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from armlift.recommenders import create_recommender
from armlift.tracking.client import child_run, entity_key, log_batches, tracking_client

MODEL_TAG = "armlift.model"
DATA_TAG = "armlift.data_hash"


def log_evaluation_runs(
    run_id: str,
    data_hash: str,
    offline_metrics: pd.DataFrame,
    parameters: Mapping[str, Mapping[str, Any]],
) -> None:
    """Log every evaluated recommender as a child run of its own, named by the recommender.

    The mean over the folds of a split is the metric `<split>.<metric>`, without what MLflow does not allow in
    a name: `temporal.ndcg_10`. Where there are several folds, each is a step of `folds/<split>.<metric>`.
    What is not finite is not logged.

    Args:
        run_id: Parent run.
        data_hash: Hash of the data snapshot.
        offline_metrics: Table `offline_metrics`: model, split, fold, metric, value.
        parameters: Hyper-parameters of each recommender that differ from its defaults, by name. All are
            logged: `armlift promote` holds them against those of the registered model.

    Raises:
        TrackingError: The store cannot be used.
    """
    from mlflow.entities import RunTag

    finite = offline_metrics[np.isfinite(offline_metrics["value"])]
    with tracking_client() as client:
        for model, rows in finite.groupby("model", sort=False):
            tags = [RunTag(MODEL_TAG, str(model)), RunTag(DATA_TAG, data_hash)]
            with child_run(client, run_id, str(model)) as child:
                client.log_batch(child, tags=tags, synchronous=True)
                evaluated = create_recommender(str(model), **parameters.get(str(model), {})).params
                log_batches(client, child, parameters=evaluated, metrics=_metrics(rows))


def log_evaluation_verdict(run_id: str, best: str, words: str) -> None:
    """Log what came of an evaluation to its own run: the best ranking recommender, and a note in words.

    Args:
        run_id: Run of the evaluation.
        best: Name of the recommender.
        words: The verdict.

    Raises:
        TrackingError: The store cannot be used.
    """
    with tracking_client() as client:
        client.set_tag(run_id, "best_model", best)
        client.set_tag(run_id, "mlflow.note.content", words)


def _metrics(rows: pd.DataFrame) -> list[Any]:
    """The mean of each metric, and its folds where there are several."""
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    metrics = []
    for (split, metric), folds in rows.groupby(["split", "metric"], sort=False):
        name = entity_key(f"{split}.{metric}")
        metrics.append(Metric(name, float(folds["value"].mean()), now, 0))
        if len(folds) > 1:
            steps = zip(folds["fold"], folds["value"], strict=True)
            metrics += [Metric(f"folds/{name}", float(value), now, int(fold)) for fold, value in steps]
    return metrics
