"""The tuning pipeline."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from armlift.pipelines.described import described
from armlift.pipelines.tuning import nodes

TABLES = ["tuning_trials", "tuning_folds", "tuning_importance", "tuning_summary"]


def create_pipeline() -> Pipeline:
    """Ratings that nothing is reported on -> trials -> best hyper-parameters, figures, MLflow."""
    return Pipeline(
        [
            described(
                nodes.leave_out_tests,
                inputs=["ratings", "params:world", "params:evaluation.test_share"],
                outputs="tuning_ratings",
            ),
            described(
                nodes.search_parameters,
                inputs=["tuning_ratings", "items", "params:training.recommenders", "params:tuning"],
                outputs=[*TABLES, "tuned_parameters"],
            ),
            described(
                nodes.draw_tuning,
                inputs=["tuning_trials", "tuning_importance", "tuning_summary"],
                outputs=["tuning_figures", "tuning_pages"],
            ),
            described(
                nodes.log_tuning,
                inputs=["mlflow_run_id", *TABLES, "tuned_parameters", "tuning_figures", "tuning_pages"],
                outputs=None,
            ),
        ],
        tags="tuning",
    )
