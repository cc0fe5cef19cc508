"""Clients that ask, reward, repeat themselves and retry until they are answered."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from chaos.http_connection import Answer, BrokenConnectionError, Connection
from chaos.ledger import Choice, Ledger

VALUES = (0.0, 0.25, 0.5, 1.0)  # their sums and squares are exact, in any order
DUPLICATES = 0.05
CONFLICTS = 0.01
HELD = 0.25  # decisions that are rewarded later, perhaps by another life of the router
GIVEN_UP = 0.1  # rewards that are not sent again when there is no answer
THINKING = (
    0.05  # seconds before the next decision, at most: without, a router hardly starts beside its clients
)
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.6  # seconds before a retry


@dataclass
class Load:
    """What all clients share.

    Attributes:
        ports: Routers; each request goes to any of them.
        key: API key; empty for none.
        experiment: Experiment that is asked for.
        decision_id_of: Reads a decision's id out of its signed form.
        ledger: Their book.
        stopping: Set when no new decision is to be asked for.
        retries: Requests that were sent again.
        repeats: Rewards that were sent twice on purpose.
    """

    ports: Sequence[int]
    key: str
    experiment: str
    decision_id_of: Callable[[str], str]
    ledger: Ledger
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    retries: int = 0
    repeats: int = 0


@dataclass(frozen=True)
class _Held:
    decision_id: str
    token: str
    user: str
    arm: str


class Client:
    """One of many.

    Args:
        load: What they share.
        name: Prefix of its users.
        rng: Its own.
    """

    def __init__(self, load: Load, name: str, rng: random.Random) -> None:
        self._load, self._name, self._rng = load, name, rng
        self._connections = [Connection(port, load.key) for port in load.ports]
        self._spares = [Connection(port, load.key) for port in load.ports]
        self._held: list[_Held] = []
        self._users = self._pauses = 0

    async def run(self) -> None:
        """Go on until stopped, then reward what was held."""
        try:
            while not self._load.stopping.is_set():
                chosen = await self._choose()
                if chosen is None:
                    continue
                self._held.append(chosen)
                if self._rng.random() >= HELD or len(self._held) > 20:
                    await self._reward(self._held.pop(self._rng.randrange(len(self._held))))
                await asyncio.sleep(self._rng.uniform(0.0, THINKING))
            for held in self._held:
                await self._reward(held)
        finally:
            for connection in (*self._connections, *self._spares):
                connection.close()

    async def _choose(self) -> _Held | None:
        # Mostly new users, since a busy one would be taken for a bot.
        self._users += self._rng.random() < 0.8
        user = f"{self._name}-{self._users}"
        path = f"/choose?user_id={user}&experiment={self._load.experiment}"
        connection, asked = self._rng.choice(self._connections), time.time()
        try:
            answer = await connection.get(path)
        except BrokenConnectionError:
            await self._pause()
            return None
        self._pauses = 0
        token = answer.body.get("decision_id")
        if answer.status != 200 or token is None:
            self._load.ledger.faults.append(f"/choose answered {answer}")
            await asyncio.sleep(1)
            return None
        decision_id, body = self._load.decision_id_of(token), answer.body
        arm = body["experiment"], body["strategy"], body["arm"]
        choice = Choice(arm, body["propensity"], connection.port, asked)
        self._load.ledger.chosen[decision_id] = choice
        return _Held(decision_id, token, user, body["arm"])

    async def _reward(self, held: _Held) -> None:
        value = self._rng.choice(VALUES)
        if self._rng.random() < DUPLICATES:
            self._load.repeats += 1
            await asyncio.gather(
                self._insist(held, value, self._connections), self._insist(held, value, self._spares)
            )
        else:
            await self._insist(held, value, self._connections)
        if held.decision_id in self._load.ledger.acknowledged and self._rng.random() < CONFLICTS:
            await self._contradict(held, 1.0 if value == 0.0 else 0.0)

    async def _insist(self, held: _Held, value: float, connections: Sequence[Connection]) -> None:
        """Send a reward until it is acknowledged, or now and then give up."""
        gives_up = self._rng.random() < GIVEN_UP
        while True:
            self._load.ledger.send(held.decision_id, value)
            try:
                answer = await self._post(held, value, connections)
            except BrokenConnectionError:
                answer = None
            if answer is not None and answer.status == 200:
                self._load.ledger.acknowledge(held.decision_id, value, duplicate=answer.body["duplicate"])
                self._pauses = 0
                return
            if answer is not None and answer.status != 503:
                self._load.ledger.faults.append(f"{held.decision_id}: /update answered {answer}")
                return
            if gives_up:
                return
            await self._pause()

    async def _pause(self) -> None:
        """Wait before a retry, longer each time, so that a router can start beside its clients."""
        self._load.retries += 1
        self._pauses += 1
        longest = min(FIRST_PAUSE * 2.0**self._pauses, LONGEST_PAUSE)
        await asyncio.sleep(self._rng.uniform(FIRST_PAUSE, longest))

    async def _contradict(self, held: _Held, value: float) -> None:
        """Send another value for an acknowledged reward: it must be refused."""
        try:
            answer = await self._post(held, value, self._connections)
        except BrokenConnectionError:
            return
        if answer.status == 409:
            self._load.ledger.conflicts += 1
        elif answer.status != 503:
            self._load.ledger.faults.append(f"{held.decision_id}: another value was answered {answer}")

    async def _post(self, held: _Held, value: float, connections: Sequence[Connection]) -> Answer:
        body = {"user_id": held.user, "arm": held.arm, "item_id": "1", "reward": value}
        return await self._rng.choice(connections).post("/update", body | {"decision_id": held.token})
