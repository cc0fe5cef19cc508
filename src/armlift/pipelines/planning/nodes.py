"""Nodes of the planning pipeline: the plan tried, its figures, MLflow and the closing words."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pandas as pd
from PIL.Image import Image

from armlift.pipelines.parameters import PlanningParameters

logger = logging.getLogger(__name__)


def try_rules(
    planning: PlanningParameters,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame, dict[str, Any], str]:
    """Run every decision rule on thousands of simulated experiments, and every allocation beside it."""
    from armlift.experiments.brief import load_brief
    from armlift.experiments.rules import decision_rule, design_for
    from armlift.reporting.plan import plan_text
    from armlift.reporting.plan_tables import plan_record, plan_tables
    from armlift.simulation.plan import try_plan
    from armlift.simulation.plan_question import ask

    brief = None if planning.brief is None else load_brief(planning.brief)
    rule_name = planning.rule or (brief.stopping_rule if brief else "")
    design = design_for(brief, any_arm=planning.any_arm, **planning.overrides)
    found = try_plan(
        ask(decision_rule(rule_name), design, brief=brief, thorough=True),
        replicates=planning.replicates,
        seed=planning.seed,
        progress=lambda step: logger.debug("simulating %s", step),
    )
    return *plan_tables(found), plan_record(found), plan_text(found)


def draw_plan(
    operating_characteristics: pd.DataFrame,
    stopping_curves: pd.DataFrame,
    allocation_costs: pd.DataFrame,
    regret_curves: pd.DataFrame,
    plan_record: dict[str, Any],
) -> tuple[dict[str, Image], dict[str, str]]:
    """Draw false winners, power, stopping and regret as PNG and HTML."""
    from armlift import reporting
    from armlift.reporting.plan_charts import plan_charts

    charts = plan_charts(
        operating_characteristics, stopping_curves, allocation_costs, regret_curves, plan_record
    )
    return (
        {name: reporting.render_png(chart) for name, chart in charts.items()},
        {name: reporting.render_html(chart) for name, chart in charts.items()},
    )


def log_plan(
    mlflow_run_id: str,
    operating_characteristics: pd.DataFrame,
    allocation_costs: pd.DataFrame,
    plan_record: dict[str, Any],
    plan_text: str,
    plan_figures: dict[str, Callable[[], Image]],
    plan_pages: dict[str, Callable[[], str]],
) -> None:
    """Log the plan, its tables and figures to MLflow; print the plan."""
    from armlift import tracking

    tracking.log_plan(mlflow_run_id, plan_record, plan_text)
    tracking.log_rule_runs(mlflow_run_id, operating_characteristics)
    tables = {"operating_characteristics": operating_characteristics, "allocation_costs": allocation_costs}
    tracking.log_tables(mlflow_run_id, tables)
    tracking.log_images(mlflow_run_id, {name: load() for name, load in plan_figures.items()})
    tracking.log_pages(mlflow_run_id, {name: load() for name, load in plan_pages.items()})
    logger.info("\n\n%s\n", plan_text)
    logger.info("figures  data/planning/figures/ (PNG), data/planning/interactive/ (HTML)")
    logger.info("tables   data/planning/")
    logger.info("MLflow   run %s, see `make mlflow`", mlflow_run_id)
