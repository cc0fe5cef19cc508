"""The data pipeline."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from armlift.pipelines.data import nodes
from armlift.pipelines.described import described


def create_pipeline() -> Pipeline:
    """Source files, or the generated sample -> checked tables and their content hash."""
    return Pipeline(
        [
            described(
                nodes.read_data,
                inputs="params:data",
                outputs=["ratings", "items", "users", "rejects"],
            ),
            described(
                nodes.describe_data,
                inputs=["ratings", "items", "users", "rejects", "params:data"],
                outputs="data_snapshot",
            ),
        ],
        tags="data",
    )
