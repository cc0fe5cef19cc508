"""Charts of an evaluation: accuracy of ratings and of rankings, what lies beyond it, spread over folds."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from armlift.evaluation.results import direction
from armlift.reporting.bars import bar_panel, box_panel
from armlift.reporting.evaluation_curves import curve_charts
from armlift.reporting.evaluation_results import (
    EvaluationFacts,
    best_first,
    figure,
    means,
    metric_label,
    model_colours,
    split_label,
)
from armlift.reporting.evaluation_segments import segment_charts
from armlift.reporting.evaluation_verdict import rating_and_ranking
from armlift.reporting.facts import Chart
from armlift.reporting.marks import layout

_UNITS = {
    "coverage": "share of the items",
    "diversity": "1: no genre shared",
    "novelty": "bits",
    "popularity": "ratings",
}


def evaluation_charts(
    offline_metrics: pd.DataFrame,
    click_curves: pd.DataFrame,
    segment_metrics: pd.DataFrame,
    facts: EvaluationFacts,
) -> dict[str, Chart]:
    """Draw an evaluation; charts without data are left out.

    Args:
        offline_metrics: The table `offline_metrics`.
        click_curves: The table `click_curves`.
        segment_metrics: The table `segment_metrics`.
        facts: Set-up of the evaluation.

    Returns:
        Charts by name; the name suits as a file name.
    """
    table = means(offline_metrics, facts.split)
    charts = {
        "accuracy": _accuracy(table, facts),
        "ranking": _bars(
            table, facts, "Ranking of liked items", ("precision", "recall", "ndcg", "map", "mrr", "hit_rate")
        ),
        "protocols": _protocols(table, facts),
        "beyond_accuracy": _bars(
            table, facts, "Beyond accuracy", ("coverage", "diversity", "novelty", "popularity")
        ),
        "clicks": _bars(
            table, facts, "Telling liked items from others", ("auc", "pr_auc", "log_loss", "brier", "ece")
        ),
        **curve_charts(click_curves, table, facts),
        **_boxes(offline_metrics, facts),
        **segment_charts(segment_metrics, table, facts),
    }
    return {name: chart for name, chart in charts.items() if chart is not None}


def ranked(table: pd.DataFrame, facts: EvaluationFacts) -> list[str]:
    """Models from the worst to the best ranking, as bars stand from below."""
    return list(best_first(table[facts.ndcg], facts.ndcg).index)[::-1]


def _accuracy(table: pd.DataFrame, facts: EvaluationFacts) -> Chart | None:
    if "rmse" not in table:
        return None
    names = ranked(table, facts)
    panels = [
        bar_panel(table["rmse"], names, "Ratings: smaller is better", "RMSE, rating points", 3),
        bar_panel(table[facts.ndcg], names, "Ranking: larger is better", f"NDCG@{facts.k}", 3),
    ]
    return Chart(
        "Accuracy of ratings and of rankings, side by side",
        rating_and_ranking(table, facts),
        layout(panels),
        f"{split_label(facts.split).capitalize()}. A dash: the recommender predicts no rating.",
        model_colours(table.index),
        columns=2,
        categories=tuple(names),
    )


def _protocols(table: pd.DataFrame, facts: EvaluationFacts) -> Chart | None:
    full, sampled = facts.ndcg, facts.sampled_ndcg
    if sampled not in table or full not in table:
        return None
    names = ranked(table, facts)
    first, other = (best_first(table[metric], metric) for metric in (full, sampled))
    moved = [name for place, name in enumerate(first.index) if other.index[place] != name]
    return Chart(
        "Two protocols: ranked among all unseen items, or among 99 drawn ones",
        f"Among all items {first.index[0]} is best ({figure(first.iloc[0])}), among drawn ones "
        f"{other.index[0]} ({figure(other.iloc[0])}); {len(moved)} of {len(first)} change their place.",
        layout(
            [
                bar_panel(table[full], names, "All unseen items", f"NDCG@{facts.k}", 3),
                bar_panel(table[sampled], names, "99 drawn items", f"NDCG@{facts.k}, sampled", 3),
            ]
        ),
        "The sampled protocol is cheap and flatters: trust its order only where the full one agrees.",
        model_colours(table.index),
        columns=2,
        categories=tuple(names),
    )


def _bars(table: pd.DataFrame, facts: EvaluationFacts, title: str, metrics: Sequence[str]) -> Chart | None:
    """One panel for each metric that there is."""
    shown = [name for name in _with_k(metrics, facts) if name in table and table[name].notna().any()]
    if not shown:
        return None
    names = [name for name in ranked(table, facts) if table.loc[name, shown].notna().any()]
    best = {metric: best_first(table[metric], metric).index[0] for metric in shown}
    first = dict.fromkeys(best.values())
    verb = "leads in" if any(map(direction, shown)) else "has the most of:"
    caption = "; ".join(
        f"{name} {verb} {', '.join(metric_label(each) for each in shown if best[each] == name)}"
        for name in first
    )
    return Chart(
        title,
        f"{caption}.",
        layout([bar_panel(table[each], names, metric_label(each), _direction(each), 3) for each in shown]),
        f"{split_label(facts.split).capitalize()}, ordered by NDCG@{facts.k}."
        + (
            " A dash: its scores are no probabilities."
            if table.loc[names, shown].isna().any(axis=None)
            else ""
        ),
        model_colours(table.index),
        columns=2 if len(shown) in (2, 4) else 3,
        categories=tuple(names),
    )


def _direction(metric: str) -> str:
    """What to look for in a metric, or its unit where more is neither better nor worse."""
    words = {-1: "smaller is better", 1: "larger is better"}
    return words.get(direction(metric)) or _UNITS[metric.partition("@")[0]]


def _with_k(metrics: Sequence[str], facts: EvaluationFacts) -> list[str]:
    return [form for metric in metrics for form in (metric, f"{metric}@{facts.k}")]


def _boxes(offline_metrics: pd.DataFrame, facts: EvaluationFacts) -> dict[str, Chart | None]:
    return {
        split: _box(offline_metrics[offline_metrics["split"] == split], split, facts)
        for split in ("k_fold", "repeated_temporal")
    }


def _box(rows: pd.DataFrame, split: str, facts: EvaluationFacts) -> Chart | None:
    shown = [
        name
        for name in ("rmse", "auc", facts.ndcg)
        if name in set(rows["metric"].where(rows["value"].notna()))
    ]
    if not shown:
        return None
    table = means(rows, split)
    names = ranked(table, facts)
    folds = rows["fold"].nunique()
    parts = []
    for metric in shown:
        order = best_first(table[metric], metric)
        spread = rows[(rows["metric"] == metric) & (rows["model"] == order.index[0])]["value"]
        parts.append(
            f"{metric_label(metric)} of {order.index[0]}: {figure(spread.min())} to {figure(spread.max())}"
        )
    panels = [
        box_panel(
            rows.loc[rows["metric"] == metric, ["model", "value"]].rename(columns={"model": "name"}).dropna(),
            names,
            metric_label(metric),
            _direction(metric),
        )
        for metric in shown
    ]
    return Chart(
        f"Spread over {folds} folds: {split_label(split)}",
        f"{'; '.join(parts)}.",
        layout(panels),
        "A dot for each fold; box: quartiles; thick line: median. Folds share training data: a difference "
        "is judged by the corrected resampled t-test.",
        model_colours(table.index),
        columns=min(len(shown), 3) if len(shown) > 1 else 1,
        categories=tuple(names),
    )
