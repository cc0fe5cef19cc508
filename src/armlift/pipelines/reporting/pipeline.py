"""The reporting pipeline."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from armlift.pipelines.described import described
from armlift.pipelines.reporting import nodes

TABLES = ["snapshot_totals", "snapshot_effects", "snapshot_sample_ratio", "snapshot_exclusions"]


def create_pipeline() -> Pipeline:
    """Log of live traffic -> days as Parquet -> snapshots of the running experiments, MLflow."""
    return Pipeline(
        [
            described(nodes.keep_live_days, inputs="params:report", outputs="live_days"),
            described(
                nodes.take_snapshots,
                inputs=["live_days", "params:report"],
                outputs=["live_standing", *TABLES, "snapshot_facts"],
            ),
            described(
                nodes.log_snapshots,
                inputs=["mlflow_run_id", "live_standing", "live_days", "params:report"],
                outputs=None,
            ),
        ],
        tags="reporting",
    )
