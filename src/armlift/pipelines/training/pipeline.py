"""The training pipeline."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from armlift.pipelines.training import nodes


def create_pipeline() -> Pipeline:
    """Ratings -> the part that trains the arms -> fitted recommenders -> slates for every user."""
    return Pipeline(
        [
            node(
                nodes.split_by_user,
                inputs=["ratings", "params:world"],
                outputs=["history", "future", "withheld_users"],
                name="split_by_user",
            ),
            node(
                nodes.train_recommenders,
                inputs=["history", "items", "params:training"],
                outputs="recommenders",
                name="train_recommenders",
            ),
            node(
                nodes.serve_slates,
                inputs=["recommenders", "history", "future", "params:training"],
                outputs="slates",
                name="serve_slates",
            ),
            node(
                nodes.log_recommenders,
                inputs=["mlflow_run_id", "recommenders", "history"],
                outputs=None,
                name="log_recommenders",
            ),
        ],
        tags="training",
    )
