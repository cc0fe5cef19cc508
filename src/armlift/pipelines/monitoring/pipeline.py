"""The monitoring pipeline, and the one that retrains."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from armlift.pipelines.described import described
from armlift.pipelines.monitoring import nodes, retraining

REPORTS = ["drift_report", "decay_report"]


def create_pipeline() -> Pipeline:
    """Newer ratings, visits and clicks against the reference -> drift, decay, figures, readings."""
    return Pipeline(
        [
            described(
                nodes.watch,
                inputs=[
                    "decisions",
                    "events",
                    "slates",
                    "ratings",
                    "items",
                    "history",
                    "future",
                    "recommenders",
                    "params:monitoring",
                ],
                outputs=[*REPORTS, "drift_text"],
            ),
            described(nodes.draw_drift, inputs=REPORTS, outputs=["drift_figures", "drift_pages"]),
            described(nodes.record_readings, inputs=REPORTS, outputs="drift_readings"),
            described(
                nodes.log_drift,
                inputs=["mlflow_run_id", *REPORTS, "drift_text", "drift_figures", "drift_pages"],
                outputs=None,
            ),
        ],
        tags="monitoring",
    )


def create_retraining_pipeline() -> Pipeline:
    """Ratings up to a moment -> the champion's recommender trained anew, checked, in MLflow."""
    return Pipeline(
        [
            described(
                retraining.cut_ratings,
                inputs=["ratings", "items", "users", "params:data", "params:retraining"],
                outputs=["retraining_ratings", "retraining_snapshot"],
            ),
            described(
                retraining.retrain_recommender,
                inputs=["retraining_ratings", "items", "params:training", "params:retraining"],
                outputs="retrained_recommender",
            ),
            described(
                retraining.check_retrained,
                inputs=[
                    "retrained_recommender",
                    "retraining_ratings",
                    "items",
                    "params:training",
                    "params:retraining",
                ],
                outputs=["retraining_metrics", "retraining_checks"],
            ),
            described(
                retraining.log_retrained,
                inputs=[
                    "mlflow_run_id",
                    "retrained_recommender",
                    "retraining_ratings",
                    "retraining_metrics",
                    "retraining_checks",
                    "retraining_snapshot",
                    "params:training",
                    "params:retraining",
                ],
                outputs="retraining_result",
            ),
        ],
        tags="retraining",
    )
