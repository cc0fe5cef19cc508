"""The rules of live traffic, without server, store or clock: who gets which arm, and which reward counts.

Everything here answers at once. What it decides, the caller writes down: it asks the memory of assignments
before a bandit assigns a user, and the store before a reward is acknowledged.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from armlift.errors import (
    ExpiredDecision,
    MismatchedDecision,
    ParameterError,
    UnknownExperiment,
)
from armlift.experiments.allocation import Assignment, LiveExperiment
from armlift.experiments.life_cycle import State
from armlift.experiments.log_rows import Decision, Event, Reward
from armlift.experiments.signing import new_id
from armlift.experiments.sticky_memory import StickyMemory

LATE = "late"
_PREFERENCE: tuple[State, ...] = ("running", "hold", "completed", "draft", "archived")


class Signer(Protocol):
    """Makes decision ids that nobody else can make."""

    def sign(self, decision: Decision) -> str:
        """Give the signed id that carries a decision."""
        ...

    def verify(self, token: str) -> Decision:
        """Give the decision that a signed id carries, or raise `ForgedDecision`."""
        ...


class Visitor(NamedTuple):
    """Who asks, and from where.

    Attributes:
        user_id: The user's id, which goes no further than this.
        user_key: Its keyed hash, which is stored in its place.
        session_id: Session; empty if unknown.
        context: JSON object as text.
        simulated: Whether the user is one.
        flag_reasons: Why the visit does not count, comma-separated; empty if it does.
    """

    user_id: str
    user_key: str
    session_id: str = ""
    context: str = "{}"
    simulated: bool = False
    flag_reasons: str = ""


class Proposal(NamedTuple):
    """An arm for a user, which may have to give way to one that was assigned before.

    Attributes:
        assignment: The arm.
        is_new: Whether it must be remembered, and the memory asked first.
    """

    assignment: Assignment
    is_new: bool


class Engine:
    """Decides for live traffic.

    Args:
        signer: Makes and verifies decision ids.
        memory: Assignments of sticky bandits.
        rng: Draws from the bandits' allocations, and makes ids.
    """

    def __init__(self, signer: Signer, memory: StickyMemory, rng: random.Random) -> None:
        self._signer = signer
        self.memory = memory
        self._rng = rng
        self._experiments: dict[str, LiveExperiment] = {}
        self._default = ""

    @property
    def experiments(self) -> Mapping[str, LiveExperiment]:
        """All experiments that were started and not archived, the first started first."""
        return self._experiments

    def replace(self, experiments: Iterable[LiveExperiment]) -> None:
        """Go on with these experiments, in the order of their start."""
        known = {experiment.id: experiment for experiment in experiments}
        by_preference = sorted(known.values(), key=lambda experiment: _PREFERENCE.index(experiment.state))
        self._experiments = known
        self._default = by_preference[0].id if by_preference else ""

    def experiment(self, experiment_id: str | None = None) -> LiveExperiment:
        """Find an experiment.

        Args:
            experiment_id: Its id; None for the first that is running, or else on hold, or else completed.

        Raises:
            UnknownExperiment: There is none of that name, or none at all.
        """
        wanted = experiment_id or self._default
        found = self._experiments.get(wanted)
        if found is None:
            raise UnknownExperiment(wanted, tuple(self._experiments))
        return found

    def takes_part(self, experiment: LiveExperiment, context: Mapping[str, Any]) -> bool:
        """Whether a visitor is part of the experiment; else everybody gets its settled arm."""
        return experiment.state == "running" and experiment.admits(context)

    def settled(self, experiment: LiveExperiment) -> Assignment:
        """What who takes no part is shown."""
        return Assignment("", experiment.settled_arm, 1.0, 0)

    def propose(self, experiment: LiveExperiment, visitor: Visitor) -> Proposal:
        """Choose an arm, or recall it."""
        if experiment.remembers:
            found = self.memory.find(experiment.id, visitor.user_key)
            if found is not None:
                return Proposal(found, False)
        strategy = experiment.strategy_of(visitor.user_id)
        assignment = strategy.assign(visitor.user_id, self._rng.random())
        return Proposal(assignment, experiment.remembers and strategy.adaptive)

    def decide(
        self, experiment: LiveExperiment, assignment: Assignment, visitor: Visitor, now: int
    ) -> tuple[Decision, str]:
        """Write out a decision.

        Args:
            experiment: Experiment.
            assignment: Arm, with strategy and propensity.
            visitor: For whom.
            now: Time, microseconds UTC.

        Returns:
            The decision and its signed id.

        Raises:
            ParameterError: The context is too long for an id that carries it.
        """
        decision = Decision(
            new_id(now, self._rng),
            now,
            experiment.id,
            *assignment,
            visitor.user_key,
            visitor.session_id,
            visitor.context,
            visitor.simulated,
            visitor.flag_reasons != "",
            visitor.flag_reasons,
        )
        return decision, self._signer.sign(decision)

    def decision(self, token: str, user_key: str | None = None, arm_id: str | None = None) -> Decision:
        """Read a signed id.

        Args:
            token: The signed id.
            user_key: Whose it is said to be; None for anybody's.
            arm_id: Which arm it is said to be for; None for any.

        Raises:
            ForgedDecision: No router with this secret signed it.
            MismatchedDecision: It is another user's or for another arm.
        """
        decision = self._signer.verify(token)
        if user_key is not None and user_key != decision.user_key:
            raise MismatchedDecision("user_id")
        if arm_id is not None and arm_id != decision.arm_id:
            raise MismatchedDecision("arm", arm_id, decision.arm_id)
        return decision

    def reward(self, decision: Decision, event: Event, value: float) -> Reward:
        """Check a reward and decide whether it counts.

        Args:
            decision: From `decision`.
            event: What brought it, with its times, item and flags; its identity and type are set here.
            value: The reward.

        Raises:
            UnknownExperiment: The experiment is gone.
            ParameterError: The reward is not what the strategy can learn from.
        """
        experiment = self.experiment(decision.experiment_id)
        check_reward(value, any_number=experiment.brief.any_reward)
        late = self.is_late(decision, event.ts_server)
        reasons = _joined(decision.flag_reasons, event.flag_reasons, LATE if late else "")
        row = Event(  # in a third of the time of `_replace`
            event_id=f"{decision.decision_id}-{'l' if late else 'r'}",
            decision_id=decision.decision_id,
            ts=event.ts,
            ts_server=event.ts_server,
            experiment_id=decision.experiment_id,
            strategy_id=decision.strategy_id,
            arm_id=decision.arm_id,
            propensity=decision.propensity,
            allocation_version=decision.allocation_version,
            user_key=decision.user_key,
            session_id=event.session_id or decision.session_id,
            item_id=event.item_id,
            position=event.position,
            event_type="reward",
            reward=value,
            revenue=event.revenue,
            price=event.price,
            quantity=event.quantity,
            device=event.device,
            channel=event.channel,
            simulated=decision.simulated,
            bot_flag=decision.bot_flag or event.bot_flag,
            srm_flag=event.srm_flag,
            guardrail_breach=event.guardrail_breach,
            flag_reasons=reasons,
            context=event.context,
        )
        return Reward(decision, row, counted=not reasons)

    def is_late(self, decision: Decision, now: int) -> bool:
        """Whether the reward window of a decision is over."""
        return now - decision.ts > self.experiment(decision.experiment_id).reward_window

    def check_in_time(self, decision: Decision, now: int) -> None:
        """Refuse what comes after the reward window.

        Raises:
            ExpiredDecision: It is over.
        """
        if self.is_late(decision, now):
            window = self.experiment(decision.experiment_id).reward_window
            raise ExpiredDecision((now - decision.ts) / 1e6, window / 1e6)


def check_reward(value: float, *, any_number: bool) -> None:
    """Refuse what cannot be learned from.

    Args:
        value: The reward.
        any_number: Whether it may lie outside [0, 1].

    Raises:
        ParameterError: It does not, or is not a finite number.
    """
    if not any_number and not 0.0 <= value <= 1.0:
        raise ParameterError("reward", value, "0 <= reward <= 1", "Scale it, or use thompson_gaussian.")
    if not abs(value) <= 1e12:
        raise ParameterError("reward", value, "a finite number, at most 1e12 in size", "Send a number.")


def _joined(*reasons: str) -> str:
    """Comma-separated reasons as one list, each reason once."""
    return ",".join(dict.fromkeys(reason for some in reasons if some for reason in some.split(",")))
