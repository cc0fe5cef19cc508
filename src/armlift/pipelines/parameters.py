"""The parameters of all pipelines, checked before any node runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from armlift.bandits import create_policy
from armlift.experiments.rules import decision_rule
from armlift.recommenders import create_recommender
from armlift.tuning import read_tuned

Share = Annotated[float, Field(gt=0.0, lt=1.0)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Count = Annotated[int, Field(ge=1)]


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataParameters(_Parameters):
    """Which ratings are read.

    Attributes:
        source: `sample`, or the name of a MovieLens set such as `ml-latest-small`.
        path: Its archive or folder; null for the sample.
        on_bad_rows: `raise` stops at rows that break the schema; `drop` moves them to `rejects`.
        seed: Seed of the sample.
        ingested: Folder of ingested ratings that are taken along, such as `data/ingested`; null for none.
    """

    source: str
    path: Path | None = None
    on_bad_rows: Literal["raise", "drop"] = "raise"
    seed: Seed = 0
    ingested: Path | None = None


class TrainingParameters(_Parameters):
    """Which recommenders become arms.

    Attributes:
        recommenders: Hyper-parameters by name; the order is that of the arms, the first is the control.
        tuned: File of best hyper-parameters that the tuning wrote; they come before those in `recommenders`.
            Null for none.
        slate_size: Items in a slate.
        seed: Seed of the fits.
    """

    recommenders: dict[str, dict[str, Any]] = Field(min_length=2)
    tuned: Path | None = None
    slate_size: Count = 10
    seed: Seed = 0

    @model_validator(mode="before")
    @classmethod
    def _with_tuned(cls, given: Any) -> Any:
        """Read the tuned hyper-parameters here, so that whoever trains or evaluates has the same."""
        if not isinstance(given, dict) or given.get("tuned") is None:
            return given
        best = read_tuned(Path(given["tuned"]))
        arms = given.get("recommenders", {})
        return given | {"recommenders": {name: own | best.get(name, {}) for name, own in arms.items()}}

    @model_validator(mode="after")
    def _check_recommenders(self) -> Self:
        for name, parameters in self.recommenders.items():
            create_recommender(name, **parameters)
        return self


class WorldParameters(_Parameters):
    """The truth that policies are played against.

    Attributes:
        kind: `movielens`, `aa` (all arms equal) or `bernoulli` (given means).
        means: True click rates of the `bernoulli` world.
        training_share: Earlier share of a user's ratings that trains the arms.
        withheld_share: Share of users withheld whole, who arrive as new.
        click_rate: Clicks per decision of the uniform mixture of arms.
        taste_weight: How strongly taste decides about a click.
        examination_decay: How fast attention falls with position.
        seed: Seed of split and tastes.
    """

    kind: Literal["movielens", "aa", "bernoulli"] = "movielens"
    means: list[Annotated[float, Field(ge=0.0, le=1.0)]] = Field(min_length=2)
    training_share: Share = 0.6
    withheld_share: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    click_rate: Share = 0.1
    taste_weight: Annotated[float, Field(ge=0.0)] = 0.5
    examination_decay: Annotated[float, Field(ge=0.0)] = 0.7
    seed: Seed = 0


class SimulationParameters(_Parameters):
    """How the policies are played.

    Attributes:
        horizon: Decisions in each replicate.
        replicates: Replicates of each policy.
        batch_size: Rewards arrive after each batch of so many decisions.
        checkpoints: Points of each trend.
        decisions_per_day: Speed of the virtual clock.
        workers: Threads; null for all cores. The result does not depend on it.
        seed: Seed of users, answers and policies.
    """

    horizon: Count = 20_000
    replicates: Count = 200
    batch_size: Count = 100
    checkpoints: Count = 200
    decisions_per_day: Annotated[float, Field(gt=0.0)] = 2_000.0
    workers: Count | None = None
    seed: Seed = 0


class PolicyParameters(_Parameters):
    """Which policies are played, and what they share.

    Attributes:
        floor: Exploration floor by arm, of all but the fixed split.
        min_pulls: Decisions every arm gets before it is judged.
        play: Parameters by policy id; `fixed` is what the others are compared with.
    """

    floor: Annotated[float, Field(ge=0.0, le=1.0)] = 0.05
    min_pulls: Annotated[int, Field(ge=0)] = 0
    play: dict[str, dict[str, Any]] = Field(min_length=1)

    def of_each_policy(self) -> dict[str, dict[str, Any]]:
        """All parameters by policy id; floor and first turns are not the fixed split's."""
        shared = {"floor": self.floor, "min_pulls": self.min_pulls}
        return {
            policy_id: own if policy_id == "fixed" else shared | own for policy_id, own in self.play.items()
        }

    @model_validator(mode="after")
    def _check_policies(self) -> Self:
        for policy_id, parameters in self.of_each_policy().items():
            create_policy(policy_id, **parameters)
        return self


