"""An answer that is JSON and nothing else, in a third of the time of the general one."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from litestar.types import Message, Receive, Scope, Send

_encode = msgspec.json.Encoder().encode


class JsonAnswer:
    """Answers JSON; what a route gives back in place of a response.

    Args:
        value: What to encode, or JSON that is encoded already.
        status: HTTP status.
        media_type: What the JSON is.
        headers: More headers.
    """

    __slots__ = ("_body", "_headers", "_status")

    def __init__(
        self,
        value: msgspec.Struct | bytes,
        status: int = 200,
        media_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        body = value if isinstance(value, bytes) else _encode(value)
        self._body, self._status = body, status
        self._headers = [(b"content-type", media_type.encode()), (b"content-length", b"%d" % len(body))]
        if headers:
            self._headers += [(name.lower().encode(), text.encode()) for name, text in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        start: Message = {"type": "http.response.start", "status": self._status, "headers": self._headers}
        await send(start)
        await send({"type": "http.response.body", "body": self._body, "more_body": False})
