"""Nodes of the tuning pipeline: the search, its figures, MLflow and the closing words."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

import pandas as pd
from PIL.Image import Image

from armlift.pipelines.parameters import WorldParameters
from armlift.pipelines.tuning.parameters import TuningParameters

logger = logging.getLogger(__name__)


def leave_out_tests(ratings: pd.DataFrame, world: WorldParameters, test_share: float) -> pd.DataFrame:
    """Leave out what results are reported on: the offline evaluation's test, the future of the world."""
    from armlift.tuning import ratings_for_tuning

    return ratings_for_tuning(
        ratings,
        test_share=test_share,
        training_share=world.training_share,
        withheld_share=world.withheld_share,
        world_seed=world.seed,
    )


def search_parameters(
    tuning_ratings: pd.DataFrame,
    items: pd.DataFrame,
    trained: dict[str, dict[str, Any]],
    tuning: TuningParameters,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame, dict[str, dict[str, Any]]]:
    """Try hyper-parameters of each recommender on validation folds; a killed run goes on where it stood."""
    from armlift.reporting.tuning_tables import best_parameters, tuning_tables
    from armlift.tuning import Objective, Search, tune, validation_folds

    folds = validation_folds(
        tuning_ratings,
        kind=tuning.validation,
        folds=tuning.folds,
        share=tuning.validation_share,
        seed=tuning.seed,
    )
    results = [
        tune(
            Objective(name, trained.get(name, {}), folds, items, tuning.criterion, tuning.seed),
            tuning.space(name),
            Search(tuning.trials, tuning.round_size, tuning.rule, tuning.seed),
            file=tuning.storage,
            workers=min(tuning.workers or os.cpu_count() or 1, tuning.round_size),
            progress=logger.info,
        )
        for name in tuning.recommenders
    ]
    return *tuning_tables(results), best_parameters(results)


def draw_tuning(
    tuning_trials: pd.DataFrame, tuning_importance: pd.DataFrame, tuning_summary: pd.DataFrame
) -> tuple[dict[str, Image], dict[str, str]]:
    """Draw the history of each search and the importance of its hyper-parameters as PNG and HTML."""
    from armlift import reporting
    from armlift.reporting.tuning_charts import tuning_charts

    charts = tuning_charts(tuning_trials, tuning_importance, tuning_summary)
    return (
        {name: reporting.render_png(chart) for name, chart in charts.items()},
        {name: reporting.render_html(chart) for name, chart in charts.items()},
    )


def log_tuning(
    mlflow_run_id: str,
    tuning_trials: pd.DataFrame,
    tuning_folds: pd.DataFrame,
    tuning_importance: pd.DataFrame,
    tuning_summary: pd.DataFrame,
    tuned_parameters: dict[str, dict[str, Any]],
    tuning_figures: dict[str, Callable[[], Image]],
    tuning_pages: dict[str, Callable[[], str]],
) -> None:
    """Log best hyper-parameters, a child run for each trial, and figures to MLflow; print the result."""
    from armlift import tracking
    from armlift.reporting.tuning_tables import tuning_text

    words = tuning_text(tuning_summary, tuned_parameters)
    tracking.log_tuning(mlflow_run_id, tuning_summary, tuned_parameters, words)
    tracking.log_trial_runs(mlflow_run_id, tuning_trials, tuning_folds, tuning_summary)
    tables = {"tuning_trials": tuning_trials, "tuning_importance": tuning_importance}
    tracking.log_tables(mlflow_run_id, {name: table for name, table in tables.items() if len(table)})
    tracking.log_images(mlflow_run_id, {name: load() for name, load in tuning_figures.items()})
    tracking.log_pages(mlflow_run_id, {name: load() for name, load in tuning_pages.items()})
    logger.info("\n\n%s\n", words)
    logger.info("best     data/tuning/tuned_parameters.yml; train with them by training.tuned")
    logger.info("figures  data/tuning/figures/ (PNG), data/tuning/interactive/ (HTML)")
    logger.info("tables   data/tuning/")
    logger.info("MLflow   run %s, see `make mlflow`", mlflow_run_id)
