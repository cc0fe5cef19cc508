"""Bots and outliers: who is served and kept, but not counted.

| reason | means |
|---|---|
| `crawler` | the agent is in the list of crawler-user-agents |
| `headless` | no person's browser: a driven one (Playwright, Selenium ...), an HTTP client, or no agent |
| `burst_address` | more requests from one address than a household or an office makes |
| `burst_user` | more requests of one user than a fast hand and a page's retries make |
| `short_dwell` | an event that states a dwell under a second |
| `impossible_order` | an event before its decision, or a step of the funnel without the one before it |

A product's own server calls without a browser as well: with an API key, an agent that is not a browser is its
client, and its address stands for all its users. Then neither is a reason, and bursts are told by user alone.
A crawler whose agent the server hands on is one still.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cache, lru_cache
from hashlib import blake2b
from secrets import token_bytes
from typing import Literal

from crawleruseragents import CRAWLER_USER_AGENTS_DATA  # type: ignore[import-untyped]

from armlift.errors import ParameterError

_Kind = Literal["crawler", "driver", "client"]

_SECOND = 1_000_000  # microseconds
_AGENT_LENGTH = 512  # characters looked at: longer ones are noise, and would fill the memory
_SHORTEST_DWELL = 1.0  # seconds
_BROWSERS = ("Mozilla/", "Opera/")
_BEFORE = {
    "click_detail": {"impression"},
    "add_to_cart": {"impression", "click_detail"},
    "purchase": {"impression", "click_detail", "add_to_cart"},
}
# What the list lacks: clients of the common languages, and markers of drivers that it knows in one spelling.
_MORE: Mapping[_Kind, tuple[str, ...]] = {
    "client": (
        r"^(?:Python|python-urllib3|Java|Apache-HttpAsyncClient|ReactorNetty|Ruby|http\.rb)(?:[ /]|$)",
        r"^(?:Faraday|GuzzleHttp|Dart|RestSharp|reqwest|Deno|Bun|node|undici|PostmanRuntime)(?:[ /]|$)",
    ),
    "driver": (r"(?i:headless|phantomjs|slimerjs|playwright|puppeteer|selenium|webdriver|cypress)",),
}


class TrafficFilter:
    """Tells for each request why it is not counted, if it is not.

    Counts slide: those of the present window, and those of the one before by the part of it that is still in
    view. Addresses are held as keyed hashes, under a key of this process.

    Args:
        user_limit: Requests of a user within the window that are still counted.
        address_limit: Requests from an address likewise; many users may share one.
        window_seconds: Length of the window.
        capacity: Users, and addresses, that are counted in a window; what exceeds it is not.

    Raises:
        ParameterError: An argument is not above 0.

    Example:
        >>> TrafficFilter().reasons("Googlebot/2.1", "192.0.2.1", "f00d", now_us=0)
        ('crawler',)
    """

    def __init__(
        self,
        user_limit: int = 60,
        address_limit: int = 1000,
        window_seconds: float = 10.0,
        capacity: int = 100_000,
    ) -> None:
        for name, value in (
            ("user_limit", user_limit),
            ("address_limit", address_limit),
            ("window_seconds", window_seconds),
            ("capacity", capacity),
        ):
            if not value > 0:
                raise ParameterError(f"traffic_filter.{name}", value, f"{name} > 0", "Leave it out.")
        window = round(window_seconds * _SECOND)
        self._users = _SlidingCounts(user_limit, window, capacity)
        self._addresses = _SlidingCounts(address_limit, window, capacity)
        self._hash = blake2b(key=token_bytes(32), digest_size=8)
        agent_reasons("-")  # compiles the patterns, which no request shall wait for

    def reasons(
        self, user_agent: str, address: str, user_key: str, now_us: int, authenticated: bool = False
    ) -> tuple[str, ...]:
        """Count a request and say why it is flagged; empty if it is not.

        Args:
            user_agent: As the request names it; empty if it names none.
            address: Of the client; empty if unknown.
            user_key: Keyed hash of the user's id; empty if unknown.
            now_us: When the request came, microseconds UTC.
            authenticated: The caller may be a product's server: it has an API key, or none is required.
        """
        reasons = agent_reasons(user_agent[:_AGENT_LENGTH], authenticated)
        if address and not (authenticated and not user_agent.startswith(_BROWSERS)):
            hashed = self._hash.copy()
            hashed.update(address.encode("utf-8", "surrogatepass"))
            if self._addresses.exceeded(hashed.digest(), now_us):
                reasons = (*reasons, "burst_address")
        if user_key and self._users.exceeded(user_key, now_us):
            reasons = (*reasons, "burst_user")
        return reasons


class _SlidingCounts:
    """How often each key came within a sliding window; at most `capacity` keys of two windows are held."""

    __slots__ = ("_before", "_capacity", "_limit", "_now", "_number", "_window")

    def __init__(self, limit: int, window: int, capacity: int) -> None:
        self._limit, self._window, self._capacity = limit, window, capacity
        self._number = -1
        self._now: dict[str | bytes, int] = {}
        self._before: dict[str | bytes, int] = {}

    def exceeded(self, key: str | bytes, now_us: int) -> bool:
        """Count a key once more; whether it came more often than the limit."""
        number, into = divmod(now_us, self._window)
        if number > self._number:
            self._before = self._now if number == self._number + 1 else {}
            self._now, self._number = {}, number
        elif number < self._number:  # the clock was set back
            into = 0
        count = self._now.get(key, 0) + 1
        if count > 1 or len(self._now) < self._capacity:
            self._now[key] = count
        return count + self._before.get(key, 0) * (1.0 - into / self._window) > self._limit


@lru_cache(maxsize=4096)
def agent_reasons(user_agent: str, authenticated: bool = False) -> tuple[str, ...]:
    """Why requests of an agent are not counted; empty if they are.

    Args:
        user_agent: As the request names it.
        authenticated: Whether an HTTP client may be a product's server.

    Example:
        >>> agent_reasons("curl/8.14.1"), agent_reasons("curl/8.14.1", authenticated=True)
        (('headless',), ())
    """
    if _is("crawler", user_agent):
        return ("crawler",)
    if _is("driver", user_agent):
        return ("headless",)
    if not user_agent.strip() or _is("client", user_agent):
        return () if authenticated and not user_agent.startswith(_BROWSERS) else ("headless",)
    return ()


def event_reasons(
    event_ts: int,
    decision_ts: int | None,
    event_type: str,
    dwell_seconds: float | None = None,
    seen_types: Collection[str] | None = None,
    tolerance_seconds: float = 5.0,
) -> tuple[str, ...]:
    """Why an event is not counted; empty if it is.

    Args:
        event_ts: When it happened, by the client's clock, microseconds UTC.
        decision_ts: When its decision was made, by the server's clock; None without a decision.
        event_type: One of `log_rows.EVENT_TYPES`.
        dwell_seconds: How long the user stayed, if the event states it.
        seen_types: Types of the decision's events before this one; None if they are not known.
        tolerance_seconds: How far the client's clock may be behind.

    Example:
        >>> event_reasons(0, 60_000_000, "click_detail", dwell_seconds=0.2, seen_types={"impression"})
        ('short_dwell', 'impossible_order')
    """
    reasons: tuple[str, ...] = ()
    if dwell_seconds is not None and not dwell_seconds >= _SHORTEST_DWELL:
        reasons = ("short_dwell",)
    early = decision_ts is not None and event_ts < decision_ts - tolerance_seconds * _SECOND
    needed = _BEFORE.get(event_type)
    if early or (needed and seen_types is not None and needed.isdisjoint(seen_types)):
        reasons = (*reasons, "impossible_order")
    return reasons


def _is(kind: _Kind, user_agent: str) -> bool:
    return any(pattern.search(user_agent) for pattern in _patterns(kind))


@cache
def _patterns(kind: _Kind) -> tuple[re.Pattern[str], ...]:
    """Patterns of the agents of a kind, some in one: one for all is twice as slow."""
    known = [entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA if _kind(entry.get("tags", ())) == kind]
    patterns = [*_MORE.get(kind, ()), *known]
    return tuple(re.compile("|".join(patterns[i : i + 25])) for i in range(0, len(patterns), 25))


def _kind(tags: Collection[str]) -> _Kind:
    if "browser-automation" in tags:
        return "driver"
    return "client" if "http-library" in tags else "crawler"
