"""Kills routers at random moments under load, and compares the clients' book with the store."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from chaos.clients import Client, Load
from chaos.ledger import Ledger, contradictions
from chaos.routers import RouterProcess
from chaos.stores import Store

CLIENTS = 32
LONGEST_LIFE = 1.0  # seconds that a router is ready before it is killed, at most
KILLED_WHILE_STARTING = 0.1  # share of the kills
LOOK_BACK = 60.0  # seconds; few rewards are retried for longer


@dataclass
class Report:
    """What was done to the routers, and what came of it.

    Attributes:
        kills: Processes killed.
        decisions: Decisions that were answered.
        acknowledged: Rewards that were answered with 200.
        unsure: Rewards that were sent, and given up without an answer.
        retries: Requests that were sent again.
        repeats: Rewards that were sent twice at once, on purpose.
        conflicts: Other values for an acknowledged reward that were refused.
        lost: Answered decisions that were not in the store when their router was back.
        oldest_lost: Seconds from the request to the kill, for the oldest of these.
        restored: How many of these came back with their reward.
        restarts: Seconds from each start to ready.
        seconds: All of it.
        faults: Contradictions; none if the router keeps its word.
    """

    kills: int = 0
    decisions: int = 0
    acknowledged: int = 0
    unsure: int = 0
    retries: int = 0
    repeats: int = 0
    conflicts: int = 0
    lost: int = 0
    oldest_lost: float = 0.0
    restored: int = 0
    restarts: list[float] = field(default_factory=list)
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        restart = f"{statistics.median(self.restarts):.2f} s (at most {max(self.restarts):.2f} s)"
        return (
            f"{self.kills} kills in {self.seconds:.0f} s; {self.decisions:,} decisions;"
            f" {self.acknowledged:,} rewards acknowledged, {self.unsure} unsure; {self.retries:,} retries,"
            f" {self.repeats:,} sent twice, {self.conflicts} contradicted; {self.lost} decisions lost by a"
            f" crash, the oldest {self.oldest_lost * 1000:.0f} ms old, {self.restored} restored by their"
            f" reward; start to ready {restart}; {len(self.faults)} faults"
        )


class Storm:
    """Routers, their clients and a killer.

    Args:
        store: The routers' store.
        routers: Not yet started.
        seed: Of the clients' and the killer's choices; the moments themselves are the machine's.
        decision_id_of: Reads a decision's id out of its signed form.
        experiment: Experiment to ask for.
        key: API key; empty for none.
    """

    def __init__(
        self,
        store: Store,
        routers: Sequence[RouterProcess],
        seed: int,
        decision_id_of: Callable[[str], str],
        experiment: str = "movielens",
        key: str = "",
    ) -> None:
        self._store, self._routers, self._rng = store, routers, random.Random(seed)
        self._ledger, self._report = Ledger(), Report()
        ports = [router.port for router in routers]
        self._load = Load(ports, key, experiment, decision_id_of, self._ledger)
        self._clients = [
            Client(self._load, f"{seed}-{number}", random.Random(self._rng.random()))
            for number in range(CLIENTS)
        ]
        self._kills: dict[int, list[float]] = {port: [] for port in ports}
        self._lost: set[str] = set()
        self._checked: set[str] = set()

    async def run(self, kills: int) -> Report:
        """Kill this many processes, and let the clients finish."""
        report, ledger, begun = self._report, self._ledger, time.perf_counter()
        try:
            for router in self._routers:
                router.start()
            for router in self._routers:
                report.restarts.append(await router.ready())
            async with asyncio.TaskGroup() as running:
                for client in self._clients:
                    running.create_task(client.run())
                while report.kills < kills and not ledger.faults and not report.faults:
                    await self._kill_one(last=report.kills == kills - 1)
                self._load.stopping.set()
            await asyncio.sleep(0.5)  # decisions are committed after their answer
            report.faults += ledger.faults + await self._contradictions(0.0, dict(ledger.acknowledged))
        finally:
            for router in self._routers:
                router.kill()
        report.decisions, report.acknowledged = len(ledger.chosen), len(ledger.acknowledged)
        report.unsure = len(ledger.sent.keys() - ledger.acknowledged.keys())
        report.retries, report.repeats = self._load.retries, self._load.repeats
        report.conflicts, report.lost = ledger.conflicts, len(self._lost)
        report.seconds = time.perf_counter() - begun
        return report

    async def _kill_one(self, *, last: bool) -> None:
        victim = self._rng.choice(self._routers)
        await asyncio.sleep(self._rng.uniform(0.0, LONGEST_LIFE))
        self._kill(victim)
        if not last and self._rng.random() < KILLED_WHILE_STARTING:
            await asyncio.sleep(self._rng.uniform(0.0, statistics.median(self._report.restarts)))
            self._kill(victim)
        self._report.restarts.append(await victim.ready())
        acknowledged = {
            name: value for name, value in self._ledger.acknowledged.items() if name not in self._checked
        }
        self._report.faults += await self._contradictions(time.time() - LOOK_BACK, acknowledged)
        self._checked |= acknowledged.keys()

    def _kill(self, victim: RouterProcess) -> None:
        """End a router, and start it again."""
        victim.kill()
        self._kills[victim.port].append(time.time())
        victim.start()
        self._report.kills += 1

    async def _contradictions(self, since: float, acknowledged: dict[str, float]) -> list[str]:
        """Read the store, note which decisions the killed routers took with them, and compare."""
        stored = await asyncio.to_thread(self._store.read, max(0, int(since * 1e6)))
        for name, choice in self._ledger.chosen.items():
            if choice.asked > since + 1 and name not in stored.decisions and name not in self._lost:
                end = next((kill for kill in self._kills[choice.port] if kill >= choice.asked), None)
                if end is not None:  # else it is on its way to the store
                    self._lost.add(name)
                    self._report.oldest_lost = max(self._report.oldest_lost, end - choice.asked)
        if since == 0.0:
            self._report.restored = len(self._lost & stored.decisions.keys())
        faults = contradictions(self._ledger.chosen, self._ledger.sent, acknowledged, stored)
        if faults and since:
            # Where routers start slowly, a reward may be acknowledged a minute after it was stored.
            stored = await asyncio.to_thread(self._store.read, 0)
            faults = contradictions(self._ledger.chosen, self._ledger.sent, acknowledged, stored)
        return faults
