"""Rewards and events: verified, committed once, and only then answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import msgspec

from armlift.errors import ArmliftError, ParameterError, RewardConflict
from armlift.experiments.engine import Engine
from armlift.experiments.event_words import in_our_words
from armlift.experiments.log_rows import Decision, Event, Reward
from armlift.experiments.traffic_filter import TrafficFilter, agent_reasons, event_reasons
from armlift.serving.clock import now_us
from armlift.serving.decisions import Caller
from armlift.serving.metrics import Metrics
from armlift.serving.personal_data import UserKey, context_json, label
from armlift.serving.schemas import (
    EventAnswer,
    EventBody,
    Ingested,
    UpdateBody,
    check_event_type,
    microseconds,
)
from armlift.storage.group_commit import GroupCommit

LastDecision = Callable[[str, str], Decision | None]


@dataclass(frozen=True, slots=True)
class _Read:
    """An event that can be stored, its decision, if it is in time, and the reward it brings, if it does.

    The log may lack the decision: a crash lost it, or nothing had been shown when it was made.
    """

    event: Event
    decision: Decision | None
    reward: Reward | None


class Rewards:
    """Takes rewards and events.

    Args:
        engine: The rules.
        log: The writer.
        user_key: Gives the keyed hash of a user's id.
        traffic: Tells bots and bursts.
        last_decision: Finds a user's last decision for an arm; None where a decision id is required.
        metrics: What is counted.
    """

    def __init__(
        self,
        engine: Engine,
        log: GroupCommit,
        user_key: UserKey,
        traffic: TrafficFilter,
        last_decision: LastDecision | None,
        metrics: Metrics,
    ) -> None:
        self._engine, self._log, self._user_key, self._traffic = engine, log, user_key, traffic
        self._last_decision, self._metrics = last_decision, metrics

    async def update(self, body: UpdateBody, caller: Caller) -> bool:
        """Take a reward; when this returns, it is on disk.

        Returns:
            Whether the same reward was there already.

        Raises:
            ForgedDecision, MismatchedDecision, ExpiredDecision, RewardConflict: As named.
            ParameterError: The reward, its time or its arm is out of bounds.
            StoreUnavailable: Nothing was counted.
        """
        now, user_id = now_us(), str(body.user_id)
        key = self._user_key(user_id)
        decision = self._decision(body, key)
        reasons = agent_reasons(caller.agent, caller.is_backend)
        event = Event(
            event_id="",
            decision_id="",
            ts=microseconds(body.ts, now),
            ts_server=now,
            experiment_id="",
            strategy_id="",
            arm_id="",
            propensity=None,
            allocation_version=None,
            user_key=key,
            session_id="",
            item_id=self._label("item_id", body.item_id, user_id),
            position=None,
            event_type="",
            bot_flag=bool(reasons),
            flag_reasons=",".join(reasons),
            context=context_json(body.meta, user_id, self._user_key),
        )
        reward = self._engine.reward(decision, event, body.reward)
        outcome = (await self._log.submit([reward]))[0]
        late = self._engine.is_late(decision, now)
        self._metrics.rewarded(decision.experiment_id, "late" if late else outcome.status)
        self._engine.check_in_time(decision, now)
        if outcome.status == "conflict":
            raise RewardConflict(decision.decision_id, body.reward, outcome.previous)
        return outcome.status == "duplicate"

    async def ingest(self, bodies: Sequence[Any], caller: Caller) -> Ingested:
        """Take events; when this returns, the accepted ones are on disk.

        Args:
            bodies: JSON objects, each an `EventBody` in our words or the product page's.
            caller: Where they come from.

        Raises:
            StoreUnavailable: None of them was stored.
        """
        now = now_us()
        bursts: dict[str, tuple[str, ...]] = {}
        answers: list[EventAnswer] = []
        rows: list[Decision | Event | Reward] = []
        places: list[int] = []
        for body in bodies:
            try:
                read = self._read(body, caller, now, bursts)
            except (ArmliftError, msgspec.ValidationError) as error:
                answers.append(EventAnswer("rejected", None, " ".join(str(error).split())))
                self._metrics.ingested("unknown", "rejected")
                continue
            places.append(len(answers))
            answers.append(EventAnswer("accepted", read.event.event_id))
            rows.append(read.event)
            brought = read.reward or read.decision  # a reward brings its decision along
            if brought is not None:
                places.append(-1)
                rows.append(brought)
        if rows:
            outcomes = await self._log.submit(rows)
            for place, row, outcome in zip(places, rows, outcomes, strict=True):
                if place >= 0 and isinstance(row, Event):
                    self._metrics.ingested(row.event_type, outcome.status)
                    if outcome.status == "duplicate":
                        answers[place] = EventAnswer("duplicate", row.event_id)
        statuses = [answer.status for answer in answers]
        return Ingested(
            statuses.count("accepted"), statuses.count("duplicate"), statuses.count("rejected"), answers
        )

    def _decision(self, body: UpdateBody, user_key: str) -> Decision:
        if body.decision_id is not None:
            return self._engine.decision(body.decision_id, user_key, body.arm)
        if self._last_decision is None:
            raise ParameterError("decision_id", None, "the one that /choose gave", "Send it with the reward.")
        found = self._last_decision(user_key, body.arm) if body.arm else None
        if found is None:
            raise ParameterError("arm", body.arm, "an arm that this user was given", "Ask /choose first.")
        return found

    def _label(self, name: str, value: str | int | None, user_id: str) -> str:
        return label(name, _text(value), user_id, self._user_key)

    def _read(self, body: Any, caller: Caller, now: int, reasons_of: dict[str, tuple[str, ...]]) -> _Read:
        """Check an event; `reasons_of` users whose events came earlier in this request, which counts once."""
        sent = msgspec.convert(in_our_words(body), EventBody)
        check_event_type(sent.event_type)
        user_id = str(sent.user_id)
        key = self._user_key(user_id)
        decision = None
        if sent.decision_id is not None:
            decision = self._engine.decision(sent.decision_id, key, sent.arm_id)
        experiment = self._engine.experiment(decision.experiment_id if decision else sent.experiment_id)
        arm = decision.arm_id if decision else sent.arm_id or ""
        if arm and arm not in experiment.brief.arms:
            known = ", ".join(experiment.brief.arms)
            raise ParameterError("arm", arm, f"one of {known}", "Send the arm that /choose gave.")
        ts = microseconds(sent.ts, now)
        stated = {} if sent.dwell_seconds is None else {"dwell_seconds": sent.dwell_seconds}
        context = _session_batch(decision) | sent.meta | stated
        event = Event(
            event_id=_event_id(sent, decision, key, ts if sent.ts is not None or decision is None else 0),
            decision_id=decision.decision_id if decision else "",
            ts=ts,
            ts_server=now,
            experiment_id=experiment.id,
            strategy_id=decision.strategy_id if decision else "",
            arm_id=arm,
            propensity=decision.propensity if decision else None,
            allocation_version=decision.allocation_version if decision else None,
            user_key=key,
            session_id=self._label("session_id", sent.session_id, user_id)
            or (decision.session_id if decision else ""),
            item_id=self._label("item_id", sent.item_id, user_id),
            position=sent.position,
            event_type=sent.event_type,
            revenue=sent.revenue,
            price=sent.price,
            quantity=sent.quantity,
            device=self._label("device", sent.device, user_id),
            channel=self._label("channel", sent.channel, user_id),
            simulated=decision.simulated if decision else sent.simulated,
            context=context_json(context, user_id, self._user_key),
        )
        if key not in reasons_of:
            reasons_of[key] = self._traffic.reasons(caller.agent, caller.address, key, now, caller.is_backend)
        reasons = reasons_of[key] + event_reasons(
            ts, decision.ts if decision else None, sent.event_type, sent.dwell_seconds
        )
        if decision is not None and decision.flag_reasons:
            reasons += tuple(decision.flag_reasons.split(","))
        event = _flagged(event, tuple(dict.fromkeys(reasons)))
        if decision is not None and self._engine.is_late(decision, now):
            decision = None
        return _Read(event, decision, self._reward_of(event, decision))

    def _reward_of(self, event: Event, decision: Decision | None) -> Reward | None:
        """The reward that an event in time brings: for the brief's own event, once for each decision."""
        if decision is None:
            return None
        experiment = self._engine.experiment(decision.experiment_id)
        if experiment.brief.reward_event != event.event_type:
            return None
        return self._engine.reward(decision, event, experiment.brief.event_reward(event.revenue))


