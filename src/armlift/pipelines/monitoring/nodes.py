"""Nodes of the monitoring pipeline: drift and decay, figures, readings, MLflow and the closing words."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from PIL.Image import Image

from armlift.pipelines.monitoring.parameters import MonitoringParameters, Source
from armlift.recommenders import Recommender

if TYPE_CHECKING:
    from armlift.monitoring.reports import Observed

logger = logging.getLogger(__name__)


def watch(
    decisions: pd.DataFrame,
    events: pd.DataFrame,
    slates: pd.DataFrame,
    ratings: pd.DataFrame,
    items: pd.DataFrame,
    history: pd.DataFrame,
    future: pd.DataFrame,
    recommenders: Mapping[str, Recommender],
    monitoring: MonitoringParameters,
) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Hold every newer window of each source against its reference, feature by feature and arm by arm."""
    from armlift.monitoring.reports import DECAY_COLUMNS, DRIFT_COLUMNS, decay_report, drift_report, joined
    from armlift.pipelines.monitoring.sources import observe_live, observe_ratings, observe_visits
    from armlift.reporting.drift_text import drift_text

    def observe(source: Source) -> Observed | None:
        span = monitoring.windows[source]
        if source == "ratings":
            return observe_ratings(ratings, items, history, future, recommenders, span, monitoring.decay)
        if source == "live":
            return observe_live(slates, history, items, span, monitoring.strategies, Path.cwd())
        return observe_visits(source, decisions, events, slates, history, items, span, monitoring.strategies)

    drift, decay = [], []
    for source in monitoring.sources:
        observed = observe(source)
        if observed is None:
            logger.info("%s: nothing to watch yet", source)
            continue
        limits = monitoring.decay
        drift.append(drift_report(observed, monitoring.drift.thresholds, seed=monitoring.seed))
        decay.append(
            decay_report(
                observed,
                alpha=limits.alpha,
                tolerance=limits.tolerance,
                minimum_units=limits.minimum_units,
            )
        )
    reports = joined(drift, DRIFT_COLUMNS), joined(decay, DECAY_COLUMNS)
    return *reports, drift_text(*reports, alpha=monitoring.drift.alpha)


def draw_drift(
    drift_report: pd.DataFrame, decay_report: pd.DataFrame
) -> tuple[dict[str, Image], dict[str, str]]:
    """Draw the stability index of every feature and the performance of every arm over time."""
    from armlift import reporting
    from armlift.reporting.drift_charts import drift_charts

    charts = drift_charts(drift_report, decay_report)
    return (
        {name: reporting.render_png(chart) for name, chart in charts.items()},
        {name: reporting.render_html(chart) for name, chart in charts.items()},
    )


def record_readings(drift_report: pd.DataFrame, decay_report: pd.DataFrame) -> dict[str, int | str]:
    """Write the readings to the live store, if there is one; written again they stay the same rows."""
    from armlift.environment import RouterSettings
    from armlift.errors import LiveError
    from armlift.pipelines.monitoring.readings import readings_of
    from armlift.storage import open_database
    from armlift.storage.monitoring_rows import monitored_store, write_readings
    from armlift.storage.refusals import refusals_in_words

    url = RouterSettings.from_environment(Path.cwd()).database_url
    if not monitored_store(url):
        return {"written": 0, "note": "there is no live store yet"}
    try:
        with open_database(url, exclusive=False) as database, refusals_in_words(database):
            written = write_readings(database, readings_of(drift_report, decay_report))
    except LiveError as error:  # the tables have it all; the next run writes these readings too
        logger.warning("readings not written: %s", error)
        return {"written": 0, "note": str(error)}
    return {"written": written, "note": ""}


def log_drift(
    mlflow_run_id: str,
    drift_report: pd.DataFrame,
    decay_report: pd.DataFrame,
    drift_text: str,
    drift_figures: dict[str, Callable[[], Image]],
    drift_pages: dict[str, Callable[[], str]],
) -> None:
    """Log the index of each feature by window, tables and figures to MLflow; print the result."""
    from armlift import tracking

    tracking.log_drift(mlflow_run_id, drift_report, decay_report, drift_text)
    tables = {"drift_report": drift_report, "decay_report": decay_report}
    tracking.log_tables(mlflow_run_id, {name: table for name, table in tables.items() if len(table)})
    tracking.log_images(mlflow_run_id, {name: load() for name, load in drift_figures.items()})
    tracking.log_pages(mlflow_run_id, {name: load() for name, load in drift_pages.items()})
    logger.info("\n\n%s\n", drift_text)
    logger.info("figures  data/monitoring/figures/ (PNG), data/monitoring/interactive/ (HTML)")
    logger.info("tables   data/monitoring/")
    logger.info("MLflow   run %s, see `make mlflow`", mlflow_run_id)
