"""The parts of an experiment brief; each field states its unit and its bound."""

from __future__ import annotations

from math import ceil
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from armlift.experiments.metrics import Kind

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$", max_length=64)]
Text = Annotated[str, StringConstraints(min_length=1)]
Share = Annotated[float, Field(gt=0.0, le=1.0)]
Allocation = Literal["fixed", "thompson", "thompson_gaussian", "ucb", "contextual"]
ANY_REWARD: frozenset[Allocation] = frozenset({"fixed", "thompson_gaussian"})  # the others need 0 to 1
StoppingRule = Literal["fixed_horizon", "p_best_95", "always_valid", "msprt", "obrien_fleming", "pocock"]
SegmentName = Literal["category", "channel", "device"]


class Part(BaseModel):
    """Base of everything in a brief: frozen, no unknown keys, no infinite numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, str_strip_whitespace=True)


class PrimaryMetric(Part):
    """The one metric that decides.

    Attributes:
        id: A name of `metrics.METRICS`.
        kind: How the plan models one unit: `proportion` (did it or not), `mean` (an amount) or `ratio`.
        baseline: Its value under control, in the metric's unit; a proportion lies between 0 and 1.
        mde: Minimum detectable effect relative to the baseline: 0.1 is a tenth of it.
        direction: Which way is better.
        standard_deviation: Of one unit, in the metric's unit (a ratio's by the delta method); for `mean` and
            `ratio` only, since a proportion's follows from the baseline.
    """

    id: Name
    kind: Kind = "proportion"
    baseline: Annotated[float, Field(gt=0.0)]
    mde: Annotated[float, Field(gt=0.0)]
    direction: Literal["increase", "decrease"] = "increase"
    standard_deviation: Annotated[float, Field(gt=0.0)] | None = None


class Guardrail(Part):
    """A metric that no variant may harm; exactly one threshold.

    Attributes:
        metric: A name of `metrics.METRICS` or `metrics.SIGNALS`.
        at_most: Highest allowed value, in the metric's unit.
        at_least: Lowest allowed value, in the metric's unit.
        non_inferiority_margin: Largest allowed loss, relative to control.
    """

    metric: Name
    at_most: float | None = None
    at_least: float | None = None
    non_inferiority_margin: Share | None = None


class Segment(Part):
    """Users by where they come from; an empty list names nobody and restricts nothing.

    Attributes:
        category: Product categories or genres.
        channel: Channels, such as `search` or `mail`.
        device: Devices, such as `mobile`.
    """

    category: tuple[Text, ...] = ()
    channel: tuple[Text, ...] = ()
    device: tuple[Text, ...] = ()


class Variant(Part):
    """One of the things compared; in a brief its bare id will do.

    Attributes:
        id: Name, which is the arm's id too.
        description: What users see.
    """

    id: Name
    description: str = ""

    @model_validator(mode="before")
    @classmethod
    def _from_bare_id(cls, value: Any) -> Any:
        return {"id": value} if isinstance(value, str) else value


class Strategy(Part):
    """A way to allocate variants, and its share of the experiment's users.

    Attributes:
        id: Name in tables and charts.
        share: Share of users; those of all strategies sum to 1.
        allocation: `fixed` split, or a bandit: `thompson`, `thompson_gaussian` (its rewards may be amounts),
            `ucb`, `contextual`.
        weights: Share of each variant by id, for `fixed`; null for equal shares.
        floor: Exploration floor by variant, for bandits: no variant is chosen with a lower probability.
    """

    id: Name
    share: Share = 1.0
    allocation: Allocation
    weights: dict[Name, Share] | None = None
    floor: Annotated[float, Field(ge=0.0, le=1.0)] = 0.05


class Looks(Part):
    """How often the rule is applied; a brief may give the bare number.

    Attributes:
        number: Looks until the maximum duration, evenly spread.
        every_hours: Hours from look to look.
    """

    number: Annotated[int, Field(ge=1)] | None = None
    every_hours: Annotated[float, Field(gt=0.0)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_bare_number(cls, value: Any) -> Any:
        return {"number": value} if isinstance(value, int) else value

    def until(self, days: float) -> int:
        """Looks in so many days; the last one is at their end."""
        if self.number is not None:
            return self.number
        assert self.every_hours is not None
        return ceil(24.0 * days / self.every_hours)


class Stage(Part):
    """A stage of the winner's promotion.

    Attributes:
        share: Share of users who get the winner.
        hours: How long before the next stage.
    """

    share: Share
    hours: Annotated[float, Field(ge=6.0, le=24.0)]


class Rollback(Part):
    """When a promotion is taken back.

    Attributes:
        drop: Relative fall of the primary metric below the level before.
        window_minutes: Moving window in which it is measured.
        beyond_chance: Whether the fall must exceed what chance explains; false cries wolf.
    """

    drop: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.2
    window_minutes: Annotated[float, Field(gt=0.0)] = 30.0
    beyond_chance: bool = True


class Quality(Part):
    """What keeps the data trustworthy.

    Attributes:
        sticky: A user meets the same variant throughout.
        bot_filter: Bots and outliers are left out.
        sample_ratio_alarm: p-value below which the sample ratio alarms, at most 0.01; null turns it off.
    """

    sticky: bool = True
    bot_filter: bool = True
    sample_ratio_alarm: Annotated[float, Field(gt=0.0, le=0.01)] | None = 0.001
