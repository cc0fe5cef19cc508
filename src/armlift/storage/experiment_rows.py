"""What the store tells of experiments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from armlift.experiments.allocation import Sums
from armlift.experiments.brief import Brief
from armlift.experiments.life_cycle import State


@dataclass(frozen=True)
class ExperimentRow:
    """An experiment as it stands.

    Attributes:
        id: Its id.
        brief: What was declared.
        brief_hash: SHA-256 of the brief's canonical JSON as it was stored.
        state: Where it is in its life.
        winner: Arm that was declared the winner; None if none was.
        revision: Changes by an administrator so far.
        created_ts: When, microseconds UTC.
        started_ts: When; None if it was not.
        completed_ts: When; None if it was not.
        archived_ts: When; None if it was not.
    """

    id: str
    brief: Brief
    brief_hash: str
    state: State
    winner: str | None
    revision: int
    created_ts: int
    started_ts: int | None
    completed_ts: int | None
    archived_ts: int | None


class CounterRow(NamedTuple):
    """What one strategy counted of one arm. Flagged rows raise `excluded` alone.

    Attributes:
        experiment_id: Experiment.
        strategy_id: Strategy.
        arm_id: Arm.
        decisions: Decisions.
        rewards: Rewards.
        reward_total: Their sum.
        reward_squares: Sum of their squares.
        impressions: Slates that were seen.
        clicks: Clicks.
        add_to_carts: Items put into a cart.
        purchases: Purchases.
        likes: Likes.
        dislikes: Dislikes.
        revenue: Of the purchases, currency.
        excluded: Decisions and events that are flagged.
    """

    experiment_id: str
    strategy_id: str
    arm_id: str
    decisions: int
    rewards: int
    reward_total: float
    reward_squares: float
    impressions: int
    clicks: int
    add_to_carts: int
    purchases: int
    likes: int
    dislikes: int
    revenue: float
    excluded: int


class Activity(NamedTuple):
    """When an experiment was last heard of.

    Attributes:
        last_decision_ts: Microseconds UTC; None if there was none.
        last_reward_ts: Its arrival; None if there was none.
    """

    last_decision_ts: int | None
    last_reward_ts: int | None


class LiveState(NamedTuple):
    """What routers must know of an experiment at once.

    Attributes:
        experiment_id: Experiment.
        state: `running`, `hold` or `completed`.
        winner: Arm that was declared the winner; None if none was.
        revision: Changes by an administrator so far.
        versions: Version of each strategy.
    """

    experiment_id: str
    state: State
    winner: str | None
    revision: int
    versions: dict[str, int]


class StrategySums(NamedTuple):
    """What a strategy has learned up to a version.

    Attributes:
        version: The version.
        sums: Of each arm, in the brief's order.
    """

    version: int
    sums: tuple[Sums, ...]


class LiveSnapshot(NamedTuple):
    """The experiments that were started and not archived.

    Attributes:
        experiments: The first started first.
        changed: Sums of the strategies whose version is not the known one, by experiment and strategy.
    """

    experiments: tuple[LiveState, ...]
    changed: dict[tuple[str, str], StrategySums]