def _flagged(event: Event, reasons: tuple[str, ...]) -> Event:
    return event._replace(bot_flag=True, flag_reasons=",".join(reasons)) if reasons else event


def _session_batch(decision: Decision | None) -> dict[str, Any]:
    """The batch of sessions that a simulated decision's context names: its events belong to it too."""
    if decision is None or not decision.simulated:
        return {}
    context: dict[str, Any] = msgspec.json.decode(decision.context)
    return {name: value for name, value in context.items() if name == "session_batch"}


def _text(item_id: str | int | None) -> str:
    return "" if item_id is None else str(item_id)


def _event_id(sent: EventBody, decision: Decision | None, user_key: str, ts: int) -> str:
    """The same event gets the same id, and nobody can take another's: a client's id is hashed with the user.

    Without an id of the client's, one impression belongs to a decision, and one of every other type to its
    item and time; without a decision and a time, every event is a new one. Ids begin with the decision's, so
    that they ascend with time.
    """
    before = f"{decision.decision_id}-" if decision else ""
    if sent.event_id is not None:
        parts = ["sent", user_key, sent.event_id]
    elif decision is not None and sent.event_type == "impression":
        return f"{before}i"
    else:
        parts = ["made", user_key, str(sent.experiment_id), str(sent.session_id), sent.event_type]
        parts += [_text(sent.item_id), str(sent.position), str(ts)]
    return before + blake2b("\x1f".join(parts).encode(), digest_size=12).hexdigest()
