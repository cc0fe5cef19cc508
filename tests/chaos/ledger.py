"""What the clients know, kept apart from the router, and its comparison with what the store holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

Arm = tuple[str, str, str]
"""Experiment, strategy, arm."""


class Choice(NamedTuple):
    """A decision as /choose answered it, and when it was asked for."""

    arm: Arm
    propensity: float
    port: int
    asked: float


class StoredReward(NamedTuple):
    """A reward in the log."""

    decision_id: str
    arm: Arm
    value: float


class Sums(NamedTuple):
    """Counted rewards of an arm."""

    n: int = 0
    total: float = 0.0
    squares: float = 0.0


@dataclass(frozen=True)
class Stored:
    """One moment of the store.

    Attributes:
        rewards: Logged rewards that arrived since the moment asked for.
        decisions: Arm and propensity of the decisions made since then.
        orphans: Decisions of these rewards that are not in the log.
        counters: What the router believes of each arm.
        events: The same sums, over all of the log.
        decisions_counted: Decisions of each arm by its counter.
        decisions_logged: The same, over all of the log.
    """

    rewards: list[StoredReward]
    decisions: dict[str, tuple[Arm, float]]
    orphans: list[str]
    counters: dict[Arm, Sums]
    events: dict[Arm, Sums]
    decisions_counted: dict[Arm, int]
    decisions_logged: dict[Arm, int]


@dataclass
class Ledger:
    """The clients' own book.

    Attributes:
        chosen: Decisions by id.
        sent: Value of each reward that was sent, whatever came back.
        attempts: How often it was sent.
        acknowledged: Value of each reward that was answered with 200.
        counted: How often the answer said that it was new.
        conflicts: Other values for an acknowledged reward that were refused.
        faults: Answers that must not be.
    """

    chosen: dict[str, Choice] = field(default_factory=dict)
    sent: dict[str, float] = field(default_factory=dict)
    attempts: Counter[str] = field(default_factory=Counter)
    acknowledged: dict[str, float] = field(default_factory=dict)
    counted: Counter[str] = field(default_factory=Counter)
    conflicts: int = 0
    faults: list[str] = field(default_factory=list)

    def send(self, decision_id: str, value: float) -> None:
        self.sent[decision_id] = value
        self.attempts[decision_id] += 1

    def acknowledge(self, decision_id: str, value: float, *, duplicate: bool) -> None:
        self.acknowledged[decision_id] = value
        if duplicate and self.attempts[decision_id] == 1:
            self.faults.append(f"{decision_id}: the first try was called a duplicate")
        if not duplicate:
            self.counted[decision_id] += 1
            if self.counted[decision_id] == 2:
                self.faults.append(f"{decision_id}: two answers said that it was new")


def contradictions(
    chosen: Mapping[str, Choice],
    sent: Mapping[str, float],
    acknowledged: Mapping[str, float],
    stored: Stored,
) -> list[str]:
    """Compare the clients' book with the store.

    Args:
        chosen: Decisions that were answered.
        sent: Rewards that may be in the store, taken from the book after the store was read.
        acknowledged: Rewards that must be in it, taken from the book before.
        stored: The store.
    """
    faults = []
    times = Counter(reward.decision_id for reward in stored.rewards)
    values = {reward.decision_id: reward for reward in stored.rewards}
    for decision_id, value in acknowledged.items():
        if decision_id not in values:
            faults.append(f"{decision_id}: acknowledged and lost")
        elif values[decision_id].value != value:
            faults.append(f"{decision_id}: acknowledged {value}, stored {values[decision_id].value}")
    for decision_id, number in times.items():
        if number > 1:
            faults.append(f"{decision_id}: stored {number} times")
        if decision_id not in sent:
            faults.append(f"{decision_id}: stored and never sent")
    faults += [
        f"{decision_id}: rewarded, but its decision is not in the log" for decision_id in stored.orphans
    ]
    for decision_id, (arm, propensity) in stored.decisions.items():
        choice = chosen.get(decision_id)
        if choice is not None and (choice.arm, choice.propensity) != (arm, propensity):
            faults.append(
                f"{decision_id}: answered {choice.arm}, {choice.propensity}, logged {arm}, {propensity}"
            )
    for arm in stored.counters.keys() | stored.events.keys():
        counter, events = stored.counters.get(arm, Sums()), stored.events.get(arm, Sums())
        if counter != events:
            faults.append(f"{arm}: counters say {counter}, events {events}")
        counted, logged = stored.decisions_counted.get(arm, 0), stored.decisions_logged.get(arm, 0)
        if counted != logged:
            faults.append(f"{arm}: {counted} decisions counted, {logged} in the log")
    return faults
