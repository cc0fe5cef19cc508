"""The same splits for all models: folds, windows of time, and who does how well on each."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
import pandas as pd

from armlift.datasets import Split, temporal_split
from armlift.errors import ParameterError
from armlift.evaluation.protocols import evaluate_clicks, evaluate_ranking, evaluate_ratings
from armlift.evaluation.results import ClickResult, Protocol, RankingResult, RatingResult
from armlift.recommenders.base import Recommender
from armlift.recommenders.rating_predictor import RatingPredictor

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """What is measured; see the protocols.

    Attributes:
        protocols: Rankings to make.
        k: Length of the ranked list.
        like_threshold: Rating, in points, from which on an item is liked, or clicked.
        negatives: Items drawn for each liked one under `sampled`.
        seed: Seed of fits and drawn items.
    """

    protocols: tuple[Protocol, ...] = ("full",)
    k: int = 10
    like_threshold: float = 4.0
    negatives: int = 99
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Evaluation:
    """All that one model shows on one fold.

    Attributes:
        model: Its name.
        fold: Number of the split, from 1.
        fit_seconds: Wall time of the fit.
        rankings: One for each protocol.
        ratings: None for a recommender that predicts no ratings.
        clicks: Always there.
    """

    model: str
    fold: int
    fit_seconds: float
    rankings: tuple[RankingResult, ...]
    ratings: RatingResult | None
    clicks: ClickResult

    def rows(self) -> pd.DataFrame:
        """All metrics: model, split, fold, metric, value."""
        tables = [ranking.rows(self.model, self.fold) for ranking in self.rankings]
        if self.ratings is not None:
            tables.append(self.ratings.rows(self.model, self.fold))
        return pd.concat([*tables, self.clicks.rows(self.model, self.fold)], ignore_index=True)


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """All models on all splits of one kind.

    Attributes:
        name: Kind of the splits.
        evaluations: By model, then by fold.
        test_train_ratio: Mean over the folds of test ratings over train ratings, which the corrected
            resampled t-test needs.
    """

    name: str
    evaluations: tuple[Evaluation, ...]
    test_train_ratio: float

    def rows(self) -> pd.DataFrame:
        """All metrics: model, split, fold, metric, value."""
        return pd.concat([evaluation.rows() for evaluation in self.evaluations], ignore_index=True)


def repeated_temporal_splits(
    ratings: pd.DataFrame, repeats: int = 5, test_share: float = 0.5
) -> tuple[Split, ...]:
    """Test on consecutive windows of time, each time training on everything before the window.

    The last `test_share` of the ratings is cut into windows of about equal size, at moments as in
    `temporal_split`: equal timestamps are never cut.

    Args:
        ratings: Ratings table, in any row order.
        repeats: Windows, at least 1.
        test_share: Wished share of the ratings in all windows together, 0 < test_share < 1.

    Returns:
        The splits, earliest first, named `window 1 of 5`; no rating is in two test parts.

    Raises:
        ParameterError: A parameter is out of its bound.
        DataError: There are too few different timestamps.

    Source: Rolling origin, Tashman (2000).
    """
    if repeats < 1:
        raise ParameterError("repeats", repeats, "repeats >= 1", "Choose 5.")
    if not 0 < test_share < 1:
        raise ParameterError("test_share", test_share, "0 < test_share < 1", "Give a share such as 0.5.")
    splits: list[Split] = []
    earlier = ratings
    for window in range(repeats, 0, -1):
        wished = test_share / repeats * len(ratings)
        split = temporal_split(earlier, min(wished / len(earlier), 0.5))
        splits.append(replace(split, name=f"window {window} of {repeats}"))
        earlier = split.train
    return tuple(splits[::-1])


def cross_validate(
    models: Mapping[str, Recommender],
    splits: Sequence[Split],
    items: pd.DataFrame,
    *,
    name: str,
    settings: Settings | None = None,
    workers: int | None = 1,
) -> CrossValidation:
    """Fit and evaluate every model on every split.

    Each fit starts from a fresh recommender with the parameters of the given one and runs on one thread, so
    that the result is the same for any number of workers. Workers are processes that import the calling
    program anew: a script that asks for several needs `if __name__ == "__main__"`.

    Args:
        models: Recommenders by name; they stay as they are, fitted or not.
        splits: The same for all models, at least one.
        items: Items table.
        name: Kind of the splits, such as `k_fold`; stands in the column `split` of all rows.
        settings: What is measured; the defaults if None.
        workers: Processes; None for all cores.

    Returns:
        The evaluations, by model and fold.

    Raises:
        ParameterError: There is nothing to evaluate, or `workers` is below 1.
    """
    for argument, value in (("models", models), ("splits", splits)):
        if not value:
            raise ParameterError(argument, "none", "at least one", "Name what to evaluate.")
    if workers is not None and workers < 1:
        raise ParameterError("workers", workers, "workers >= 1", "Give None for all cores.")
    settings = settings or Settings()
    tasks = [
        _Task(model, recommender, replace(split, name=name), fold, items, settings)
        for model, recommender in models.items()
        for fold, split in enumerate(splits, start=1)
    ]
    evaluations = []
    started = perf_counter()
    for done, evaluation in enumerate(_run(tasks, workers or os.cpu_count() or 1), start=1):
        evaluations.append(evaluation)
        logger.info(
            "%8.1f s  evaluated %s on %s %d of %d (%d of %d)",
            *(perf_counter() - started, evaluation.model, name, evaluation.fold, len(splits)),
            *(done, len(tasks)),
        )
    ratio = float(np.mean([len(split.test) / len(split.train) for split in splits]))
    return CrossValidation(name, tuple(evaluations), ratio)


@dataclass(frozen=True, eq=False)
class _Task:
    model: str
    recommender: Recommender
    split: Split
    fold: int
    items: pd.DataFrame
    settings: Settings


def _run(tasks: Sequence[_Task], workers: int) -> Iterator[Evaluation]:
    if workers == 1:
        yield from map(_evaluate, tasks)
        return
    # Spawned, not forked: a fork of a process whose libraries have threads may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(tasks)), mp_context=context) as pool:
        yield from pool.map(_evaluate, tasks)


def _evaluate(task: _Task) -> Evaluation:
    from threadpoolctl import threadpool_limits

    split, settings = task.split, task.settings
    with threadpool_limits(limits=1):
        started = perf_counter()
        recommender = type(task.recommender)(**task.recommender.params)
        recommender.fit(split.train, task.items, seed=settings.seed)
        fit_seconds = perf_counter() - started
        rankings = tuple(
            evaluate_ranking(
                recommender,
                split,
                task.items,
                settings.k,
                protocol,
                settings.seed,
                like_threshold=settings.like_threshold,
                negatives=settings.negatives,
            )
            for protocol in settings.protocols
        )
        ratings = None
        if isinstance(recommender, RatingPredictor):
            ratings = evaluate_ratings(recommender, split)
        clicks = evaluate_clicks(recommender, split, like_threshold=settings.like_threshold)
    return Evaluation(task.model, task.fold, fit_seconds, rankings, ratings, clicks)
