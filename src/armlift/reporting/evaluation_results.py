"""The tables of an evaluation as the report reads them: mean values, orders, names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import pandas as pd

from armlift.evaluation.results import direction
from armlift.reporting.palette import arm_colours, policy_colours

POPULARITY = "popularity"
"""The recommender that every personal one has to beat."""

_LABELS = {
    "rmse": "RMSE", "mae": "MAE",
    "auc": "AUC", "log_loss": "Log loss", "pr_auc": "PR-AUC", "brier": "Brier score",
    "ece": "Calibration error", "ece_equal_mass": "Calibration error, equal mass",
    "precision": "Precision", "recall": "Recall", "ndcg": "NDCG", "map": "MAP", "mrr": "MRR",
    "hit_rate": "Hit rate",
    "coverage": "Catalogue coverage", "diversity": "Intra-list diversity", "novelty": "Novelty",
    "popularity": "Popularity of the slate", "gini": "Gini of exposure",
}  # fmt: skip
_SAMPLED = re.compile(r"^sampled\d+_")


_SPLITS = {
    "temporal": "temporal split",
    "leave_one_out": "leave-latest-out split",
    "k_fold": "k-fold split",
    "repeated_temporal": "repeated temporal split",
}


@dataclass(frozen=True)
class EvaluationFacts:
    """What the report knows about an evaluation beside its tables.

    Attributes:
        source: Name of the data, such as `ml-latest-small`.
        split: Split that the verdict is about.
        k: Length of the ranked list.
        like_threshold: Rating, in points, from which on an item is liked.
        alpha: Accepted rate of false differences.
    """

    source: str
    split: str
    k: int
    like_threshold: float
    alpha: float

    @property
    def ndcg(self) -> str:
        """Metric that orders the recommenders."""
        return f"ndcg@{self.k}"

    @property
    def sampled_ndcg(self) -> str:
        """The same metric among 99 drawn items."""
        return f"sampled99_{self.ndcg}"


def metric_label(metric: str) -> str:
    """Name of a metric as the report writes it.

    >>> metric_label("ndcg@10"), metric_label("sampled99_hit_rate@10"), metric_label("rmse")
    ('NDCG@10', 'Hit rate@10, sampled', 'RMSE')
    """
    name, _, k = _SAMPLED.sub("", metric).partition("@")
    label = _LABELS.get(name, name) + (f"@{k}" if k else "")
    return f"{label}, sampled" if _SAMPLED.match(metric) else label


def split_label(split: str) -> str:
    """Name of a split as the report writes it.

    >>> split_label("temporal")
    'temporal split'
    """
    return _SPLITS.get(split, split)


def means(offline_metrics: pd.DataFrame, split: str) -> pd.DataFrame:
    """Mean over the folds of a split, a row for each model and a column for each metric, in their order.

    Args:
        offline_metrics: The table `offline_metrics`.
        split: One of its splits.
    """
    rows = offline_metrics[offline_metrics["split"] == split]
    table = rows.pivot_table(index="model", columns="metric", values="value", aggfunc="mean")
    return table.reindex(index=rows["model"].unique(), columns=rows["metric"].unique())


def best_first(values: pd.Series[float], metric: str) -> pd.Series[float]:
    """The values of a metric by model, the best first; models without one are left out."""
    return values.dropna().sort_values(ascending=direction(metric) < 0, kind="stable")


def paired_tests(model_comparison: pd.DataFrame, metric: str) -> pd.DataFrame:
    """What the paired tests say on a metric, each pair in both directions.

    Rankings are compared on the moments of the repeated temporal split where there are some, since random
    folds let a recommender see the future; ratings and clicks on the k folds.

    Args:
        model_comparison: The table `model_comparison`.
        metric: Metric.

    Returns:
        model, other, split, units, verdict; no row where there is only one fold.
    """
    rows = model_comparison[(model_comparison["metric"] == metric) & (model_comparison["units"] > 1)]
    preferred = ["repeated_temporal", "k_fold"] if "@" in metric else ["k_fold", "repeated_temporal"]
    split = next((each for each in preferred if (rows["split"] == each).any()), None)
    rows = rows.loc[rows["split"] == split, ["model", "other", "split", "units", "verdict"]]
    mirrored = rows.rename(columns={"model": "other", "other": "model"})
    opposite = mirrored["verdict"].replace({"better": "worse", "worse": "better"})
    return pd.concat([rows, mirrored.assign(verdict=opposite)], ignore_index=True)


def model_colours(models: Iterable[str]) -> dict[str, str]:
    """Colour of each recommender; the arms' first, then the policies'.

    >>> model_colours(["svd", "ease"])
    {'svd': '#0072B2', 'ease': '#E69F00'}
    """
    rest = iter(models)
    first = arm_colours(islice(rest, 9))
    return first | policy_colours(rest)


def figure(value: float, decimals: int = 3) -> str:
    """A metric's value as the report writes it.

    >>> figure(0.04567), figure(float("nan"))
    ('0.046', '–')
    """
    return "–" if pd.isna(value) else f"{value:.{decimals}f}".replace("-", "−")
