"""The simulation pipeline."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from armlift.pipelines.simulation import nodes, outputs

TABLES = ["policy_trend", "traffic_share", "posterior_snapshots", "cusum", "policy_summary"]


def create_pipeline() -> Pipeline:
    """Slates and unseen ratings -> world -> policies x replicates -> events, tables, figures, MLflow."""
    return Pipeline(
        [
            node(
                nodes.build_world,
                inputs=["history", "future", "withheld_users", "items", "slates", "params:world"],
                outputs=["world", "arm_click_rates", "world_facts"],
                name="build_world",
            ),
            node(
                nodes.play_policies,
                inputs=["world", "params:simulation", "params:policies"],
                outputs="policy_runs",
                name="play_policies",
            ),
            node(
                nodes.write_events,
                inputs=["policy_runs", "world", "future", "params:simulation"],
                outputs=["decisions", "events"],
                name="write_events",
            ),
            node(
                nodes.tabulate,
                inputs=["policy_runs", "world", "params:policies"],
                outputs=TABLES,
                name="tabulate",
            ),
            node(
                outputs.draw,
                inputs=[*TABLES, "arm_click_rates", "world_facts", "data_snapshot", "params:simulation"],
                outputs=["figures", "figure_pages", "summary_page"],
                name="draw",
            ),
            node(
                outputs.log_simulation,
                inputs=[
                    "mlflow_run_id",
                    "policy_trend",
                    "traffic_share",
                    "policy_summary",
                    "data_snapshot",
                    "figures",
                    "figure_pages",
                    "summary_page",
                    "params:policies",
                ],
                outputs=None,
                name="log_simulation",
            ),
        ],
        tags="simulation",
    )
