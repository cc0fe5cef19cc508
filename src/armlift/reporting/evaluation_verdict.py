"""What an evaluation shows, in words computed from its tables."""

from __future__ import annotations

import pandas as pd

from armlift.reporting.evaluation_results import (
    POPULARITY,
    EvaluationFacts,
    best_first,
    figure,
    means,
    paired_tests,
    split_label,
)
from armlift.reporting.numerals import count
from armlift.reporting.verdict import Outcome, Verdict


def decide_evaluation(
    offline_metrics: pd.DataFrame,
    model_comparison: pd.DataFrame,
    segment_metrics: pd.DataFrame,
    facts: EvaluationFacts,
) -> Verdict:
    """Compute the verdict: which recommender ranks best, and how sure that is.

    Args:
        offline_metrics: The table `offline_metrics`.
        model_comparison: The table `model_comparison`.
        segment_metrics: The table `segment_metrics`.
        facts: Set-up of the evaluation.
    """
    table = means(offline_metrics, facts.split)
    order = best_first(table[facts.ndcg], facts.ndcg)
    best = str(order.index[0])
    tests = paired_tests(model_comparison, facts.ndcg)
    tests = tests[tests["model"] == best]
    verdicts = dict(zip(tests["other"], tests["verdict"], strict=True))
    value = f"NDCG@{facts.k} {figure(order.iloc[0])}"
    outcome, headline = _headline(best, value, verdicts)
    findings = [*_tests(best, verdicts, tests), rating_and_ranking(table, facts), *_protocol(table, facts)]
    findings += [*_newcomers(segment_metrics, facts), *_other_splits(offline_metrics, best, facts)]
    findings += [*_clicks(table), *_segments(segment_metrics, best, facts)]
    return Verdict(outcome, headline, tuple(finding for finding in findings if finding))


def _headline(best: str, value: str, verdicts: dict[str, str]) -> tuple[Outcome, str]:
    if best == POPULARITY:
        return "loss", f"No recommender ranks better than popularity ({value})."
    against = verdicts.get(POPULARITY)
    if against == "better":
        return "gain", f"{best} ranks best ({value}), and better than popularity."
    if against is None:
        return "unknown", f"{best} ranks best ({value}); it was not tested against popularity."
    return "none", f"{best} ranks best ({value}), but a difference from popularity is not decided."


def _tests(best: str, verdicts: dict[str, str], tests: pd.DataFrame) -> list[str]:
    if not verdicts:
        return []
    better = [name for name, verdict in verdicts.items() if verdict == "better"]
    open_ = [name for name, verdict in verdicts.items() if verdict == "not decided"]
    folds = f"{tests['units'].iloc[0]} folds of the {split_label(tests['split'].iloc[0])}"
    sentence = f"Over {folds} {best} is better than {_names(better)}"
    return [f"{sentence}; not decided against {_names(open_)}." if open_ else f"{sentence}."]


def rating_and_ranking(table: pd.DataFrame, facts: EvaluationFacts) -> str:
    """Say how the recommender with the most accurate ratings ranks, beside popularity.

    Args:
        table: Values by model and metric.
        facts: Set-up of the evaluation.
    """
    if "rmse" not in table or table["rmse"].isna().all():
        return ""
    rmse, ndcg = best_first(table["rmse"], "rmse"), best_first(table[facts.ndcg], facts.ndcg)
    accurate, ranking = str(rmse.index[0]), [str(name) for name in ndcg.index]
    others = f" of {len(rmse)} that predict them" if len(rmse) > 1 else ""
    sentence = (
        f"{accurate} predicts ratings best{others} (RMSE {figure(rmse.iloc[0])}), "
        f"and ranks {_ordinal(ranking.index(accurate) + 1)} of {len(ranking)} "
        f"(NDCG@{facts.k} {figure(ndcg[accurate])})"
    )
    if POPULARITY not in ranking:
        return f"{sentence}."
    level = float(ndcg[POPULARITY])
    below = [str(name) for name in rmse.index if ndcg[name] < level]
    if accurate not in below:
        return f"{sentence}; popularity, which predicts no rating, has {figure(level)}."
    sentence += f", below popularity ({figure(level)}), which predicts no rating"
    if len(below) == 1:
        return f"{sentence}."
    also = ", ".join(f"{name} {figure(ndcg[name])}" for name in below if name != accurate)
    return f"{sentence}; so does {also}." if len(below) == 2 else f"{sentence}; so do {also}."


def _protocol(table: pd.DataFrame, facts: EvaluationFacts) -> list[str]:
    sampled = facts.sampled_ndcg
    if sampled not in table:
        return []
    full, other = best_first(table[facts.ndcg], facts.ndcg), best_first(table[sampled], sampled)
    if full.index[0] == other.index[0]:
        return []
    return [
        f"Ranked among 99 drawn items only, {other.index[0]} would look best "
        f"(NDCG@{facts.k} {figure(other.iloc[0])}); among all items it has {figure(full[other.index[0]])}."
    ]


def _newcomers(segments: pd.DataFrame, facts: EvaluationFacts) -> list[str]:
    """Say it where most of the tested users are new, for whom no recommender can be personal."""
    users = segments[segments["metric"] == facts.ndcg].groupby("segment")["users"].max()
    if not {"all", "cold start"} <= set(users.index) or users["cold start"] <= users["all"] / 2:
        return []
    return [
        f"{count(users['cold start'])} of {count(users['all'])} tested users have no rating in train: "
        "this split measures above all what newcomers are shown."
    ]


def _other_splits(offline_metrics: pd.DataFrame, best: str, facts: EvaluationFacts) -> list[str]:
    """Name the splits on which another recommender ranks best."""
    rows = offline_metrics[offline_metrics["metric"] == facts.ndcg]
    sentences = []
    for split in rows["split"].unique():
        order = best_first(means(rows, split)[facts.ndcg], facts.ndcg)
        if split != facts.split and order.index[0] != best:
            sentences.append(
                f"On the {split_label(split)} {order.index[0]} ranks best (NDCG@{facts.k} "
                f"{figure(order.iloc[0])}; {best} {figure(order[best])})"
                + (", but random folds know the future." if split == "k_fold" else ".")
            )
    return sentences


def _clicks(table: pd.DataFrame) -> list[str]:
    if "auc" not in table or table["auc"].isna().all():
        return []
    order = best_first(table["auc"], "auc")
    second = f", {order.index[1]} {figure(order.iloc[1])}" if len(order) > 1 else ""
    return [f"{order.index[0]} tells liked from disliked items best: AUC {figure(order.iloc[0])}{second}."]


def _segments(segments: pd.DataFrame, best: str, facts: EvaluationFacts) -> list[str]:
    """Name the segments in which another recommender ranks better than the best one, its interval apart."""
    own = segments[(segments["metric"] == facts.ndcg) & segments["kind"].isin(["users", "items"])]
    sentences = []
    for (kind, segment), rows in own.groupby(["kind", "segment"], sort=False):
        value, low, high = (
            dict(zip(rows["model"], rows[name], strict=True)) for name in ("value", "low", "high")
        )
        top = max(value, key=lambda model: value[model])
        if best in value and low[top] > high[best]:
            sentences.append(
                f"In the segment “{kind}: {segment}” {top} ranks better: {figure(value[top])} against "
                f"{figure(value[best])} of {best}."
            )
    return sentences


def _names(names: list[str]) -> str:
    return ", ".join(names) if names else "none of the others"


def _ordinal(place: int) -> str:
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(place % 10 if place % 100 not in (11, 12, 13) else 0, "th")
    return f"{place}{suffix}"
