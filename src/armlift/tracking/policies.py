"""One MLflow run for every policy of a simulation."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from armlift.tracking.client import child_run, entity_key, log_batches, tracking_client

if TYPE_CHECKING:
    from mlflow.entities import Metric

# Enough for a curve; logging takes a second for every 4,000 to 8,000 values.
STEPS_PER_METRIC = 50


def log_policy_runs(
    run_id: str,
    trend: pd.DataFrame,
    traffic: pd.DataFrame,
    summary: pd.DataFrame,
    parameters: Mapping[str, Mapping[str, object]],
) -> None:
    """Log every policy as a child run of its own, named by the policy's id.

    Curves have the number of decisions as their step and keep at most 50 of their points, both ends
    among them. What is not finite is not logged.

    Args:
        run_id: Parent run.
        trend: Table `policy_trend`: policy, checkpoint, decisions, and the curves.
        traffic: Table `traffic_share`: policy, checkpoint, decisions, arm, share_mean. Becomes the
            metrics `share/<arm>`.
        summary: Table `policy_summary`: policy, and one final value a column. What is not numeric or
            null is left out.
        parameters: Parameters of each policy, by its id.

    Raises:
        TrackingError: The store cannot be used.
    """
    with tracking_client() as client:
        for policy, final in summary.set_index("policy").iterrows():
            curves = trend[trend["policy"] == policy].set_index("decisions")
            curves = curves.drop(columns=["policy", "checkpoint"])
            shares = traffic[traffic["policy"] == policy].pivot_table(
                index="decisions", columns="arm", values="share_mean"
            )
            metrics = [
                *_curve_metrics(curves),
                *_curve_metrics(shares.add_prefix("share/")),
                *_final_metrics(final, step=int(curves.index.max())),
            ]
            with child_run(client, run_id, str(policy)) as child:
                log_batches(client, child, parameters=parameters.get(str(policy)), metrics=metrics)


def log_verdict(run_id: str, summary: pd.DataFrame, best: str | None, words: str) -> None:
    """Log what came of a simulation to its own run: the best policy's final values, and a note in words.

    Args:
        run_id: Run of the simulation.
        summary: Table `policy_summary`.
        best: Id of the policy that the verdict is about; None when there is no bandit.
        words: The verdict.

    Raises:
        TrackingError: The store cannot be used.
    """
    with tracking_client() as client:
        client.set_tag(run_id, "mlflow.note.content", words)
        if best is not None:
            client.set_tag(run_id, "best_policy", best)
            final = summary[summary["policy"] == best].iloc[0]
            log_batches(client, run_id, metrics=list(_final_metrics(final.add_prefix("best/"), step=0)))


def _curve_metrics(curves: pd.DataFrame) -> Iterator[Metric]:
    """One metric a column, one step a row; the index is the step."""
    curves = curves.sort_index()
    kept = np.linspace(0, len(curves) - 1, min(len(curves), STEPS_PER_METRIC)).round().astype(int)
    for name, curve in curves.iloc[kept].items():
        finite = curve[np.isfinite(curve.to_numpy(float, na_value=np.nan))]
        for step, value in finite.items():
            yield _metric(str(name), float(value), int(step))


def _final_metrics(final: pd.Series[Any], step: int) -> Iterator[Metric]:
    for name, value in final.items():
        if isinstance(value, int | float | np.number) and np.isfinite(value):
            yield _metric(str(name), float(value), step)


def _metric(name: str, value: float, step: int) -> Metric:
    from mlflow.entities import Metric

    return Metric(entity_key(name), value, int(time.time() * 1000), step)
