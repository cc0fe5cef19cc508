"""Nodes of the simulation pipeline: figures, the page, MLflow and the closing words."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pandas as pd
from PIL.Image import Image

from armlift.pipelines.parameters import PolicyParameters, SimulationParameters

logger = logging.getLogger(__name__)


def draw(
    policy_trend: pd.DataFrame,
    traffic_share: pd.DataFrame,
    posterior_snapshots: pd.DataFrame,
    cusum: pd.DataFrame,
    policy_summary: pd.DataFrame,
    arm_click_rates: pd.DataFrame,
    world_facts: dict[str, str | float],
    data_snapshot: dict[str, str | int],
    simulation: SimulationParameters,
) -> tuple[dict[str, Image], dict[str, str], str]:
    """Draw every figure as PNG and HTML, and the summary page with the verdict in words."""
    from armlift import reporting

    facts = reporting.SimulationFacts(
        kind=world_facts["kind"],  # type: ignore[arg-type]
        source=str(data_snapshot["source"]),
        decisions=simulation.horizon,
        replicates=simulation.replicates,
        batch_size=simulation.batch_size,
        best_arm=str(world_facts["best_arm"]),
        users_with_history=float(world_facts["users_with_history"]),
    )
    charts = reporting.build_charts(
        policy_trend, traffic_share, posterior_snapshots, cusum, policy_summary, arm_click_rates, facts
    )
    images = {name: reporting.render_png(chart) for name, chart in charts.items()}
    pages = {name: reporting.render_html(chart) for name, chart in charts.items()}
    return images, pages, reporting.summary_page(charts, policy_summary, arm_click_rates, facts)


def log_simulation(
    mlflow_run_id: str,
    policy_trend: pd.DataFrame,
    traffic_share: pd.DataFrame,
    policy_summary: pd.DataFrame,
    data_snapshot: dict[str, str | int],
    figures: dict[str, Callable[[], Image]],
    figure_pages: dict[str, Callable[[], str]],
    summary_page: str,
    policies: PolicyParameters,
) -> None:
    """Log the data snapshot, a child run for each policy, and the figures to MLflow."""
    from armlift import tracking

    snapshot = {name: str(data_snapshot[name]) for name in ("hash", "source", "path")}
    tracking.log_data_snapshot(mlflow_run_id, snapshot["hash"], snapshot["source"], snapshot["path"])
    shared = {"floor": policies.floor, "min_pulls": policies.min_pulls}
    parameters = {name: ({} if name == "fixed" else shared) | own for name, own in policies.play.items()}
    tracking.log_policy_runs(mlflow_run_id, policy_trend, traffic_share, policy_summary, parameters)
    tracking.log_images(mlflow_run_id, {name: load() for name, load in figures.items()})
    tracking.log_pages(mlflow_run_id, {name: load() for name, load in figure_pages.items()})
    tracking.log_summary(mlflow_run_id, summary_page)
