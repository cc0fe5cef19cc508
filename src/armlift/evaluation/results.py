"""What an evaluation finds, by user or pair, so that segments and intervals can be made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from armlift.evaluation import clicks, ratings

Protocol = Literal["full", "sampled"]

RANKING_METRICS = ("precision", "recall", "ndcg", "map", "mrr", "hit_rate")
SLATE_METRICS = ("diversity", "novelty", "popularity")
ERRORS = ("rmse", "mae", "log_loss", "brier", "ece", "ece_equal_mass")


def direction(metric: str) -> int:
    """Whether more of a metric is better (1), worse (-1) or merely different (0).

    Args:
        metric: Name as in the rows of a result.

    Example:
        >>> direction("sampled99_ndcg@10"), direction("rmse"), direction("novelty@10")
        (1, -1, 0)
    """
    name = metric.split("@")[0]
    if name in ERRORS:
        return -1
    return 0 if name in (*SLATE_METRICS, "coverage", "gini") else 1


@dataclass(frozen=True, eq=False)
class RankingResult:
    """How well a recommender ranks what users went on to like.

    Attributes:
        split: Name of the split.
        protocol: `full`, among all unseen items; `sampled`, each liked item among `negatives` drawn ones.
        k: Length of the ranked list.
        negatives: Drawn items; 0 under `full`.
        users: One row for each user with a liked test item, by user_id: `user_id`, `train_ratings`,
            `cold_start` (no rating in train), `liked` (test items), precision, recall, ndcg, map, mrr,
            hit_rate, and under `full` diversity (1 - Jaccard of genres), novelty (bits) and popularity
            (ratings in train) of the slate.
        pairs: One row for each liked test item of a user: `user_id`, `item_id`, `retrieved`, its chance to
            stand among the first k, and `gain`, its expected 1 / log2(1 + rank) there.
        slates: The first k under `full`, else no row: `user_id`, `position` from 0, `item_id`.
        coverage: Share of the catalogue in the slates; NaN under `sampled`.
        gini: Gini coefficient of the items' exposure in the slates; NaN under `sampled`.
    """

    split: str
    protocol: Protocol
    k: int
    negatives: int
    users: pd.DataFrame
    pairs: pd.DataFrame
    slates: pd.DataFrame
    coverage: float
    gini: float

    @property
    def label(self) -> str:
        """How a metric's name says what it is of: `{}@10`, or `sampled99_{}@10` under `sampled`."""
        drawn = f"sampled{self.negatives}_" if self.protocol == "sampled" else ""
        return f"{drawn}{{}}@{self.k}"

    def rows(self, model: str, fold: int = 1) -> pd.DataFrame:
        """Means over the users: model, split, fold, metric, value; metrics named as `label` says."""
        values = self.users[list(RANKING_METRICS)].mean().to_dict()
        if self.protocol == "full":
            values |= self.users[list(SLATE_METRICS)].mean().to_dict()
            values |= {"coverage": self.coverage, "gini": self.gini}
        return _rows(
            model, self.split, fold, {self.label.format(name): value for name, value in values.items()}
        )


@dataclass(frozen=True, eq=False)
class RatingResult:
    """How well ratings are predicted.

    Attributes:
        split: Name of the split.
        pairs: One row for each test rating, in the order of the split: `user_id`, `item_id`, `rating`,
            `predicted`, `cold_start` (user without rating in train).
    """

    split: str
    pairs: pd.DataFrame

    def rows(self, model: str, fold: int = 1) -> pd.DataFrame:
        """`rmse` and `mae` over all pairs: model, split, fold, metric, value."""
        both = self.pairs["rating"], self.pairs["predicted"]
        return _rows(model, self.split, fold, {"rmse": ratings.rmse(*both), "mae": ratings.mae(*both)})


@dataclass(frozen=True, eq=False)
class ClickResult:
    """How well clicks are told from other ratings.

    Attributes:
        split: Name of the split.
        calibrated: Whether the scores are probabilities.
        pairs: One row for each test rating, in the order of the split: `user_id`, `item_id`, `clicked`,
            `score`, `cold_start` (user without rating in train).
    """

    split: str
    calibrated: bool
    pairs: pd.DataFrame

    def rows(self, model: str, fold: int = 1) -> pd.DataFrame:
        """Metrics over all pairs: model, split, fold, metric, value.

        `auc` and `pr_auc`; of probabilities `log_loss`, `brier`, `ece` (10 bins of equal width) and
        `ece_equal_mass` (10 bins of equally many pairs) too.
        """
        both = self.pairs["clicked"], self.pairs["score"]
        values = {"auc": clicks.auc(*both), "pr_auc": clicks.pr_auc(*both)}
        if self.calibrated:
            values |= {
                "log_loss": clicks.log_loss(*both),
                "brier": clicks.brier(*both),
                "ece": clicks.calibration_error(*both),
                "ece_equal_mass": clicks.calibration_error(*both, binning="equal_mass"),
            }
        return _rows(model, self.split, fold, values)


def _rows(model: str, split: str, fold: int, values: Mapping[str, float]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "model": model,
            "split": split,
            "fold": fold,
            "metric": list(values),
            "value": [float(value) for value in values.values()],
        }
    )
