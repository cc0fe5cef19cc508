"""Nodes of the simulation pipeline: figures, the page, MLflow and the closing words."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pandas as pd
from PIL.Image import Image

from armlift import reporting
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
    facts = _facts(world_facts, data_snapshot, simulation)
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
    arm_click_rates: pd.DataFrame,
    world_facts: dict[str, str | float],
    data_snapshot: dict[str, str | int],
    figures: dict[str, Callable[[], Image]],
    figure_pages: dict[str, Callable[[], str]],
    summary_page: str,
    simulation: SimulationParameters,
    policies: PolicyParameters,
) -> None:
    """Log data snapshot, verdict, a child run for each policy, and figures to MLflow; print the result."""
    from armlift import tracking

    facts = _facts(world_facts, data_snapshot, simulation)
    verdict = reporting.decide(policy_summary, arm_click_rates, facts)
    snapshot = {name: str(data_snapshot[name]) for name in ("hash", "source", "path")}
    tracking.log_data_snapshot(mlflow_run_id, snapshot["hash"], snapshot["source"], snapshot["path"])
    words = "\n\n".join([verdict.headline, *verdict.findings])
    tracking.log_verdict(mlflow_run_id, policy_summary, reporting.champion(policy_summary), words)
    tracking.log_policy_runs(
        mlflow_run_id, policy_trend, traffic_share, policy_summary, policies.of_each_policy()
    )
    tracking.log_images(mlflow_run_id, {name: load() for name, load in figures.items()})
    tracking.log_pages(mlflow_run_id, {name: load() for name, load in figure_pages.items()})
    tracking.log_summary(mlflow_run_id, summary_page)
    logger.info("\n\n%s\n", reporting.closing_table(policy_summary, arm_click_rates, facts))
    logger.info("page     data/reporting/summary.html")
    logger.info("figures  data/reporting/figures/ (PNG), data/reporting/interactive/ (HTML)")
    logger.info("tables   data/simulation/")
    logger.info("MLflow   run %s, see `make mlflow`", mlflow_run_id)


def _facts(
    world_facts: dict[str, str | float],
    data_snapshot: dict[str, str | int],
    simulation: SimulationParameters,
) -> reporting.SimulationFacts:
    return reporting.SimulationFacts(
        kind=world_facts["kind"],  # type: ignore[arg-type]
        source=str(data_snapshot["source"]),
        decisions=simulation.horizon,
        replicates=simulation.replicates,
        batch_size=simulation.batch_size,
        best_arm=str(world_facts["best_arm"]),
        users_with_history=float(world_facts["users_with_history"]),
    )
