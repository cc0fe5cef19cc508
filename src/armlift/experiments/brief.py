"""The experiment brief: what is declared before the first user sees anything."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ModelWrapValidatorHandler, ValidationError, model_validator

from armlift.errors import BriefError
from armlift.experiments.brief_contradictions import contradictions
from armlift.experiments.brief_faults import in_words, sound_parts
from armlift.experiments.brief_file import read_document
from armlift.experiments.brief_parts import (
    ANY_REWARD,
    Guardrail,
    Looks,
    Name,
    Part,
    PrimaryMetric,
    Quality,
    Rollback,
    Segment,
    SegmentName,
    Stage,
    StoppingRule,
    Strategy,
    Text,
    Variant,
)
from armlift.experiments.log_rows import EventType
from armlift.experiments.metrics import CvrDenominator

LONGEST_REWARD_WINDOW = 30 * 24 * 60.0  # minutes
PROMOTION = (Stage(share=0.25, hours=24), Stage(share=0.5, hours=24), Stage(share=1.0, hours=24))


class Brief(Part):
    """What an experiment is about, how it is run and when it ends.

    Live, each decision has one reward or none:

    | the first of these | gives it |
    |---|---|
    | a reward is reported within the window | what was reported |
    | the event `reward_event` arrives within the window | `event_reward`: 1, or its revenue |
    | the window ends | `default_reward`; nothing if that is null |

    Whatever comes later is kept and not counted.

    Attributes:
        id: Name of the experiment.
        objective: What it is for.
        hypothesis: What is expected, and why.
        primary_metric: The one metric that decides.
        secondary_metrics: Metrics that are shown and do not decide, names of `metrics.METRICS`.
        guardrails: Metrics that no variant may harm.
        cvr_denominator: What purchases are divided by, where `cvr` is used.
        segments: By which segments the report will show effects.
        audience: Who takes part; an empty field restricts nothing.
        exclusions: Who of them does not.
        variants: What is compared, two or more; the order is that of the arms.
        control: Id of the variant that the others must beat.
        strategies: How users are allocated, one or several side by side.
        alpha: Rate of false winners that is accepted.
        power: Probability of finding an effect as large as the MDE.
        minimum_sample: Units of each variant before any verdict.
        daily_users: Users who enter the experiment on a day.
        maximum_duration_days: When it ends without a verdict.
        looks: How often the stopping rule is applied.
        stopping_rule: Which rule decides.
        promotion: Stages of the winner's rollout; the last one reaches everybody.
        rollback: When a promotion is taken back.
        quality: What keeps the data trustworthy.
        reward_event: Type of the event that is the reward, once for each decision; null if rewards are only
            reported as such.
        reward_window_minutes: How long after a decision its reward counts, minutes; at most 30 days.
        default_reward: Reward of a decision that got none in the window; null gives none.
        durable_decisions: A decision is on disk before it is answered; otherwise within a tenth of a second.
        tracking_experiment: Name of the experiment in MLflow; null for the id.

    Raises:
        BriefError: With every fault, by field.
    """

    id: Name
    objective: Text
    hypothesis: Text
    primary_metric: PrimaryMetric
    secondary_metrics: tuple[Name, ...] = ()
    guardrails: tuple[Guardrail, ...] = ()
    cvr_denominator: CvrDenominator | None = None
    segments: tuple[SegmentName, ...] = ()
    audience: Segment = Segment()
    exclusions: Segment = Segment()
    variants: Annotated[tuple[Variant, ...], Field(min_length=2)]
    control: Name
    strategies: Annotated[tuple[Strategy, ...], Field(min_length=1)]
    alpha: Annotated[float, Field(gt=0.0, le=0.5)] = 0.05
    power: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.8
    minimum_sample: Annotated[int, Field(ge=1)]
    daily_users: Annotated[float, Field(gt=0.0)]
    maximum_duration_days: Annotated[float, Field(gt=0.0)]
    looks: Looks = Looks(every_hours=24)
    stopping_rule: StoppingRule = "always_valid"
    promotion: Annotated[tuple[Stage, ...], Field(min_length=1)] = PROMOTION
    rollback: Rollback = Rollback()
    quality: Quality = Quality()
    reward_event: EventType | None = None
    reward_window_minutes: Annotated[float, Field(gt=0.0, le=LONGEST_REWARD_WINDOW)] = 30.0
    default_reward: float | None = 0.0
    durable_decisions: bool = False
    tracking_experiment: Name | None = None

    @model_validator(mode="wrap")
    @classmethod
    def _tell_every_fault(cls, document: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            brief = validate(document)
        except ValidationError as error:
            # Faults of single fields must not hide how the sound ones contradict each other.
            raise BriefError(in_words(error, cls) + contradictions(sound_parts(cls, document))) from None
        if faults := contradictions(brief):
            raise BriefError(faults)
        return brief

    @property
    def arms(self) -> tuple[str, ...]:
        """Ids of the variants, in order."""
        return tuple(variant.id for variant in self.variants)

    @property
    def number_of_looks(self) -> int:
        """Looks until the maximum duration."""
        return self.looks.until(self.maximum_duration_days)

    @property
    def tracked_as(self) -> str:
        """Name of the experiment in MLflow."""
        return self.tracking_experiment or self.id

    @cached_property  # asked for at every reward
    def any_reward(self) -> bool:
        """Whether rewards may be any number; otherwise they lie between 0 and 1, as a strategy needs."""
        return all(strategy.allocation in ANY_REWARD for strategy in self.strategies)

    def event_reward(self, revenue: float | None) -> float:
        """The reward that an event of type `reward_event` brings.

        Args:
            revenue: The event's, if it has any: the reward where revenue is what the experiment is about.
        """
        counts = self.any_reward and self.primary_metric.id == "revenue_per_user"
        return revenue if counts and revenue is not None else 1.0

    def weights(self, strategy: Strategy) -> tuple[float, ...]:
        """Shares of the variants, in order, with which a strategy begins; equal for bandits."""
        given = strategy.weights or dict.fromkeys(self.arms, 1.0 / len(self.arms))
        return tuple(given[arm] for arm in self.arms)

    @property
    def canonical_json(self) -> str:
        """The whole brief, defaults included, as one JSON text whatever its formatting and key order."""
        return json.dumps(
            self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )

    @property
    def content_hash(self) -> str:
        """SHA-256 of `canonical_json`, in hexadecimal.

        Keep the text beside the hash: then any SHA-256 tool can prove later what was declared, whatever
        version of armlift runs by then.
        """
        return hashlib.sha256(self.canonical_json.encode()).hexdigest()


def load_brief(path: Path | str) -> Brief:
    """Read a brief from a YAML or JSON file.

    Args:
        path: The file; `.json` is read as JSON, everything else as YAML.

    Raises:
        BriefError: The file cannot be read, its syntax is wrong (with the line), or the brief has faults
            (all of them, by field).
    """
    document = read_document(Path(path))
    try:
        return Brief.model_validate(document)
    except BriefError as error:
        raise BriefError(error.faults, source=str(path)) from None
