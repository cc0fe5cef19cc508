"""Who may do what, and how often: API keys with scopes, and a rate limit for each key."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from armlift.serving.decisions import Caller
from armlift.serving.middleware.answers import refuse
from armlift.storage.api_keys import ApiKey

ANYBODY = "anybody"
_CALLER = "armlift_caller"
_MOST_BUCKETS = 10_000

FindKey = Callable[[str], ApiKey | None]


class Keyring:
    """Recognises API keys and limits how often each is used.

    Args:
        find: Finds a valid key by its text.
        required: Whether a key is needed at all; if not, addresses are limited instead of keys.
        rate: Requests a second for each key, in bursts of twice as many; 0 for no limit.
    """

    def __init__(self, find: FindKey, *, required: bool, rate: float) -> None:
        self.find, self.required = find, required
        self._rate, self._burst = rate, max(2.0 * rate, 1.0)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, who: str) -> float:
        """Take one request from somebody's budget.

        Returns:
            0, or the seconds until the next request will do.
        """
        if not self._rate:
            return 0.0
        now = monotonic()
        tokens, since = self._buckets.get(who, (self._burst, now))
        tokens = min(self._burst, tokens + (now - since) * self._rate)
        if tokens < 1.0:
            return (1.0 - tokens) / self._rate
        self._buckets[who] = (tokens - 1.0, now)
        if len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)
        return 0.0


class Admission:
    """Lets a request through to its route if its key has the route's scope and is not used too often.

    A route says what it needs by `opt={"scope": "decide"}`: `decide`, `reward`, `read`, `admin`, or
    `ANYBODY`. One that says nothing needs `admin`.

    Args:
        app: What comes next.
        door: Who admits.
    """

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app, self._door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through or refuse."""
        if scope["type"] not in (ScopeType.HTTP, ScopeType.WEBSOCKET):  # the server starts or stops
            await self._app(scope, receive, send)
            return
        needed = scope["route_handler"].opt.get("scope", "admin")
        caller = await self._door.admit(needed, scope, receive, send)
        if caller is not None:
            scope["state"][_CALLER] = caller
            await self._app(scope, receive, send)


class Door:
    """Admits or refuses.

    Args:
        keyring: Recognises keys.
        count: Told the reason of each refusal.
    """

    def __init__(self, keyring: Keyring, count: Callable[[str], None]) -> None:
        self._keyring, self._count = keyring, count

    async def admit(self, needed: str, scope: Scope, receive: Receive, send: Send) -> Caller | None:
        """Give the caller of a request; None if it was refused, and answered.

        Args:
            needed: Scope that the key must have, or `ANYBODY`.
            scope: Of the request.
            receive: Of the request.
            send: Of the request.
        """
        headers = dict(scope["headers"])
        agent = headers.get(b"user-agent", b"").decode("latin-1")
        text = headers.get(b"x-api-key", b"").decode("latin-1")
        bearer = headers.get(b"authorization", b"")
        if bearer[:7].lower() == b"bearer ":
            text = bearer[7:].decode("latin-1")
        client = scope["client"]
        address = client[0] if client else ""
        key = self._keyring.find(text) if text else None
        if needed != ANYBODY and self._keyring.required and (key is None or needed not in key.scopes):
            if key is None:
                self._count("key")
                detail = "Send `Authorization: Bearer KEY`; armlift keys create makes one."
                await refuse(scope, receive, send, 401, "key_required", "An API key is required", detail)
            else:
                self._count("scope")
                detail = f"The key has {', '.join(key.scopes)}, this needs {needed}."
                title = "The key does not allow this"
                await refuse(scope, receive, send, 403, "scope_missing", title, detail)
            return None
        wait = self._keyring.wait(key.key_id if key else address)
        if wait:
            self._count("rate")
            detail, title = f"Try again in {wait:.1f} s, or raise ARMLIFT_RATE_LIMIT.", "Too many requests"
            await refuse(scope, receive, send, 429, "rate_limited", title, detail, retry_after=wait)
            return None
        is_backend = key is not None or not self._keyring.required
        return Caller(agent, address, is_backend, key.name if key else "")


def caller_of(scope: Scope) -> Caller:
    """Where a request comes from; nothing is known of one that passed no `Admission`."""
    caller: Caller = scope["state"].get(_CALLER, Caller())
    return caller
