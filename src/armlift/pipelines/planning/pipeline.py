"""The planning pipeline."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from armlift.pipelines.described import described
from armlift.pipelines.planning import nodes

TABLES = ["operating_characteristics", "stopping_curves", "allocation_costs", "regret_curves"]


def create_pipeline() -> Pipeline:
    """Brief -> simulated experiments -> tables, figures, MLflow."""
    return Pipeline(
        [
            described(
                nodes.try_rules, inputs=["params:planning"], outputs=[*TABLES, "plan_record", "plan_text"]
            ),
            described(
                nodes.draw_plan, inputs=[*TABLES, "plan_record"], outputs=["plan_figures", "plan_pages"]
            ),
            described(
                nodes.log_plan,
                inputs=[
                    "mlflow_run_id",
                    "operating_characteristics",
                    "allocation_costs",
                    "plan_record",
                    "plan_text",
                    "plan_figures",
                    "plan_pages",
                ],
                outputs=None,
            ),
        ],
        tags="planning",
    )
