"""The page of an evaluation: the verdict in words, the tables and all charts."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from armlift.reporting.evaluation_results import (
    EvaluationFacts,
    best_first,
    means,
    metric_label,
    model_colours,
    paired_tests,
    split_label,
)
from armlift.reporting.evaluation_tables import model_rows, shown_metrics, verdict_rows
from armlift.reporting.facts import Chart
from armlift.reporting.rendering import bokeh_script, fragment
from armlift.reporting.templates import environment
from armlift.reporting.verdict import Verdict


def evaluation_page(
    charts: Mapping[str, Chart],
    offline_metrics: pd.DataFrame,
    model_comparison: pd.DataFrame,
    verdict: Verdict,
    facts: EvaluationFacts,
) -> str:
    """Write the page, which loads nothing from outside.

    Args:
        charts: The charts to show, by name.
        offline_metrics: The table `offline_metrics`.
        model_comparison: The table `model_comparison`.
        verdict: The verdict.
        facts: Set-up of the evaluation.

    Returns:
        HTML.
    """
    table = means(offline_metrics, facts.split)
    order = [str(name) for name in best_first(table[facts.ndcg], facts.ndcg).index]
    comparisons = {}
    for metric in (facts.ndcg, "rmse", "auc"):
        tests = paired_tests(model_comparison, metric)
        if len(tests):
            names = [name for name in order if name in set(tests["model"])]
            comparisons[metric_label(metric)] = {
                "names": names,
                "rows": verdict_rows(tests, names),
                "split": split_label(str(tests["split"].iloc[0])),
                "folds": int(tests["units"].iloc[0]),
            }
    return (
        environment()
        .get_template("evaluation.html")
        .render(
            verdict=verdict,
            facts=facts,
            split=split_label(facts.split),
            colours=model_colours(table.index),
            columns=[metric_label(metric) for metric in shown_metrics(table, facts)],
            models=model_rows(table, facts),
            comparisons=comparisons,
            charts=charts,
            fragments={name: fragment(chart) for name, chart in charts.items()},
            bokeh=bokeh_script(),
        )
    )
