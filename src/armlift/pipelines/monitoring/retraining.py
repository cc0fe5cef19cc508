"""Nodes of the retraining: newer ratings, the champion's recommender trained anew, checks, MLflow."""

from __future__ import annotations

import logging
from typing import Any

import pandas as pd

from armlift.errors import DataError
from armlift.pipelines.monitoring.parameters import RetrainingParameters
from armlift.pipelines.parameters import DataParameters, TrainingParameters
from armlift.recommenders import Recommender, create_recommender

logger = logging.getLogger(__name__)

BASELINE = "popularity"


def cut_ratings(
    ratings: pd.DataFrame,
    items: pd.DataFrame,
    users: pd.DataFrame,
    data: DataParameters,
    retraining: RetrainingParameters,
) -> tuple[pd.DataFrame, dict[str, str | int]]:
    """Leave out what came after the drifted window, and describe what is left."""
    from armlift.datasets import fingerprint

    kept = ratings
    if retraining.until is not None:
        kept = ratings[ratings["timestamp"] < pd.Timestamp(retraining.until)].reset_index(drop=True)
    if kept.empty:
        raise DataError(f"No rating is older than retraining.until = {retraining.until}: choose it later.")
    snapshot: dict[str, str | int] = {
        "hash": fingerprint({"ratings": kept, "items": items, "users": users}),
        "source": data.source,
        "ratings": len(kept),
        "left_out": len(ratings) - len(kept),
        "until": "" if retraining.until is None else str(retraining.until),
    }
    return kept, snapshot


def retrain_recommender(
    retraining_ratings: pd.DataFrame,
    items: pd.DataFrame,
    training: TrainingParameters,
    retraining: RetrainingParameters,
) -> dict[str, Recommender]:
    """Train the champion's recommender, or the one that is named, on all that is left."""
    from armlift import tracking

    name = retraining.recommender
    if name is None:
        champion = tracking.aliased_versions().get("champion")
        name = next(reversed(training.recommenders)) if champion is None else champion.recommender
    own = training.recommenders.get(name, {})
    return {name: create_recommender(name, **own).fit(retraining_ratings, items, seed=retraining.seed)}


def check_retrained(
    retrained_recommender: dict[str, Recommender],
    retraining_ratings: pd.DataFrame,
    items: pd.DataFrame,
    training: TrainingParameters,
    retraining: RetrainingParameters,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Check that it does not rank worse than popularity, user by user, and shows enough of the catalogue."""
    from armlift.datasets import temporal_split
    from armlift.evaluation.cross_validation import Settings, cross_validate

    (name,) = retrained_recommender
    models = {
        each: create_recommender(each, **training.recommenders.get(each, {}))
        for each in dict.fromkeys([name, BASELINE])
    }
    settings = Settings(k=retraining.k, like_threshold=retraining.like_threshold, seed=retraining.seed)
    split = temporal_split(retraining_ratings, retraining.test_share)
    found = cross_validate(models, (split,), items, name="temporal", settings=settings, workers=1)
    metrics = found.rows()
    rankings = {each.model: each.rankings[0] for each in found.evaluations}
    by_user = pd.DataFrame(
        {each: ranking.users.set_index("user_id")["ndcg"] for each, ranking in rankings.items()}
    )
    passed, words = _against_baseline(by_user, f"ndcg@{retraining.k}", retraining.alpha)
    own, shown = float(by_user[name].mean()), float(rankings[name].coverage)
    checks = {
        "no worse than popularity": {"passed": passed, "words": words},
        "coverage": {
            "passed": shown >= retraining.minimum_coverage,
            "words": f"{shown:.2%} of the catalogue is shown, at least {retraining.minimum_coverage:.2%}",
        },
    }
    return metrics, {"recommender": name, "ndcg": own, "coverage": shown, "checks": checks}


def _against_baseline(by_user: pd.DataFrame, metric: str, alpha: float) -> tuple[bool, str]:
    """Whether a model is not shown to be worse than popularity by the same users, and what was found."""
    from armlift.evaluation import compare_paired

    compared = compare_paired(by_user, reference=BASELINE, alpha=alpha)
    if compared.empty:
        return True, f"it is {BASELINE} itself"
    row = compared.iloc[0]
    words = (
        f"{metric} {by_user[row['model']].mean():.4f}, {BASELINE} {by_user[BASELINE].mean():.4f}; difference"
        f" {row['low']:+.4f} to {row['high']:+.4f} over {row['units']} users, {row['verdict']}"
    )
    return bool(row["verdict"] != "worse"), words


def log_retrained(
    mlflow_run_id: str,
    retrained_recommender: dict[str, Recommender],
    retraining_ratings: pd.DataFrame,
    retraining_metrics: pd.DataFrame,
    retraining_checks: dict[str, Any],
    retraining_snapshot: dict[str, str | int],
    training: TrainingParameters,
    retraining: RetrainingParameters,
) -> dict[str, Any]:
    """Log model and evaluation to MLflow; nothing is registered yet."""
    from armlift import tracking

    (name,) = retrained_recommender
    data_hash = str(retraining_snapshot["hash"])
    logged = tracking.log_recommenders(mlflow_run_id, retrained_recommender, retraining_ratings)
    tracking.log_evaluation_runs(mlflow_run_id, data_hash, retraining_metrics, training.recommenders)
    for check, found in retraining_checks["checks"].items():
        logger.info("%s %s: %s", "passed " if found["passed"] else "BLOCKED", check, found["words"])
    return {
        "window": retraining.window,
        "run_id": mlflow_run_id,
        "recommender": name,
        "model_id": logged[name],
        "data_hash": data_hash,
        "ratings": int(retraining_snapshot["ratings"]),
        "ndcg": retraining_checks["ndcg"],
        "checks": retraining_checks["checks"],
    }
