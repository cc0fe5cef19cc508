"""Nodes of the evaluation pipeline: recommenders judged on each fold, paired tests, segments."""

from __future__ import annotations

import logging
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

import pandas as pd

from armlift.datasets import Split, k_fold_splits, leave_one_out_split, temporal_split
from armlift.errors import ParameterError
from armlift.evaluation.cross_validation import (
    Evaluation,
    Settings,
    cross_validate,
    repeated_temporal_splits,
)
from armlift.pipelines.parameters import EvaluationParameters, TrainingParameters
from armlift.recommenders import create_recommender
from armlift.reporting.evaluation_results import POPULARITY, split_label

logger = logging.getLogger(__name__)


def evaluate_recommenders(
    ratings: pd.DataFrame,
    items: pd.DataFrame,
    evaluation: EvaluationParameters,
    training: TrainingParameters,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Evaluation]]:
    """Train every recommender on each fold and measure its ratings, its rankings and its predicted clicks."""
    models = {
        name: create_recommender(name, **parameters)
        for name, parameters in evaluation.chosen(training.recommenders).items()
    }
    settings = Settings(
        protocols=tuple(evaluation.protocols),
        k=evaluation.k,
        like_threshold=evaluation.like_threshold,
        seed=evaluation.seed,
    )
    metrics, sizes = [], []
    first: dict[str, Evaluation] = {}
    for kind in evaluation.splits:
        folds = splits_of(kind, ratings, evaluation)
        logger.info("%s: %d recommenders, %d folds", split_label(kind), len(models), len(folds))
        try:
            validation = cross_validate(
                models, folds, items, name=kind, settings=settings, workers=evaluation.workers
            )
        except BrokenProcessPool as error:
            raise ParameterError(
                "evaluation.workers",
                evaluation.workers,
                "as many processes as the memory holds",
                "One was killed. Run it again with fewer.",
            ) from error
        metrics.append(validation.rows())
        sizes.append(_sizes(kind, folds))
        first = first or {each.model: each for each in validation.evaluations if each.fold == 1}
    return pd.concat(metrics, ignore_index=True), pd.concat(sizes, ignore_index=True), first


def trace_clicks(evaluation_results: dict[str, Evaluation]) -> pd.DataFrame:
    """Trace ROC, precision and recall, calibration, gain and lift of what the first split predicted."""
    from armlift.pipelines.evaluation.curves import click_curves

    return click_curves({model: found.clicks for model, found in evaluation_results.items()})


def evaluate_segments(
    evaluation_results: dict[str, Evaluation],
    ratings: pd.DataFrame,
    items: pd.DataFrame,
    evaluation: EvaluationParameters,
) -> pd.DataFrame:
    """Measure each segment of users and items with bootstrap intervals, rankings against popularity's."""
    from armlift.evaluation.segments import segment_metrics

    split = splits_of(evaluation.splits[0], ratings, evaluation)[0]
    split = replace(split, name=evaluation.splits[0])
    baseline = evaluation_results.get(POPULARITY)
    tables = []
    for model, found in evaluation_results.items():
        against = None if baseline is None or found is baseline else (POPULARITY, baseline.rankings[0])
        results = [(found.rankings[0], against), (found.ratings, None), (found.clicks, None)]
        tables += [
            segment_metrics(
                result,
                split,
                items,
                model=model,
                reference=reference,
                alpha=evaluation.alpha,
                resamples=evaluation.resamples,
                seed=evaluation.seed,
            )
            for result, reference in results
            if result is not None
        ]
    return pd.concat(tables, ignore_index=True)


def compare_recommenders(
    offline_metrics: pd.DataFrame, evaluation_splits: pd.DataFrame, evaluation: EvaluationParameters
) -> pd.DataFrame:
    """Say of each pair which is better, by a corrected resampled t-test over the folds of a split."""
    from armlift.evaluation.comparison import compare_models

    sizes = evaluation_splits.assign(ratio=evaluation_splits["test"] / evaluation_splits["train"])
    ratios = sizes.groupby("split")["ratio"].mean()
    tables = [
        compare_models(rows, float(ratios[str(split)]), alpha=evaluation.alpha)
        for split, rows in offline_metrics.groupby("split", sort=False)
    ]
    return pd.concat(tables, ignore_index=True)


def splits_of(kind: str, ratings: pd.DataFrame, evaluation: EvaluationParameters) -> tuple[Split, ...]:
    """The folds of a kind of split.

    Args:
        kind: One of `evaluation.splits`.
        ratings: Ratings table.
        evaluation: How to split.
    """
    if kind == "temporal":
        return (temporal_split(ratings, evaluation.test_share),)
    if kind == "leave_one_out":
        return (leave_one_out_split(ratings, seed=evaluation.seed),)
    if kind == "k_fold":
        return k_fold_splits(ratings, evaluation.folds, seed=evaluation.seed)
    return repeated_temporal_splits(ratings, evaluation.repeats)


def _sizes(kind: str, folds: tuple[Split, ...]) -> pd.DataFrame:
    """What each fold trains and tests on."""
    rows = [
        (
            kind,
            number,
            len(fold.train),
            len(fold.test),
            fold.train["timestamp"].max(),
            fold.test["timestamp"].min(),
        )
        for number, fold in enumerate(folds, start=1)
    ]
    return pd.DataFrame(rows, columns=["split", "fold", "train", "test", "last_train", "first_test"])
