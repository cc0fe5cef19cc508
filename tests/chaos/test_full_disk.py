"""When the store cannot be written, the router says so, goes on deciding, and loses nothing it promised."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from chaos.http_connection import Answer, Connection
from chaos.ledger import Choice, contradictions
from chaos.live_router import decision_id_of, install
from chaos.stores import SQLiteStore
from patience import until


async def answer_of(ask: Callable[[], Awaitable[Answer | None]], what: str) -> Answer:
    """Ask again until the answer is as wanted, for 20 s at most."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        answer = await ask()
        if answer is not None:
            return answer
        await asyncio.sleep(0.05)
    raise AssertionError(f"not within 20 s: {what}")


class Shop:
    """One caller with many users."""

    def __init__(self, port: int, key: str) -> None:
        self.connection, self.users = Connection(port, key), 0
        self.chosen: dict[str, Choice] = {}

    async def choose(self) -> tuple[str, dict[str, Any]]:
        self.users += 1
        user = f"user-{self.users}"
        answer = await self.connection.get(f"/choose?user_id={user}&experiment=movielens")
        assert answer.status == 200
        body = answer.body
        arm = body["experiment"], body["strategy"], body["arm"]
        self.chosen[decision_id_of(body["decision_id"])] = Choice(arm, body["propensity"], 0, 0.0)
        return user, body

    async def reward(self, user: str, chosen: dict[str, Any]) -> Answer:
        token = chosen["decision_id"]
        return await self.connection.post("/update", {"user_id": user, "decision_id": token, "reward": 1.0})


async def fill_and_free(folder: Path, store: SQLiteStore, port: int) -> None:
    installation = install(folder, store.url, [port])
    (router,) = installation.routers
    shop = Shop(port, installation.key)
    router.start()
    try:
        await router.ready()
        before = await shop.choose()
        assert before[1]["recorded"] is True
        assert (await shop.reward(*before)).body == {"ok": True, "duplicate": False}

        router.fill_disk()
        during = await shop.choose()
        refused = await shop.reward(*during)
        assert refused.status == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert (await shop.choose())[1]["recorded"] is False
        assert (await shop.connection.get("/health/ready")).status == 503
        assert (await shop.connection.get("/health/live")).status == 200

        router.free_disk()

        async def accepted() -> Answer | None:
            answer = await shop.reward(*during)
            return answer if answer.status == 200 else None

        answer = await answer_of(accepted, "a reward that was refused is accepted")
        assert answer.body == {"ok": True, "duplicate": False}
        assert (await shop.reward(*during)).body == {"ok": True, "duplicate": True}
        assert (await shop.connection.get("/health/ready")).status == 200
        assert (await shop.choose())[1]["recorded"] is True
        assert await asyncio.to_thread(until, lambda: shop.chosen.keys() == store.read(0).decisions.keys()), (
            "decisions waited for the disk"
        )
        rewards = {decision_id_of(choice[1]["decision_id"]): 1.0 for choice in (before, during)}
        assert contradictions(shop.chosen, rewards, rewards, store.read(0)) == []
    finally:
        shop.connection.close()
        router.kill()


def test_a_full_disk_is_said_and_survived(tmp_path: Path, free_port: Callable[[], int]) -> None:
    asyncio.run(fill_and_free(tmp_path / "root", SQLiteStore(tmp_path / "armlift.db"), free_port()))