class EvaluationParameters(_Parameters):
    """Which recommenders are compared offline, on which parts of the ratings.

    Attributes:
        recommenders: By name: `true` with the hyper-parameters of `training.recommenders`, or their defaults
            where it is not trained; `false` not at all; a mapping with these hyper-parameters.
        splits: `temporal`, all train before one moment; `leave_one_out`, each user's latest rating;
            `k_fold`, at random; `repeated_temporal`, several moments.
        test_share: Share of the ratings that the temporal split tests on.
        folds: Folds of `k_fold`.
        repeats: Moments of `repeated_temporal`.
        protocols: Items a liked one is ranked among: `full`, all unseen ones; `sampled`, 99 drawn ones.
        k: Length of the ranked list.
        like_threshold: Rating, in points, from which on an item is liked.
        alpha: Accepted rate of false differences.
        resamples: Bootstrap samples of each interval.
        workers: Processes; null for all cores. The result does not depend on it.
        seed: Seed of splits, fits, drawn items and bootstrap.
    """

    recommenders: dict[str, bool | dict[str, Any]]
    splits: list[Literal["temporal", "leave_one_out", "k_fold", "repeated_temporal"]] = Field(min_length=1)
    test_share: Share = 0.2
    folds: Annotated[int, Field(ge=2)] = 5
    repeats: Annotated[int, Field(ge=2)] = 5
    protocols: list[Literal["full", "sampled"]] = Field(min_length=1)
    k: Count = 10
    like_threshold: Annotated[float, Field(gt=0.0)] = 4.0
    alpha: Share = 0.05
    resamples: Annotated[int, Field(ge=100)] = 1000
    workers: Count | None = None
    seed: Seed = 0

    def chosen(self, trained: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Hyper-parameters by name of what is evaluated; `trained` holds those of the training."""
        return {
            name: own if isinstance(own, dict) else trained.get(name, {})
            for name, own in self.recommenders.items()
            if own is not False
        }

    @model_validator(mode="after")
    def _check_choices(self) -> Self:
        if len(set(self.splits)) < len(self.splits):
            raise ValueError("name each split once")
        if self.protocols[0] != "full":
            raise ValueError("the full protocol comes first: verdict and segments are about it")
        chosen = self.chosen({})
        if len(chosen) < 2:
            raise ValueError(f"{len(chosen)} recommenders are chosen: a comparison needs at least 2")
        for name, parameters in chosen.items():
            create_recommender(name, **parameters)
        return self


class PlanningParameters(_Parameters):
    """Which plan is tried; what is null stays as the brief says.

    Attributes:
        brief: Path of the brief; null for a plain A/B test, which needs a rule and a baseline.
        rule: Decision rule instead of the brief's.
        baseline: Conversion rate of the control.
        looks: Planned looks.
        users_per_look: Users per arm between two looks.
        mde: Smallest effect worth finding, relative.
        alpha: Accepted rate of false winners.
        minimum_sample: Users every arm must have before a verdict.
        any_arm: Whether a control that beats its variant counts as a winner too.
        replicates: Simulated experiments in each scenario.
        seed: Seed of the simulated users.
    """

    brief: Path | None
    rule: str | None = None
    baseline: Share | None = None
    looks: Count | None = None
    users_per_look: Count | None = None
    mde: Annotated[float, Field(gt=0.0)] | None = None
    alpha: Share | None = None
    minimum_sample: Annotated[int, Field(ge=0)] | None = None
    any_arm: bool = False
    replicates: Annotated[int, Field(ge=2)] = 4000
    seed: Seed = 0

    @model_validator(mode="after")
    def _check_rule(self) -> Self:
        if self.rule is not None:
            decision_rule(self.rule)
        if self.brief is None and (self.rule is None or self.baseline is None):
            raise ValueError("without a brief, rule and baseline must be given")
        return self

    @property
    def overrides(self) -> dict[str, float]:
        """What overrules the brief's design."""
        names = ("baseline", "looks", "users_per_look", "mde", "alpha", "minimum_sample")
        given = {name: getattr(self, name) for name in names}
        return {name: value for name, value in given.items() if value is not None}
