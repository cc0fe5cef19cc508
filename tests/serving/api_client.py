"""A router in this process, asked over ASGI, with everything that stands before its routes."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from armlift.environment import RouterSettings
from armlift.serving.app import create_app
from armlift.serving.router import Router

BRIEFS = Path(__file__).parents[2] / "conf/base/briefs"


class Api:
    """Asks a router; every call runs the event loop until it is answered."""

    def __init__(self, router: Router, runner: asyncio.Runner) -> None:
        self.router, self._runner = router, runner
        transport = httpx.ASGITransport(create_app(router), raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000")

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self._runner.run(self._client.get(path, **options))

    def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        return self._runner.run(self._client.post(path, json=body, **options))

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self._runner.run(self._client.request(method, path, **options))

    def choose(self, user_id: str = "7", **query: Any) -> dict[str, Any]:
        answer = self.get("/choose", params={"user_id": user_id, **query})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def update(
        self, user_id: str, decision: dict[str, Any], reward: float = 1.0, **fields: Any
    ) -> httpx.Response:
        body = {"user_id": user_id, "reward": reward, "decision_id": decision["decision_id"], **fields}
        return self.post("/update", body)

    def gather(self, *requests: Any) -> list[httpx.Response]:
        """Ask for several things at once: pairs of a path and a body."""

        async def ask() -> list[httpx.Response]:
            return await asyncio.gather(*(self._client.post(path, json=body) for path, body in requests))

        return self._runner.run(ask())


@contextmanager
def api(root: Path, **environment: str) -> Iterator[Api]:
    """Start a router with the example experiment."""
    if not (root / "conf").exists():
        shutil.copytree(BRIEFS, root / "conf/base/briefs")
    with asyncio.Runner() as runner:
        router = Router(RouterSettings.from_environment(root, environment), root)
        router.start()
        try:
            yield Api(router, runner)
        finally:
            router.stop()
