"""Answers that are given before any route is reached."""

from __future__ import annotations

from math import ceil

from litestar.enums import ScopeType
from litestar.types import Receive, Scope, Send

from armlift.serving.problems import MEDIA_TYPE, problem


async def refuse(
    scope: Scope,
    receive: Receive,
    send: Send,
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    retry_after: float | None = None,
) -> None:
    """Send a problem; a websocket is closed instead, before it is accepted.

    Args:
        scope: Of the request.
        receive: Of the request.
        send: Of the request.
        status: HTTP status.
        code: Stable code.
        title: What is wrong, whatever the request.
        detail: What is wrong here, and what to do.
        retry_after: Seconds, if the request may come again.
    """
    if scope["type"] == ScopeType.WEBSOCKET:
        await receive()
        await send({"type": "websocket.close", "code": 4000 + status, "reason": title})
        return
    body = problem(status, code, title, detail)
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    if retry_after is not None:
        headers.append((b"retry-after", str(max(1, ceil(retry_after))).encode()))
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
