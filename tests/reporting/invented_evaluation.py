"""Tables of an invented evaluation: svd predicts ratings best and ranks last but one."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from armlift.reporting.evaluation_results import EvaluationFacts

FACTS = EvaluationFacts("ml-latest-small", "temporal", 10, 4.0, 0.05)
NDCG = {
    "ease": 0.120, "implicit_als": 0.115, "item_neighbours": 0.08, "lightgbm": 0.07,
    "popularity": 0.05, "svd": 0.02, "random": 0.001,
}  # fmt: skip
RMSE = {"svd": 0.874, "item_neighbours": 0.88}
AUC = {"lightgbm": 0.73}


def offline_metrics() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = []
    for split, folds in (("temporal", 1), ("k_fold", 5), ("repeated_temporal", 5)):
        for fold, (model, ndcg) in itertools.product(range(folds), NDCG.items()):
            values = {
                "ndcg@10": ndcg,
                "sampled99_ndcg@10": 0.13 if model == "ease" else 0.1 + ndcg,
                "recall@10": ndcg / 2, "precision@10": ndcg / 3, "map@10": ndcg / 4, "mrr@10": ndcg,
                "hit_rate@10": 3 * ndcg, "coverage@10": 0.2, "diversity@10": 0.7, "novelty@10": 9.0,
                "popularity@10": 0.9,
            }  # fmt: skip
            if model in RMSE:
                values |= {"rmse": RMSE[model], "mae": RMSE[model] - 0.2}
            if model in AUC:
                values |= {
                    "auc": AUC[model],
                    "pr_auc": 0.7,
                    "log_loss": 0.6,
                    "brier": 0.21,
                    "ece": 0.05,
                    "ece_equal_mass": 0.04,
                }
            noise = 1 + 0.05 * rng.normal() * (folds > 1)
            rows += [(model, split, fold, metric, value * noise) for metric, value in values.items()]
    return pd.DataFrame(rows, columns=["model", "split", "fold", "metric", "value"])


def model_comparison() -> pd.DataFrame:
    rows = [
        {
            "metric": "ndcg@10", "split": "repeated_temporal", "model": model, "other": other, "units": 5,
            "verdict": "not decided"
            if abs(NDCG[model] - NDCG[other]) < 0.006
            else "better" if NDCG[model] > NDCG[other] else "worse",
        }
        for model, other in itertools.combinations(NDCG, 2)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def segment_metrics() -> pd.DataFrame:
    rows = []
    for (kind, segment), (model, ndcg) in itertools.product(
        [("users", "cold start"), ("users", "most active"), ("genre", "Drama"), ("items", "long tail")],
        NDCG.items(),
    ):
        value = 0.2 if (segment, model) == ("cold start", "popularity") else ndcg
        rows.append((kind, segment, model, "ndcg@10", 120, value, value - 0.01, value + 0.01))
    columns = ["kind", "segment", "model", "metric", "users", "value", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def click_curves() -> pd.DataFrame:
    x = np.linspace(0, 1, 21)
    shapes = {
        "roc": np.sqrt(x), "precision_recall": 0.9 - 0.4 * x, "calibration": 0.9 * x,
        "gain": 1 - (1 - x) ** 2, "lift": np.where(x > 0, (1 - (1 - x) ** 2) / np.maximum(x, 0.05), np.nan),
    }  # fmt: skip
    frames = [
        pd.DataFrame({"model": "lightgbm", "curve": curve, "x": x, "y": y, "base": 0.5})
        for curve, y in shapes.items()
    ]
    return pd.concat(frames, ignore_index=True)
