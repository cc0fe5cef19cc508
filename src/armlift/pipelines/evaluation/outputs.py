"""Nodes of the evaluation pipeline: figures, the page, MLflow and the closing words."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pandas as pd
from PIL.Image import Image

from armlift.pipelines.parameters import EvaluationParameters, TrainingParameters
from armlift.reporting.evaluation_results import EvaluationFacts

logger = logging.getLogger(__name__)


def draw_evaluation(
    offline_metrics: pd.DataFrame,
    click_curves: pd.DataFrame,
    segment_metrics: pd.DataFrame,
    model_comparison: pd.DataFrame,
    data_snapshot: dict[str, str | int],
    evaluation: EvaluationParameters,
) -> tuple[dict[str, Image], dict[str, str], str]:
    """Draw every figure as PNG and HTML, and the page with the verdict in words."""
    from armlift import reporting
    from armlift.reporting.evaluation_charts import evaluation_charts
    from armlift.reporting.evaluation_page import evaluation_page
    from armlift.reporting.evaluation_verdict import decide_evaluation

    facts = _facts(data_snapshot, evaluation)
    charts = evaluation_charts(offline_metrics, click_curves, segment_metrics, facts)
    verdict = decide_evaluation(offline_metrics, model_comparison, segment_metrics, facts)
    return (
        {name: reporting.render_png(chart) for name, chart in charts.items()},
        {name: reporting.render_html(chart) for name, chart in charts.items()},
        evaluation_page(charts, offline_metrics, model_comparison, verdict, facts),
    )


def record_evaluation(
    offline_metrics: pd.DataFrame, data_snapshot: dict[str, str | int], evaluation: EvaluationParameters
) -> dict[str, Any]:
    """Write for machines which recommender was evaluated on which data, and with what result."""
    finite = offline_metrics.dropna(subset="value")
    name = finite["split"] + "." + finite["metric"]
    models = {
        str(model): rows.groupby(name, sort=False)["value"].mean().to_dict()
        for model, rows in finite.groupby("model", sort=False)
    }
    return {"data_hash": data_snapshot["hash"], "k": evaluation.k, "seed": evaluation.seed, "models": models}


def log_evaluation(
    mlflow_run_id: str,
    offline_metrics: pd.DataFrame,
    segment_metrics: pd.DataFrame,
    model_comparison: pd.DataFrame,
    evaluation_figures: dict[str, Callable[[], Image]],
    evaluation_figure_pages: dict[str, Callable[[], str]],
    evaluation_page: str,
    data_snapshot: dict[str, str | int],
    evaluation: EvaluationParameters,
    training: TrainingParameters,
) -> None:
    """Log verdict, a child run for each recommender, and figures to MLflow; print the result."""
    from armlift import tracking
    from armlift.reporting.evaluation_results import best_first, means
    from armlift.reporting.evaluation_tables import closing_words
    from armlift.reporting.evaluation_verdict import decide_evaluation

    facts = _facts(data_snapshot, evaluation)
    verdict = decide_evaluation(offline_metrics, model_comparison, segment_metrics, facts)
    table = means(offline_metrics, facts.split)
    best = str(best_first(table[facts.ndcg], facts.ndcg).index[0])
    snapshot = {name: str(data_snapshot[name]) for name in ("hash", "source", "path")}
    tracking.log_data_snapshot(mlflow_run_id, snapshot["hash"], snapshot["source"], snapshot["path"])
    tracking.log_evaluation_verdict(mlflow_run_id, best, "\n\n".join([verdict.headline, *verdict.findings]))
    tracking.log_evaluation_runs(
        mlflow_run_id, snapshot["hash"], offline_metrics, evaluation.chosen(training.recommenders)
    )
    tables = {"model_comparison": model_comparison, "segment_metrics": segment_metrics}
    tracking.log_tables(mlflow_run_id, tables)
    tracking.log_images(mlflow_run_id, {name: load() for name, load in evaluation_figures.items()})
    tracking.log_pages(mlflow_run_id, {name: load() for name, load in evaluation_figure_pages.items()})
    tracking.log_summary(mlflow_run_id, evaluation_page)
    logger.info("\n\n%s\n", closing_words(table, model_comparison, verdict, facts))
    logger.info("page     data/evaluation/evaluation.html")
    logger.info("figures  data/evaluation/figures/ (PNG), data/evaluation/interactive/ (HTML)")
    logger.info("tables   data/evaluation/")
    logger.info("MLflow   run %s, see `make mlflow`", mlflow_run_id)


def _facts(data_snapshot: dict[str, str | int], evaluation: EvaluationParameters) -> EvaluationFacts:
    return EvaluationFacts(
        source=str(data_snapshot["source"]),
        split=evaluation.splits[0],
        k=evaluation.k,
        like_threshold=evaluation.like_threshold,
        alpha=evaluation.alpha,
    )
