"""Who gets which arm in a live experiment: immutable, and rebuilt when its counters or its state change.

A user is first sent to a strategy by hash, then to an arm: by hash where the split is fixed, by a draw from
the current allocation where a bandit decides. The hashes take the user's own id, as `assign` does everywhere;
their salts are the experiment's id for arms and `<id>/strategies` for strategies, so the two are independent.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from armlift.bandits import BanditState, Policy, create_policy
from armlift.errors import ParameterError
from armlift.experiments.assignment import Assigner
from armlift.experiments.brief import Brief
from armlift.experiments.brief_parts import Segment, Strategy
from armlift.experiments.life_cycle import State

_POLICIES = {"ucb": "ucb1"}


class Sums(NamedTuple):
    """What a strategy has learned of an arm.

    Attributes:
        decisions: Decisions that count.
        rewards: Rewards that count.
        total: Their sum.
        squares: Sum of their squares.
    """

    decisions: int = 0
    rewards: int = 0
    total: float = 0.0
    squares: float = 0.0


class Assignment(NamedTuple):
    """An arm for a user.

    Attributes:
        strategy_id: Strategy of the user; empty where no strategy decides.
        arm_id: The arm.
        propensity: Probability with which it was chosen.
        allocation_version: Version of the strategy's allocation.
    """

    strategy_id: str
    arm_id: str
    propensity: float
    allocation_version: int


@dataclass(frozen=True, slots=True)
class LiveStrategy:
    """A strategy and its allocation at this moment.

    Attributes:
        id: Name.
        version: Version of the allocation.
        probabilities: Of each arm, in order; they sum to 1.
        adaptive: Whether the allocation changes with the rewards.
        sums: What it has learned, by arm.
    """

    id: str
    version: int
    probabilities: tuple[float, ...]
    adaptive: bool
    sums: tuple[Sums, ...]
    _assignments: tuple[Assignment, ...]
    _edges: tuple[float, ...]
    _by_hash: Assigner | None

    def assign(self, user_id: str, draw: float) -> Assignment:
        """Choose an arm: by the user's hash, or by a uniform draw in [0, 1)."""
        if self._by_hash is not None:
            return self._assignments[self._by_hash.arm(user_id)]
        edge = bisect_right(self._edges, draw * self._edges[-1])
        return self._assignments[min(edge, len(self._edges) - 1)]


@dataclass(frozen=True, slots=True)
class LiveExperiment:
    """A running, paused or completed experiment, as one moment sees it.

    Attributes:
        brief: What was declared.
        state: Where it is in its life.
        winner: Arm that everybody gets once it is completed; None for control.
        strategies: Its strategies, in the brief's order.
        sticky: Whether a user keeps the arm of the first decision.
        remembers: Whether that takes a memory, which a fixed split does without.
        reward_window: Time in which a reward counts, microseconds.
        durable: Whether a decision is on disk before it is answered.
    """

    brief: Brief
    state: State
    winner: str | None
    strategies: tuple[LiveStrategy, ...]
    sticky: bool
    remembers: bool
    reward_window: int
    durable: bool
    _by_hash: Assigner
    _restricted: bool

    @property
    def id(self) -> str:
        """Name of the experiment."""
        return self.brief.id

    @property
    def settled_arm(self) -> str:
        """Arm that is shown while nothing is decided: the winner's, or control."""
        return self.winner or self.brief.control

    def strategy_of(self, user_id: str) -> LiveStrategy:
        """The strategy that a user belongs to."""
        return self.strategies[self._by_hash.arm(user_id)]

    def strategy(self, strategy_id: str) -> LiveStrategy:
        """A strategy by its id.

        Raises:
            ParameterError: There is none.
        """
        for strategy in self.strategies:
            if strategy.id == strategy_id:
                return strategy
        known = ", ".join(strategy.id for strategy in self.strategies)
        raise ParameterError("strategy", strategy_id, f"one of {known}", "Check the spelling.")

    def admits(self, context: Mapping[str, Any]) -> bool:
        """Whether somebody from there takes part; who is not said to come from the audience does not."""
        if not self._restricted:
            return True
        inside, outside = self.brief.audience, self.brief.exclusions
        return all(
            (not getattr(inside, name) or context.get(name) in getattr(inside, name))
            and context.get(name) not in getattr(outside, name)
            for name in Segment.model_fields
        )


