"""What a plan asks: which rule in which worlds, which allocations, which alarms beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from armlift.bandits import Policy, create_policy
from armlift.experiments.brief import Brief
from armlift.experiments.rules import (
    DecisionRule,
    Design,
    Rollback,
    SampleRatioAlarm,
    SignificantRollback,
)
from armlift.simulation.planning_worlds import Scenario, scenarios

_COMMON = ("fixed", "thompson", "ucb")
_FLOOR = 0.05
_POLICIES = {"ucb": "ucb1", "contextual": "thompson"}  # without a context it is Thompson sampling


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be tried.

    Attributes:
        rule: Decision rule.
        design: What it may rely on.
        worlds: Scenarios, in order.
        compared_in: Scenarios in which all other rules are tried too.
        allocations: Policies by name.
        costed_in: Scenarios in which they are played.
        alarms: Rules that watch beside the decision rule, each with its own looks.
        brief: The brief that asks; None for a plan without one.
    """

    rule: DecisionRule
    design: Design
    worlds: tuple[Scenario, ...]
    compared_in: tuple[Scenario, ...] = ()
    allocations: Mapping[str, Policy] = field(default_factory=dict)
    costed_in: tuple[Scenario, ...] = ()
    alarms: tuple[tuple[DecisionRule, Design], ...] = ()
    brief: Brief | None = None


def ask(
    rule: DecisionRule,
    design: Design,
    *,
    brief: Brief | None = None,
    effect: float | None = None,
    thorough: bool = False,
) -> Question:
    """Put together what a plan asks.

    Args:
        rule: Decision rule, the brief's or another.
        design: Its design, overrides included.
        brief: Gives alarms, traffic and allocations, beside the common ones.
        effect: Relative effect to try alone, without anything beside it; None for all scenarios.
        thorough: Whether other rules and allocations are tried in all scenarios, not only where it matters
            most.

    Raises:
        ParameterError: The effect lies outside its bound.
    """
    worlds = scenarios(design, effect)
    if effect is not None:
        return Question(rule, design, worlds, brief=brief)
    central = tuple(world for world in worlds if thorough or world.name in ("aa", "mde"))
    return Question(
        rule=rule,
        design=design,
        worlds=worlds,
        compared_in=central,
        allocations=_allocations(brief, design),
        costed_in=central,
        alarms=() if brief is None else tuple(_brief_alarms(brief, design)),
        brief=brief,
    )


def _allocations(brief: Brief | None, design: Design) -> dict[str, Policy]:
    """The brief's strategies, and beside them each common allocation that it does not have."""
    strategies = () if brief is None else brief.strategies
    used = {strategy.allocation for strategy in strategies}
    return {
        **{each.id: _policy(each.allocation, each.floor, design.weights) for each in strategies},
        **{name: _policy(name, _FLOOR, design.weights) for name in _COMMON if name not in used},
    }


def _policy(allocation: str, floor: float, weights: tuple[float, ...]) -> Policy:
    if allocation == "fixed":
        return create_policy("fixed", weights=weights)
    return create_policy(_POLICIES.get(allocation, allocation), floor=floor)


def _brief_alarms(brief: Brief, design: Design) -> Iterator[tuple[DecisionRule, Design]]:
    """Sample ratio at the brief's looks; rollback in the windows of a promotion, half the users each."""
    if brief.quality.sample_ratio_alarm is not None:
        yield SampleRatioAlarm(brief.quality.sample_ratio_alarm), design
    kind = SignificantRollback if brief.rollback.beyond_chance else Rollback
    hours = sum(stage.hours for stage in brief.promotion)
    windows = int(60 * hours / brief.rollback.window_minutes)
    users = brief.daily_users * brief.rollback.window_minutes / (24 * 60) / 2
    yield (
        kind(brief.rollback.drop),
        replace(
            design,
            looks=min(max(windows, 1), 1000),
            users_per_look=max(1, round(users)),
            weights=(1.0, 1.0),
            minimum_sample=0,
        ),
    )
