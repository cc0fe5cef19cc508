"""What came of a tuning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from armlift.tuning.space import Choice

State = Literal["complete", "pruned", "failed"]


@dataclass(frozen=True)
class TrialResult:
    """One set of hyper-parameters, tried.

    Attributes:
        number: From 0.
        state: `complete`, `pruned` after some of the folds, or `failed` with an error.
        params: Hyper-parameters of the search space.
        fold_values: Metric by fold, from 1.
        value: Mean over the folds; None unless complete.
        seconds: Time of fits and measurements together.
        error: What went wrong; empty unless failed.
    """

    number: int
    state: State
    params: Mapping[str, Choice]
    fold_values: Mapping[int, float]
    value: float | None
    seconds: float
    error: str


@dataclass(frozen=True)
class TuningResult:
    """All trials of a recommender.

    Attributes:
        recommender: Its name.
        study: Name of the study in the storage.
        metric: Name of the metric, such as `ndcg@10`.
        maximise: Whether larger is better.
        trials: In order of their numbers.
        best: The complete trial with the best value; of equal ones the first.
        before: Value of the hyper-parameters as they were, which trial 0 tries; None where they lie outside
            the space, or trial 0 did not complete.
        importance: Share of the metric's variation that each hyper-parameter explains, largest first; empty
            where too few trials say so.
    """

    recommender: str
    study: str
    metric: str
    maximise: bool
    trials: tuple[TrialResult, ...]
    best: TrialResult
    before: float | None
    importance: Mapping[str, float]
