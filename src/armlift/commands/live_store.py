"""How commands reach the live store: by themselves, or through the router that holds it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from armlift.environment import RouterSettings
    from armlift.errors import StoreLocked
    from armlift.storage import Database

_TIMEOUT_SECONDS = 30.0


class RouterApi:
    """The HTTP API of a running router; the key comes from ARMLIFT_API_KEY.

    Args:
        url: Where the router is.
        locked: What was said when the store was opened.
    """

    def __init__(self, url: str, locked: StoreLocked) -> None:
        self._url, self._locked = url, locked

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> Any:
        """Send a request and give the answer.

        Raises:
            LiveError: There is no answer, or a refusal.
        """
        import requests

        from armlift.errors import LiveError

        key = os.environ.get("ARMLIFT_API_KEY", "").strip()
        with requests.Session() as session:
            session.trust_env = False  # the router is on this machine: no proxy, and no key but ours
            try:
                answer = session.request(
                    method,
                    f"{self._url}{path}",
                    json=body,
                    headers={"Authorization": f"Bearer {key}"} if key else {},
                    timeout=_TIMEOUT_SECONDS,
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                held = f" by {self._locked.holder}" if self._locked.holder else ""
                raise LiveError(
                    f"{self._locked.store} is held{held}, and no router answers at {self._url}. Set "
                    "API_BASE_URL to the router that holds it, or stop that process."
                ) from error
        try:
            content = answer.json()
        except requests.JSONDecodeError:
            content = None
        if 200 <= answer.status_code < 300 and content is not None:
            return content
        detail = content.get("detail", "") if isinstance(content, dict) else ""
        remedy = " Set ARMLIFT_API_KEY to a key that may." if answer.status_code in (401, 403) else ""
        raise LiveError(
            f"{detail or 'it is no armlift router, or not of this version.'}{remedy} "
            f"({self._url} answered {answer.status_code}.)"
        )


@contextmanager
def opened(url: str, *, exclusive: bool) -> Iterator[Database]:
    """Open the store.

    Args:
        url: DATABASE_URL.
        exclusive: Whether no router may hold it.

    Raises:
        StoreLocked: A router holds it.
        LiveError: The database refuses, or is away.
    """
    from armlift.storage import open_database
    from armlift.storage.refusals import refusals_in_words

    with open_database(url, exclusive=exclusive) as database, refusals_in_words(database):
        yield database


@contextmanager
def store_or_router(settings: RouterSettings) -> Iterator[Database | RouterApi]:
    """Open the store, migrated; where a router holds a SQLite store, give the router's API instead."""
    from armlift.errors import StoreLocked
    from armlift.storage.migrations import migrate

    with ExitStack() as stack:
        try:
            database = stack.enter_context(opened(settings.database_url, exclusive=True))
        except StoreLocked as locked:
            yield RouterApi(settings.api_base_url, locked)
            return
        migrate(database)
        yield database
