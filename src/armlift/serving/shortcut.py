"""The short way for `GET /choose` and `POST /update`, which come thousands of times a second.

A sound request is read and answered here, by the same rules and with the same admission as on its route, and
without the framework's general machinery, which costs more than deciding does. Whatever is unusual about a
request, the route gets it untouched, and tells what is wrong.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated
from urllib.parse import parse_qsl

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, ReceiveMessage, Scope, Send

from armlift.serving.decisions import Caller
from armlift.serving.json_answer import JsonAnswer
from armlift.serving.middleware import Door
from armlift.serving.middleware.doorkeeper import MAX_BODY
from armlift.serving.problems import MEDIA_TYPE, problem_of
from armlift.serving.router import Router
from armlift.serving.routes.choose import answer, context_object
from armlift.serving.routes.update import updated
from armlift.serving.schemas import Id, Label, UpdateBody

_update_body = msgspec.json.Decoder(UpdateBody).decode
_JSON = (b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8")


class _Query(msgspec.Struct, forbid_unknown_fields=True):
    """The query of /choose."""

    user_id: Id
    experiment: Label | None = None
    context: Annotated[str, msgspec.Meta(max_length=4096)] | None = None
    session_id: Annotated[str, msgspec.Meta(max_length=128)] | None = None
    simulated: bool = False


class Shortcut:
    """Answers what it can, and passes on the rest.

    Args:
        app: The long way.
        router: Decides and takes rewards.
        door: Who admits; None admits everybody.
    """

    def __init__(self, app: ASGIApp, router: Router, door: Door | None) -> None:
        self._app, self._router, self._door = app, router, door
        self._ways: dict[tuple[str, str], ASGIApp] = {
            ("GET", "/choose"): self._choose,
            ("POST", "/update"): self._update,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on."""
        way = self._app
        if scope["type"] == ScopeType.HTTP:
            way = self._ways.get((scope["method"], scope["path"]), way)
        await way(scope, receive, send)

    async def _choose(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            pairs = parse_qsl(scope["query_string"].decode("ascii"), True, max_num_fields=8, errors="strict")
            query = msgspec.convert(dict(pairs), _Query, strict=False)
            context = context_object(query.context) if query.context else None
        except ValueError:  # msgspec's and armlift's are of this kind
            await self._app(scope, receive, send)
            return
        caller = await self._door.admit("decide", scope, receive, send) if self._door else Caller()
        if caller is None:
            return

        async def choose() -> JsonAnswer:
            decided = await self._router.decisions.choose(
                query.user_id,
                caller,
                experiment_id=query.experiment,
                context=context,
                session_id=query.session_id or "",
                simulated=query.simulated,
            )
            return JsonAnswer(answer(decided))

        await _answer(choose, "GET", "/choose", scope, receive, send)

    async def _update(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, again = await _read(receive)
        try:
            is_json = dict(scope["headers"]).get(b"content-type", b"").lower() in _JSON
            reward = _update_body(body) if is_json and body is not None else None
        except (ValueError, RecursionError):
            reward = None
        if reward is None:
            await self._app(scope, again, send)
            return
        caller = await self._door.admit("reward", scope, receive, send) if self._door else Caller()
        if caller is None:
            return

        async def update() -> JsonAnswer:
            return updated(await self._router.rewards.update(reward, caller))

        await _answer(update, "POST", "/update", scope, receive, send)


async def _answer(
    work: Callable[[], Awaitable[JsonAnswer]],
    method: str,
    path: str,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    try:
        done = await work()
    except Exception as error:  # a fault must not end the connection without an answer
        status, body, headers = problem_of(error, method, path)
        done = JsonAnswer(body, status, MEDIA_TYPE, headers)
    await done(scope, receive, send)


async def _read(receive: Receive) -> tuple[bytes | None, Receive]:
    """Read a body, and make it readable again; None if it is too large, or the client hung up."""
    messages, size = [], 0
    while True:
        message = await receive()
        messages.append(message)
        if message["type"] != "http.request":
            return None, _again(messages, receive)
        size += len(message["body"])
        if size > MAX_BODY:
            return None, _again(messages, receive)
        if not message["more_body"]:
            break
    body = messages[0]["body"] if len(messages) == 1 else b"".join(part["body"] for part in messages)  # type: ignore[typeddict-item]
    return body, _again(messages, receive)


def _again(messages: list[ReceiveMessage], receive: Receive) -> Receive:
    """Receive messages again, and then what comes after them."""
    waiting = iter(messages)

    async def receive_again() -> ReceiveMessage:
        for message in waiting:
            return message
        return await receive()

    return receive_again
