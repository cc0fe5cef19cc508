"""The evaluation pipeline."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from armlift.pipelines.described import described
from armlift.pipelines.evaluation import nodes, outputs

TABLES = ["offline_metrics", "segment_metrics", "model_comparison"]


def create_pipeline() -> Pipeline:
    """Ratings -> recommenders trained and judged on each fold -> segments, paired tests, figures, MLflow."""
    return Pipeline(
        [
            described(
                nodes.evaluate_recommenders,
                inputs=["ratings", "items", "params:evaluation", "params:training"],
                outputs=["offline_metrics", "evaluation_splits", "evaluation_results"],
            ),
            described(nodes.trace_clicks, inputs=["evaluation_results"], outputs="click_curves"),
            described(
                nodes.compare_recommenders,
                inputs=["offline_metrics", "evaluation_splits", "params:evaluation"],
                outputs="model_comparison",
            ),
            described(
                nodes.evaluate_segments,
                inputs=["evaluation_results", "ratings", "items", "params:evaluation"],
                outputs="segment_metrics",
            ),
            described(
                outputs.record_evaluation,
                inputs=["offline_metrics", "data_snapshot", "params:evaluation"],
                outputs="evaluation_record",
            ),
            described(
                outputs.draw_evaluation,
                inputs=[
                    "offline_metrics",
                    "click_curves",
                    "segment_metrics",
                    "model_comparison",
                    "data_snapshot",
                    "params:evaluation",
                ],
                outputs=["evaluation_figures", "evaluation_figure_pages", "evaluation_page"],
            ),
            described(
                outputs.log_evaluation,
                inputs=[
                    "mlflow_run_id",
                    *TABLES,
                    "evaluation_figures",
                    "evaluation_figure_pages",
                    "evaluation_page",
                    "data_snapshot",
                    "params:evaluation",
                    "params:training",
                ],
                outputs=None,
            ),
        ],
        tags="evaluation",
    )
