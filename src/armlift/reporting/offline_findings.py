"""What an evaluation shows, for readers of any language."""

from __future__ import annotations

import pandas as pd

from armlift.reporting.evaluation_results import (
    POPULARITY,
    EvaluationFacts,
    best_first,
    figure,
    means,
    metric_label,
    paired_tests,
)
from armlift.reporting.findings import Finding
from armlift.reporting.numerals import percent


def ranking_finding(
    offline_metrics: pd.DataFrame, model_comparison: pd.DataFrame, facts: EvaluationFacts
) -> Finding:
    """Say which recommender ranks best, and whether it is better than popularity.

    Args:
        offline_metrics: The table `offline_metrics`.
        model_comparison: The table `model_comparison`.
        facts: Set-up of the evaluation.
    """
    order = best_first(means(offline_metrics, facts.split)[facts.ndcg], facts.ndcg)
    if order.empty:
        return Finding("offline.verdict.nothing")
    best = str(order.index[0])
    values = {"model": best, "metric": metric_label(facts.ndcg), "value": figure(order.iloc[0])}
    if len(order) == 1:
        return Finding("offline.verdict.one", values)
    if best == POPULARITY:
        return Finding("offline.verdict.popularity", values)
    tests = paired_tests(model_comparison, facts.ndcg)
    against = tests[(tests["model"] == best) & (tests["other"] == POPULARITY)]["verdict"]
    key = {"better": "better", "worse": "worse", "not decided": "open"}
    return Finding(f"offline.verdict.{key[str(against.iloc[0])] if len(against) else 'untested'}", values)


def pairs_finding(tests: pd.DataFrame, metric: str, model: str) -> Finding:
    """Say against how many others a recommender is better, worse or not decided.

    Args:
        tests: From `paired_tests`.
        metric: Metric of the tests.
        model: Recommender.
    """
    own = tests[tests["model"] == model]["verdict"].value_counts()
    if own.empty:
        return Finding("offline.pairs.none", {"metric": metric_label(metric)})
    numbers = {name: str(int(own.get(word, 0))) for name, word in
               (("better", "better"), ("worse", "worse"), ("open", "not decided"))}  # fmt: skip
    return Finding("offline.pairs.some", {"model": model, "metric": metric_label(metric), **numbers})


def accuracy_finding(table: pd.DataFrame, facts: EvaluationFacts) -> Finding:
    """Say where the recommender with the most accurate ratings ranks.

    Args:
        table: Values by model and metric.
        facts: Set-up of the evaluation.
    """
    ranking = best_first(table[facts.ndcg], facts.ndcg)
    if "rmse" not in table or table["rmse"].isna().all() or ranking.empty:
        return Finding("offline.accuracy.none")
    ratings = best_first(table["rmse"], "rmse")
    model = str(ratings.index[0])
    values = {"model": model, "rmse": figure(ratings.iloc[0]), "models": str(len(ranking))}
    if model not in ranking.index:
        return Finding("offline.accuracy.unranked", values)
    place = int((ranking > ranking[model]).sum()) + 1
    values |= {"place": str(place), "metric": metric_label(facts.ndcg), "best": str(ranking.index[0])}
    return Finding("offline.accuracy.both" if place == 1 else "offline.accuracy.differs", values)


def leader_finding(table: pd.DataFrame, metric: str) -> Finding:
    """Say which recommender is best in a metric, and which follows."""
    order = best_first(table[metric], metric) if metric in table else pd.Series(dtype=float)
    if order.empty:
        return Finding("offline.leader.none", {"metric": metric_label(metric)})
    values = {"model": str(order.index[0]), "metric": metric_label(metric), "value": figure(order.iloc[0])}
    if len(order) == 1:
        return Finding("offline.leader.one", values)
    values |= {"other": str(order.index[1]), "less": figure(order.iloc[1])}
    return Finding("offline.leader.tie" if order.iloc[0] == order.iloc[1] else "offline.leader.some", values)


def gain_finding(click_curves: pd.DataFrame) -> Finding:
    """Say what the tenth of the pairs that is predicted highest holds.

    Args:
        click_curves: The table `click_curves`.
    """
    gain = click_curves[(click_curves["curve"] == "gain") & (click_curves["x"] <= 0.1 + 1e-9)]
    if gain.empty:
        return Finding("offline.leader.none", {"metric": "lift"})
    tenth = gain.groupby("model")["y"].max().sort_values(ascending=False, kind="stable")
    share = {"model": str(tenth.index[0]), "share": percent(tenth.iloc[0])}
    return Finding("offline.gain", {**share, "times": f"{10 * tenth.iloc[0]:.2f}"})


def segments_finding(segment_metrics: pd.DataFrame, facts: EvaluationFacts, *, genres: bool) -> Finding:
    """Say who leads in how many segments, and which one is the hardest.

    Args:
        segment_metrics: The table `segment_metrics`.
        facts: Set-up of the evaluation.
        genres: Whether genres are meant, or all other segments.
    """
    known = (segment_metrics["metric"] == facts.ndcg) & (segment_metrics["users"] > 1)
    rows = segment_metrics[known & ((segment_metrics["kind"] == "genre") == genres)].dropna(subset=["value"])
    if rows.empty:
        return Finding("offline.segments.none")
    best = rows.loc[rows.groupby(["kind", "segment"], sort=False)["value"].idxmax()].sort_values("value")
    leads = best["model"].value_counts()
    return Finding(
        "offline.segments.some",
        {
            "model": str(leads.index[0]),
            "leads": str(int(leads.iloc[0])),
            "segments": str(len(best)),
            "hardest": str(best["segment"].iloc[0]),
            "value": figure(best["value"].iloc[0]),
        },
    )


def folds_finding(offline_metrics: pd.DataFrame, split: str, metric: str) -> Finding:
    """Say how far the folds of the best recommender lie apart, beside the distance to the next.

    Args:
        offline_metrics: The table `offline_metrics`.
        split: Split with several folds.
        metric: Metric.
    """
    rows = offline_metrics[(offline_metrics["split"] == split) & (offline_metrics["metric"] == metric)]
    rows = rows.dropna(subset=["value"])
    if rows.empty:
        return Finding("offline.folds.none")
    order = best_first(rows.groupby("model", sort=False)["value"].mean(), metric)
    own = rows[rows["model"] == order.index[0]]["value"]
    values = {
        "model": str(order.index[0]),
        "metric": metric_label(metric),
        "folds": str(rows["fold"].nunique()),
        "low": figure(own.min()),
        "high": figure(own.max()),
    }
    if len(order) == 1:
        return Finding("offline.folds.one", values)
    return Finding(
        "offline.folds.some", {**values, "other": str(order.index[1]), "less": figure(order.iloc[1])}
    )
