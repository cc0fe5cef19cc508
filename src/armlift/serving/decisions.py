"""Decisions: who is asked for, what is shown, and how it gets into the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from armlift.errors import LiveError, StoreUnavailable
from armlift.experiments.allocation import Assignment, LiveExperiment
from armlift.experiments.engine import Engine, Visitor
from armlift.experiments.log_rows import Decision
from armlift.experiments.traffic_filter import TrafficFilter
from armlift.serving.clock import now_us
from armlift.serving.metrics import Metrics
from armlift.serving.personal_data import UserKey, context_json, label
from armlift.serving.shelf import Shelf, Slate
from armlift.storage.group_commit import GroupCommit
from armlift.storage.ledger import AssignmentRow, Outcome

FindAssignment = Callable[[str, str], Assignment | None]


class Caller(NamedTuple):
    """Where a request comes from.

    Attributes:
        agent: User agent.
        address: Address of the other end, which is not stored.
        is_backend: Whether it may be a product's server, because it has an API key or needs none.
        key_name: Name of its API key; empty without one.
    """

    agent: str = ""
    address: str = ""
    is_backend: bool = False
    key_name: str = ""


class Decided(NamedTuple):
    """An answered request.

    Attributes:
        experiment: Experiment.
        assignment: Arm, strategy, propensity.
        token: Signed decision id; None where nothing was decided.
        slate: What is shown.
        recorded: Whether the exposure gets into the log.
    """

    experiment: LiveExperiment
    assignment: Assignment
    token: str | None
    slate: Slate
    recorded: bool


class Decisions:
    """Decides and records.

    Args:
        engine: The rules.
        shelf: What arms show.
        log: The writer.
        user_key: Gives the keyed hash of a user's id.
        traffic: Tells bots and bursts.
        find: Asks the store for an assignment that memory lacks; None where other processes assign too, and
            the store must be asked in the same breath as it is written.
        metrics: What is counted.
    """

    def __init__(
        self,
        engine: Engine,
        shelf: Shelf,
        log: GroupCommit,
        user_key: UserKey,
        traffic: TrafficFilter,
        find: FindAssignment | None,
        metrics: Metrics,
    ) -> None:
        self._engine, self._shelf, self._log = engine, shelf, log
        self._user_key, self._traffic, self._find = user_key, traffic, find
        self._metrics = metrics

    async def choose(
        self,
        user_id: str,
        caller: Caller,
        *,
        experiment_id: str | None = None,
        context: dict[str, Any] | None = None,
        session_id: str = "",
        simulated: bool = False,
    ) -> Decided:
        """Choose an arm for a user.

        Args:
            user_id: The user's id.
            caller: Where the request comes from.
            experiment_id: Experiment; None for the first that is running.
            context: What is known of the visit.
            session_id: Session; empty if unknown.
            simulated: Whether the user is one.

        Raises:
            UnknownExperiment: There is no such experiment, or none is running.
            ParameterError: The context is too long.
        """
        now, engine = now_us(), self._engine
        experiment = engine.experiment(experiment_id)
        if not engine.takes_part(experiment, context or {}):
            return self._settled(experiment, user_id)
        visitor = self._visitor(user_id, caller, context or {}, session_id, simulated, now)
        assignment, decision, token = await self._decide(experiment, visitor, now)
        recorded = self._log.healthy
        if experiment.durable and recorded:
            try:
                await self._log.submit([decision])
            except StoreUnavailable:
                recorded = False
        else:
            recorded = self._log.record(decision) and recorded
        self._metrics.decided(experiment.id, assignment.strategy_id, assignment.arm_id)
        return Decided(experiment, assignment, token, self._shelf.slate(assignment.arm_id, user_id), recorded)

    async def preview(self, user_id: str, caller: Caller, *, context: dict[str, Any]) -> list[Decided]:
        """Assign a user in every experiment, before anything is shown.

        Assignments are remembered. A decision gets into the log with its first event or reward, which shows
        that it was used; until then its signed id is all there is of it.

        Args:
            user_id: The user's id.
            caller: Where the request comes from.
            context: What is known of the visit.

        Raises:
            ParameterError: The context is too long.
        """
        now, engine = now_us(), self._engine
        visitor = self._visitor(user_id, caller, context, "", False, now)
        found = []
        for experiment in list(engine.experiments.values()):
            if engine.takes_part(experiment, context):
                assignment, _, token = await self._decide(experiment, visitor, now)
                slate = self._shelf.slate(assignment.arm_id, user_id)
                found.append(Decided(experiment, assignment, token, slate, False))
            else:
                found.append(self._settled(experiment, user_id))
        return found

    def _visitor(
        self,
        user_id: str,
        caller: Caller,
        context: dict[str, Any],
        session_id: str,
        simulated: bool,
        now: int,
    ) -> Visitor:
        key = self._user_key(user_id)
        reasons = self._traffic.reasons(caller.agent, caller.address, key, now, caller.is_backend)
        return Visitor(
            user_id,
            key,
            label("session_id", session_id, user_id, self._user_key),
            context_json(context, user_id, self._user_key),
            simulated,
            ",".join(reasons) if reasons else "",
        )

    async def _decide(
        self, experiment: LiveExperiment, visitor: Visitor, now: int
    ) -> tuple[Assignment, Decision, str]:
        if self._log.is_behind:
            await self._log.catch_up()
        assignment, is_new = self._engine.propose(experiment, visitor)
        if is_new:
            assignment = await self._remember(experiment, visitor.user_key, assignment, now)
        return assignment, *self._engine.decide(experiment, assignment, visitor, now)

    def _settled(self, experiment: LiveExperiment, user_id: str) -> Decided:
        assignment = self._engine.settled(experiment)
        return Decided(experiment, assignment, None, self._shelf.slate(assignment.arm_id, user_id), False)

    async def _remember(
        self, experiment: LiveExperiment, user_key: str, proposed: Assignment, now: int
    ) -> Assignment:
        """Let the first assignment stand, whoever made it."""
        memory = self._engine.memory
        row = AssignmentRow(experiment.id, user_key, *proposed, now)
        standing = proposed
        try:
            if self._find is None:
                standing = _standing(await self._log.submit([row]), proposed)
            elif memory.is_new(experiment.id, user_key):
                self._log.record(row)
            elif (found := self._find(experiment.id, user_key)) is not None:
                standing = found
            else:
                self._log.record(row)
        except LiveError:  # the store is away: the user is served, and remembered when it is back
            return proposed
        memory.keep(experiment.id, user_key, standing)
        return standing


def _standing(outcomes: list[Outcome], proposed: Assignment) -> Assignment:
    previous = outcomes[0].assignment
    return proposed if previous is None else Assignment(*previous)