def live_experiment(
    brief: Brief,
    state: State,
    winner: str | None,
    versions: Mapping[str, int],
    sums: Mapping[str, Sequence[Sums]],
) -> LiveExperiment:
    """Build an experiment's live form.

    Args:
        brief: What was declared.
        state: Where it is in its life.
        winner: Arm that was declared the winner, if one was.
        versions: Version of each strategy's allocation; 0 where it is missing.
        sums: What each strategy has learned, in the order of the arms; nothing where it is missing.

    Raises:
        ParameterError: A strategy cannot run live.
    """
    nothing = (Sums(),) * len(brief.arms)
    strategies = tuple(
        _live_strategy(brief, strategy, versions.get(strategy.id, 0), sums.get(strategy.id, nothing))
        for strategy in brief.strategies
    )
    sticky = brief.quality.sticky
    return LiveExperiment(
        brief=brief,
        state=state,
        winner=winner,
        strategies=strategies,
        sticky=sticky,
        remembers=sticky and any(strategy.adaptive for strategy in strategies),
        reward_window=round(brief.reward_window_minutes * 60e6),
        durable=brief.durable_decisions,
        _by_hash=Assigner(f"{brief.id}/strategies", [strategy.share for strategy in brief.strategies]),
        _restricted=brief.audience != Segment() or brief.exclusions != Segment(),
    )


def live_policy(strategy: Strategy) -> Policy | None:
    """The policy behind a strategy; None for a fixed split.

    Raises:
        ParameterError: No policy of that name runs live.
    """
    if strategy.allocation == "fixed":
        return None
    if strategy.allocation == "contextual":
        raise ParameterError(
            f"strategies.{strategy.id}.allocation",
            strategy.allocation,
            "fixed, thompson, thompson_gaussian or ucb for live traffic",
            "Choose thompson: it learns without a context.",
        )
    return create_policy(_POLICIES.get(strategy.allocation, strategy.allocation), floor=strategy.floor)


def _live_strategy(brief: Brief, strategy: Strategy, version: int, sums: Sequence[Sums]) -> LiveStrategy:
    policy, weights = live_policy(strategy), brief.weights(strategy)
    if policy is None:
        whole = sum(weights)
        probabilities = tuple(weight / whole for weight in weights)
    else:
        probabilities = tuple(policy.allocation(bandit_state(sums))[0].tolist())
    return LiveStrategy(
        id=strategy.id,
        version=version,
        probabilities=probabilities,
        adaptive=policy is not None,
        sums=tuple(sums),
        _assignments=tuple(
            Assignment(strategy.id, arm, probability, version)
            for arm, probability in zip(brief.arms, probabilities, strict=True)
        ),
        _edges=tuple(accumulate(probabilities)),
        _by_hash=Assigner(brief.id, weights) if policy is None and brief.quality.sticky else None,
    )


def bandit_state(sums: Sequence[Sums]) -> BanditState:
    """The policy's state from sums, one replicate.

    Args:
        sums: What was learned, by arm.
    """
    n = np.array([[arm.rewards for arm in sums]], dtype=np.int64)
    return BanditState(
        n=n.astype(np.float64),
        total=np.array([[arm.total for arm in sums]]),
        squares=np.array([[arm.squares for arm in sums]]),
        observed=n,
        pending=np.array([[max(arm.decisions - arm.rewards, 0) for arm in sums]], dtype=np.int64),
        time=n.sum(axis=1),
    )
