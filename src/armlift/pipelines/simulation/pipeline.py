"""The simulation pipeline."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from armlift.pipelines.described import described
from armlift.pipelines.simulation import nodes, outputs

TABLES = ["policy_trend", "traffic_share", "posterior_snapshots", "cusum", "policy_summary"]


def create_pipeline() -> Pipeline:
    """Slates and unseen ratings -> world -> policies x replicates -> events, tables, figures, MLflow."""
    return Pipeline(
        [
            described(
                nodes.build_world,
                inputs=["history", "future", "withheld_users", "items", "slates", "params:world"],
                outputs=["world", "arm_click_rates", "world_facts"],
            ),
            described(
                nodes.play_policies,
                inputs=["world", "params:simulation", "params:policies"],
                outputs="policy_runs",
            ),
            described(
                nodes.write_events,
                inputs=["policy_runs", "world", "future", "params:simulation"],
                outputs=["decisions", "events"],
            ),
            described(
                nodes.tabulate,
                inputs=["policy_runs", "world", "params:policies"],
                outputs=TABLES,
            ),
            described(
                outputs.draw,
                inputs=[*TABLES, "arm_click_rates", "world_facts", "data_snapshot", "params:simulation"],
                outputs=["figures", "figure_pages", "summary_page"],
            ),
            described(
                outputs.log_simulation,
                inputs=[
                    "mlflow_run_id",
                    "policy_trend",
                    "traffic_share",
                    "policy_summary",
                    "arm_click_rates",
                    "world_facts",
                    "data_snapshot",
                    "figures",
                    "figure_pages",
                    "summary_page",
                    "params:simulation",
                    "params:policies",
                ],
                outputs=None,
            ),
        ],
        tags="simulation",
    )
