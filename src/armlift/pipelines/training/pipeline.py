"""The training pipeline."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from armlift.pipelines.described import described
from armlift.pipelines.training import nodes


def create_pipeline() -> Pipeline:
    """Ratings -> the part that trains the arms -> fitted recommenders -> slates, and model versions."""
    return Pipeline(
        [
            described(
                nodes.split_by_user,
                inputs=["ratings", "params:world"],
                outputs=["history", "future", "withheld_users"],
            ),
            described(
                nodes.train_recommenders,
                inputs=["history", "items", "params:training"],
                outputs="recommenders",
            ),
            described(
                nodes.serve_slates,
                inputs=["recommenders", "history", "future", "params:training"],
                outputs="slates",
            ),
            described(
                nodes.publish_slates,
                inputs=["recommenders", "history", "items", "slates", "params:training", "model_versions"],
                outputs="live_slates",
            ),
            described(
                nodes.log_recommenders,
                inputs=["mlflow_run_id", "recommenders", "history"],
                outputs="logged_models",
            ),
            described(
                nodes.register,
                inputs=["mlflow_run_id", "logged_models", "data_snapshot"],
                outputs="model_versions",
            ),
        ],
        tags="training",
    )
