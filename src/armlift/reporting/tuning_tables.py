"""Tables and words of a tuning."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from armlift.tuning import TuningResult

_WIDTH = 96


def tuning_tables(
    results: Sequence[TuningResult],
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Turn results into tables.

    Args:
        results: One for each recommender.

    Returns:
        `tuning_trials`, one row a trial: recommender, trial, state, value, folds (done), seconds, is_best,
        params (JSON), error. `tuning_folds`, one row a fold of a trial: recommender, trial, fold, value.
        `tuning_importance`: recommender, parameter, importance (0 to 1). `tuning_summary`, one row a
        recommender: recommender, study, metric, maximise, best_trial, value, before (of the hyper-parameters
        as they were, if tried), complete, pruned and failed (trials), seconds.
    """
    trials = [
        {
            "recommender": result.recommender,
            "trial": trial.number,
            "state": trial.state,
            "value": trial.value,
            "folds": len(trial.fold_values),
            "seconds": trial.seconds,
            "is_best": trial.number == result.best.number,
            "params": json.dumps(dict(trial.params)),
            "error": trial.error,
        }
        for result in results
        for trial in result.trials
    ]
    folds = [
        (result.recommender, trial.number, fold, value)
        for result in results
        for trial in result.trials
        for fold, value in trial.fold_values.items()
    ]
    importance = [
        (result.recommender, name, share) for result in results for name, share in result.importance.items()
    ]
    summary = [
        {
            "recommender": result.recommender,
            "study": result.study,
            "metric": result.metric,
            "maximise": result.maximise,
            "best_trial": result.best.number,
            "value": result.best.value,
            "before": result.before,
            **{
                state: sum(trial.state == state for trial in result.trials)
                for state in ("complete", "pruned", "failed")
            },
            "seconds": sum(trial.seconds for trial in result.trials),
        }
        for result in results
    ]
    return (
        pd.DataFrame(trials).astype({"value": float}),
        pd.DataFrame(folds, columns=["recommender", "trial", "fold", "value"]).astype({"value": float}),
        pd.DataFrame(importance, columns=["recommender", "parameter", "importance"]).astype(
            {"recommender": str, "parameter": str, "importance": float}
        ),
        pd.DataFrame(summary).astype({"before": float}),
    )


def best_parameters(results: Sequence[TuningResult]) -> dict[str, dict[str, Any]]:
    """Best hyper-parameters by recommender, as `training.recommenders` writes them; only those tuned."""
    return {result.recommender: dict(result.best.params) for result in results}


def tuning_text(summary: pd.DataFrame, best: Mapping[str, Mapping[str, Any]]) -> str:
    """Say in words what came of a tuning, for a terminal and for MLflow.

    Args:
        summary: Table `tuning_summary`.
        best: Best hyper-parameters by recommender.
    """
    lines = []
    for row in summary.to_dict("records"):
        before = "" if pd.isna(row["before"]) else f" instead of {row['before']:.4f}"
        tried = row["complete"] + row["pruned"] + row["failed"]
        lines.append(
            f"{row['recommender']}: {row['metric']} {row['value']:.4f}{before} on the validation folds, by "
            f"trial {row['best_trial']}; of {tried} trials {row['pruned']} pruned, {row['failed']} failed."
        )
        params = best[str(row["recommender"])]
        lines.append("  " + ", ".join(f"{name}: {value}" for name, value in params.items()))
    lines.append(
        "The best of many trials is lucky too: only the evaluation, on ratings that no trial saw, says how "
        "good it is."
    )
    return "\n".join(
        textwrap.fill(line, _WIDTH, subsequent_indent="  ", drop_whitespace=True) for line in lines
    )
