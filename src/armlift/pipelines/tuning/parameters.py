"""The parameters of the tuning pipeline, checked before any node runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from armlift.pipelines.parameters import Count, Seed, Share
from armlift.recommenders import create_recommender
from armlift.tuning import (
    Criterion,
    MedianPruning,
    NoPruning,
    PruningRule,
    Range,
    SuccessiveHalving,
    search_space,
)

_RULES: dict[str, type[NoPruning | MedianPruning | SuccessiveHalving]] = {
    "none": NoPruning,
    "median": MedianPruning,
    "halving": SuccessiveHalving,
}


class TuningParameters(BaseModel):
    """Which recommenders are tuned, and how.

    Attributes:
        recommenders: Names of those that are tuned.
        spaces: Ranges by recommender and hyper-parameter; what has none keeps its value from
            `training.recommenders`, or its default. Spaces of others are not looked at.
        metric: Metric that decides, on the validation folds.
        k: Length of the ranked list.
        protocol: Items a liked one is ranked among: `full`, all unseen ones; `sampled`, 99 drawn ones.
        like_threshold: Rating, in points, from which on an item is liked, or clicked.
        validation: `temporal`, one moment for all users; `per_user`, the last ratings of each user.
        folds: Validation folds, each earlier than the next.
        validation_share: Share of the ratings that a fold is given on which it validates.
        trials: Trials of each recommender.
        round_size: Trials that are suggested together, and so the most workers that are of use.
        pruning: `none`; `median`, what is worse than the median of earlier rounds stops; `halving`, half of
            each round stops after each fold.
        storage: File that keeps the trials; a run that was killed goes on from there.
        workers: Processes; null for all cores. The result does not depend on it.
        seed: Seed of suggestions, fits and drawn items.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    recommenders: list[str] = Field(min_length=1)
    spaces: dict[str, dict[str, dict[str, Any]]]
    metric: str = "ndcg"
    k: Count = 10
    protocol: Literal["full", "sampled"] = "full"
    like_threshold: Annotated[float, Field(gt=0.0)] = 4.0
    validation: Literal["temporal", "per_user"] = "temporal"
    folds: Count = 3
    validation_share: Share = 0.2
    trials: Count = 30
    round_size: Count = 4
    pruning: Literal["none", "median", "halving"] = "median"
    storage: Path = Path("data/tuning/trials.db")
    workers: Count | None = None
    seed: Seed = 0

    @property
    def criterion(self) -> Criterion:
        """The metric that decides."""
        return Criterion(self.metric, self.k, self.protocol, self.like_threshold)

    @property
    def rule(self) -> PruningRule:
        """The rule that stops trials."""
        return _RULES[self.pruning]()

    def space(self, recommender: str) -> dict[str, Range]:
        """The search space of a recommender."""
        return search_space(recommender, self.spaces[recommender])

    @model_validator(mode="after")
    def _check(self) -> Self:
        criterion = self.criterion
        for name in self.recommenders:
            recommender = create_recommender(name)
            if name not in self.spaces:
                known = ", ".join(self.spaces) or "none"
                raise ValueError(f"recommenders: {name} has no search space. tuning.spaces has {known}")
            self.space(name)
            criterion.check(name, recommender)
        return self
