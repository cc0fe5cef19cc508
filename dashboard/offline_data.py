"""What the page "Offline" reads: the tables of the evaluation pipeline."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import pandas as pd
import yaml

from armlift.reporting.evaluation_charts import evaluation_charts
from armlift.reporting.evaluation_results import EvaluationFacts, means
from armlift.reporting.facts import Chart

if TYPE_CHECKING:
    from dashboard.sources import Sources
    from dashboard.view import View

_TABLES = ("offline_metrics", "model_comparison", "segment_metrics", "click_curves")
_PARAMETERS = "conf/base/parameters/evaluation.yml"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The newest evaluation.

    Attributes:
        facts: Its set-up.
        metrics: The table `offline_metrics`.
        comparison: The table `model_comparison`.
        segments: The table `segment_metrics`.
        curves: The table `click_curves`.
    """

    facts: EvaluationFacts
    metrics: pd.DataFrame
    comparison: pd.DataFrame
    segments: pd.DataFrame
    curves: pd.DataFrame

    @cached_property
    def table(self) -> pd.DataFrame:
        """Values by model and metric, of the split that the verdict is about."""
        return means(self.metrics, self.facts.split)

    @cached_property
    def charts(self) -> dict[str, Chart]:
        """The report's charts by name."""
        return evaluation_charts(self.metrics, self.curves, self.segments, self.facts)


def evaluation(view: View) -> Evaluation | None:
    """Read the newest evaluation; None if none was run yet.

    Raises:
        DataFileError: A table cannot be read.
    """
    written = stamp(view.sources)
    return _read(view.sources, written) if written else None


def stamp(sources: Sources) -> tuple[int, ...]:
    """When each table was written; empty while one of them is missing."""
    try:
        return tuple(sources.path(name).stat().st_mtime_ns for name in _TABLES)
    except FileNotFoundError:
        return ()


@lru_cache(maxsize=2)
def _read(sources: Sources, written: tuple[int, ...]) -> Evaluation | None:
    tables = [sources.table(name) for name in _TABLES]
    metrics, comparison, segments, curves = tables
    if metrics is None or comparison is None or segments is None or curves is None or metrics.empty:
        return None
    return Evaluation(_facts(sources, metrics), metrics, comparison, segments, curves)


def _facts(sources: Sources, metrics: pd.DataFrame) -> EvaluationFacts:
    """The set-up: the first split and the length of lists as the tables have them, the rest as configured."""
    ranked = metrics.loc[metrics["metric"].str.fullmatch(r"ndcg@\d+"), "metric"]
    given = _mapping(sources, _PARAMETERS).get("evaluation", {})
    return EvaluationFacts(
        source=str(_mapping(sources, "data/processed/data_snapshot.json").get("source", "")),
        split=str(metrics["split"].iloc[0]),
        k=int(ranked.iloc[0].partition("@")[2]) if len(ranked) else 10,
        like_threshold=float(given.get("like_threshold", 4.0)),
        alpha=float(given.get("alpha", 0.05)),
    )


def _mapping(sources: Sources, file: str) -> dict[str, dict[str, Any]]:
    """A small file of settings; empty if it is not there or not readable."""
    try:
        text = (sources.root / file).read_text("utf-8")
        found = json.loads(text) if file.endswith(".json") else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}
