"""The visits of a batch to one experiment: who comes, what they are shown, what they do."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from armlift.commands.visiting import Site
    from armlift.environment import RouterSettings
    from armlift.experiments.brief import Brief
    from armlift.experiments.log_rows import Decision
    from armlift.experiments.signing import DecisionSigner, Secrets
    from armlift.serving.shelf import Shelf
    from armlift.simulation.visitors import Act, ClickModel, Session
    from armlift.simulation.world import World


class _Shown(NamedTuple):
    """A slate on a user's screen."""

    token: str
    arm: str
    item_ids: Sequence[Any]
    is_open: bool  # whether its reward still counts


class Visits:
    """The visits of one batch to one experiment.

    Decisions that the log holds already are not made again; their events are sent again, and the ids that
    they have make repetitions of them.

    Args:
        reached: Where the users go.
        settings: Whose log is asked for what an interrupted run has done.
        root: Root of the project.
        brief: The experiment's brief.
        world: The fitted world, if there is one.
        batch: Name of the batch.
        seed: Seed of all batches.
    """

    def __init__(
        self,
        reached: Site,
        settings: RouterSettings,
        root: Path,
        brief: Brief,
        world: World | None,
        batch: str,
        seed: int,
    ) -> None:
        from armlift.simulation.visitors import click_model

        self._site, self._settings, self._root = reached, settings, root
        self._brief, self._batch, self._seed = brief, batch, seed
        self._model: ClickModel = click_model(brief, world)
        self._found = self._decided()

    def run(self, number: int) -> Iterator[tuple[str, int]]:
        """Do them.

        Args:
            number: Sessions.

        Yields:
            What is done, in words of `BatchReport` or as type of an event, and how often.
        """
        from armlift.simulation.visitors import acts, sessions

        batch, seed = self._batch, self._seed
        for session in sessions(self._brief, self._model, batch=batch, number=number, seed=seed):
            yield "sessions", 1
            found = self._found[session.id]
            for slate in range(session.slates):
                is_found = slate < len(found)
                shown = self._recalled(found[slate], session) if is_found else self._choose(session)
                if shown is None:  # it was paused or ended meanwhile
                    break
                yield "decisions", 1
                yield "found", int(is_found)
                if is_found and not self._is_of(found[slate], session):
                    continue  # users come differently now: what this one did, the default reward settles
                done = acts(self._brief, self._model, session, slate, shown.arm, batch=batch, seed=seed)
                self._send(session, shown, done)
                yield from ((act.event_type, 1) for act in done)

    def _choose(self, session: Session) -> _Shown | None:
        answer = self._site.choose(
            {
                "user_id": session.user_id,
                "experiment": self._brief.id,
                "context": {**session.context, "session_batch": self._batch},
                "session_id": session.id,
                "simulated": True,
            }
        )
        if answer["decision_id"] is None:
            return None
        items = [item["item_id"] for item in answer["items"]]
        return _Shown(answer["decision_id"], answer["arm"], items, True)

    def _recalled(self, decision: Decision, session: Session) -> _Shown:
        """What a user was shown whom an interruption cut off: the decision's own id, signed again."""
        slate = self._shelf.slate(decision.arm_id, session.user_id)
        age = time.time_ns() // 1000 - decision.ts
        is_open = age < self._brief.reward_window_minutes * 60_000_000
        return _Shown(self._signer.sign(decision), decision.arm_id, slate.item_ids, is_open)

    def _is_of(self, decision: Decision, session: Session) -> bool:
        return decision.user_key == self._secrets.user_key(session.user_id)

    @cached_property
    def _shelf(self) -> Shelf:
        from armlift.serving.shelf import Shelf

        return Shelf(self._root / "data" / "live" / "slates")

    @cached_property
    def _signer(self) -> DecisionSigner:
        from armlift.experiments.signing import DecisionSigner

        return DecisionSigner(self._secrets)

    @cached_property
    def _secrets(self) -> Secrets:
        from armlift.experiments.signing import load_secrets

        return load_secrets(self._root, self._settings.mode)

    def _send(self, session: Session, shown: _Shown, done: Sequence[Act]) -> None:
        from armlift.errors import LiveError

        answer = self._site.events([self._event(session, shown, act) for act in done])
        if answer["rejected"]:
            reasons = {item["detail"] for item in answer["items"] if item["status"] == "rejected"}
            raise LiveError(f"{answer['rejected']} events of {session.id} were refused: {'; '.join(reasons)}")
        if self._brief.reward_event is None and shown.is_open:
            clicked = any(act.event_type == "click_detail" for act in done)
            reward = {"user_id": session.user_id, "reward": float(clicked), "decision_id": shown.token}
            self._site.update(reward)

    def _event(self, session: Session, shown: _Shown, act: Act) -> dict[str, Any]:
        body: dict[str, Any] = {
            "event_type": act.event_type,
            "user_id": session.user_id,
            "decision_id": shown.token,
            "session_id": session.id,
            "device": session.context.get("device"),
            "channel": session.context.get("channel"),
        }
        if act.event_type != "impression":  # which has its decision's id anyway
            body["event_id"] = act.event_type  # unique within the decision, and so the same again next time
        if act.position is not None and act.position < len(shown.item_ids):
            body |= {"item_id": shown.item_ids[act.position], "position": act.position}
        if act.price is not None:
            body |= {"price": act.price, "quantity": 1}
        return body

    def _decided(self) -> dict[str, list[Decision]]:
        """Decisions of the batch that the log holds, by session."""
        from armlift.commands.live_store import opened
        from armlift.storage.session_batches import batch_decisions

        found: dict[str, list[Decision]] = defaultdict(list)
        with opened(self._settings.database_url, exclusive=False) as database:
            for decision in batch_decisions(database, self._brief.id, self._batch):
                found[decision.session_id].append(decision)
        return found
