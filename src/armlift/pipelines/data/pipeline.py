"""The data pipeline."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from armlift.pipelines.data import nodes


def create_pipeline() -> Pipeline:
    """Source files, or the generated sample -> checked tables and their content hash."""
    return Pipeline(
        [
            node(
                nodes.read_data,
                inputs="params:data",
                outputs=["ratings", "items", "users", "rejects"],
                name="read_data",
            ),
            node(
                nodes.describe_data,
                inputs=["ratings", "items", "users", "rejects", "params:data"],
                outputs="data_snapshot",
                name="describe_data",
            ),
        ],
        tags="data",
    )
