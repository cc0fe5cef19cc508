"""What a trial is judged by: fit on a fold, measure on what follows."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import pandas as pd

from armlift.datasets.splits import Split
from armlift.errors import ParameterError
from armlift.evaluation.protocols import evaluate_clicks, evaluate_ranking, evaluate_ratings
from armlift.evaluation.results import RANKING_METRICS, Protocol
from armlift.recommenders import Recommender, create_recommender
from armlift.recommenders.click_ranker import ClickRanker
from armlift.recommenders.rating_predictor import RatingPredictor
from armlift.tuning.space import Choice

RATING_METRICS = ("rmse", "mae")
CLICK_METRICS = ("auc", "pr_auc")
PROBABILITY_METRICS = ("log_loss", "brier", "ece")
# Errors that come from code, not from unlucky hyper-parameters, which end in all the others.
FAULTS = (TypeError, AttributeError, NameError, LookupError, ImportError, AssertionError, NotImplementedError)

logger = logging.getLogger(__name__)

METRICS = (*RANKING_METRICS, *RATING_METRICS, *CLICK_METRICS, *PROBABILITY_METRICS)


@dataclass(frozen=True)
class Criterion:
    """The metric that decides.

    Attributes:
        metric: One of `METRICS`.
        k: Length of the ranked list, for ranking metrics.
        protocol: `full` or `sampled`, for ranking metrics.
        like_threshold: Rating, in points, from which on an item is liked, or clicked.

    Raises:
        ParameterError: No such metric.
    """

    metric: str = "ndcg"
    k: int = 10
    protocol: Protocol = "full"
    like_threshold: float = 4.0

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise ParameterError(
                "tuning.metric", self.metric, f"one of {', '.join(METRICS)}", "Choose one of these."
            )

    @property
    def label(self) -> str:
        """Name of the metric in tables, such as `ndcg@10`."""
        if self.metric not in RANKING_METRICS:
            return self.metric
        return f"{'sampled99_' if self.protocol == 'sampled' else ''}{self.metric}@{self.k}"

    @property
    def maximise(self) -> bool:
        """Whether larger is better."""
        return self.metric in (*RANKING_METRICS, *CLICK_METRICS)

    def check(self, name: str, recommender: Recommender) -> None:
        """Refuse a recommender that this metric is not defined for.

        Raises:
            ParameterError: It predicts no ratings, or no probabilities of a click.
        """
        needs_ratings, needs_probabilities = (
            self.metric in RATING_METRICS and not isinstance(recommender, RatingPredictor),
            self.metric in PROBABILITY_METRICS and not isinstance(recommender, ClickRanker),
        )
        if needs_ratings or needs_probabilities:
            others = (*RANKING_METRICS, *CLICK_METRICS)
            what = "ratings" if needs_ratings else "probabilities of a click"
            raise ParameterError(
                "tuning.metric",
                self.metric,
                f"one of {', '.join(others)} for {name}, which predicts no {what}",
                "Choose another metric, or tune this recommender in a run of its own.",
            )

    def measure(self, recommender: Recommender, fold: Split, items: pd.DataFrame, seed: int) -> float:
        """Measure a recommender that was fitted on the fold's train part.

        Args:
            recommender: Fitted on `fold.train`.
            fold: Ratings to measure on.
            items: Items table.
            seed: Seed of the drawn items of the sampled protocol.
        """
        if self.metric in RATING_METRICS:
            assert isinstance(recommender, RatingPredictor)
            found = evaluate_ratings(recommender, fold).rows("")
            return float(found.set_index("metric")["value"][self.metric])
        if self.metric in RANKING_METRICS:
            ranked = evaluate_ranking(
                recommender, fold, items, self.k, self.protocol, seed, like_threshold=self.like_threshold
            )
            return float(ranked.users[self.metric].mean())
        clicks = evaluate_clicks(recommender, fold, like_threshold=self.like_threshold).rows("")
        return float(clicks.set_index("metric")["value"][self.metric])


class Measurement(NamedTuple):
    """One fold of one trial.

    Attributes:
        value: The metric; NaN on an error.
        seconds: Time of fit and measurement.
        error: What went wrong; empty if nothing did.
    """

    value: float
    seconds: float
    error: str = ""


@dataclass(frozen=True, eq=False)
class Objective:
    """A recommender to fit, folds to fit it on, and the metric to judge it by.

    Attributes:
        recommender: Its name.
        fixed: Hyper-parameters that are not tuned, or the starting point of those that are.
        folds: Validation folds, the earliest first.
        items: Items table.
        criterion: The metric.
        seed: Seed of every fit.
    """

    recommender: str
    fixed: Mapping[str, Any]
    folds: tuple[Split, ...]
    items: pd.DataFrame
    criterion: Criterion
    seed: int

    def measure(self, params: Mapping[str, Choice], fold: int) -> Measurement:
        """Fit on a fold with these hyper-parameters and measure; one thread, as workers share the cores.

        Whatever goes wrong fails the trial with its reason and not the search. What no hyper-parameter
        should bring about, a fault of a program, is also logged with its traceback.

        Args:
            params: Hyper-parameters of the search space.
            fold: Number of the fold, from 1.
        """
        from threadpoolctl import threadpool_limits

        split, started = self.folds[fold - 1], perf_counter()
        try:
            with threadpool_limits(1):
                recommender = create_recommender(self.recommender, **{**self.fixed, **params})
                recommender.fit(split.train, self.items, seed=self.seed)
                value = self.criterion.measure(recommender, split, self.items, self.seed)
        except Exception as error:
            if isinstance(error, FAULTS):
                logger.exception("%s with %s fails by a fault of the program", self.recommender, dict(params))
            return Measurement(float("nan"), perf_counter() - started, _reason(error))
        return Measurement(value, perf_counter() - started)


def _reason(error: Exception) -> str:
    """What went wrong, and where."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"
