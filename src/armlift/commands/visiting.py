"""Where simulated users go: the running router's own API, or its engine in this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from armlift.commands.live_store import RouterApi
    from armlift.environment import RouterSettings
    from armlift.errors import StoreLocked
    from armlift.serving.router import Router

Through = Literal["router", "engine"]

_PROBE_SECONDS = 2.0
# A router writes a decision a moment after it gave it. Visits that were interrupted just now may have left
# such decisions, and whoever looks into the log before they are there makes them twice.
_SETTLING_SECONDS = 1.0


class Site(Protocol):
    """Takes visits; bodies and answers are those of the HTTP API.

    Attributes:
        through: What it is.
    """

    through: Through

    def choose(self, body: dict[str, Any]) -> dict[str, Any]:
        """Choose an arm, as `POST /choose`."""
        ...

    def events(self, bodies: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Take events, as `POST /events`."""
        ...

    def update(self, body: dict[str, Any]) -> dict[str, Any]:
        """Take a reward, as `POST /update`."""
        ...


@contextmanager
def site(settings: RouterSettings, root: Path) -> Iterator[Site]:
    """Reach the router, or be one for as long as it takes.

    Args:
        settings: Which store, and where its router is.
        root: Root of the project.

    Raises:
        LiveError: A router holds the store and does not answer, or the store is away.
    """
    from armlift.errors import StoreLocked
    from armlift.serving.router import Router

    if settings.database_url.startswith("postgresql") and _answers(settings.api_base_url):
        yield _over_http(settings, StoreLocked("the store"))
        return
    try:
        router = Router(settings, root)
    except StoreLocked as locked:
        yield _over_http(settings, locked)
        return
    with asyncio.Runner() as runner:
        router.start()
        try:
            yield _InProcess(router, runner)
        finally:
            router.stop()


class _OverHttp:
    through: Through = "router"

    def __init__(self, api: RouterApi) -> None:
        self._api = api

    def choose(self, body: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._api.ask("POST", "/choose", body)
        return answer

    def events(self, bodies: Sequence[dict[str, Any]]) -> dict[str, Any]:
        answer: dict[str, Any] = self._api.ask("POST", "/events", bodies)
        return answer

    def update(self, body: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._api.ask("POST", "/update", body)
        return answer


class _InProcess:
    through: Through = "engine"

    def __init__(self, router: Router, runner: asyncio.Runner) -> None:
        from armlift.serving.decisions import Caller

        self._router, self._runner, self._caller = router, runner, Caller(is_backend=True)

    def choose(self, body: dict[str, Any]) -> dict[str, Any]:
        import msgspec

        from armlift.serving.routes.choose import answer

        decided = self._runner.run(
            self._router.decisions.choose(
                body["user_id"],
                self._caller,
                experiment_id=body["experiment"],
                context=body["context"],
                session_id=body["session_id"],
                simulated=body["simulated"],
            )
        )
        content: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(answer(decided)))
        return content

    def events(self, bodies: Sequence[dict[str, Any]]) -> dict[str, Any]:
        import msgspec

        content: dict[str, Any] = msgspec.to_builtins(
            self._runner.run(self._router.rewards.ingest(bodies, self._caller))
        )
        return content

    def update(self, body: dict[str, Any]) -> dict[str, Any]:
        import msgspec

        from armlift.serving.schemas import UpdateBody

        reward = msgspec.convert(body, UpdateBody)
        return {"ok": True, "duplicate": self._runner.run(self._router.rewards.update(reward, self._caller))}


def _over_http(settings: RouterSettings, locked: StoreLocked) -> _OverHttp:
    from armlift.commands.live_store import RouterApi

    time.sleep(_SETTLING_SECONDS)
    return _OverHttp(RouterApi(settings.api_base_url, locked))


def _answers(url: str) -> bool:
    import requests

    with requests.Session() as session:
        session.trust_env = False
        try:
            return session.get(f"{url}/health/ready", timeout=_PROBE_SECONDS).ok
        except requests.RequestException:
            return False
