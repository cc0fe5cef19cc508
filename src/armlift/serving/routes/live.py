"""`/ws/experiments/{id}`: the state of an experiment as it changes."""

from __future__ import annotations

from asyncio import sleep
from contextlib import suppress

import msgspec
from litestar import WebSocket, websocket
from litestar.datastructures import State
from litestar.exceptions import WebSocketDisconnect
from litestar.params import FromPath

from armlift.errors import UnknownExperiment
from armlift.serving.router import Router
from armlift.serving.routes.experiments import find_row, view

SECONDS_BETWEEN_MESSAGES = 0.25


@websocket("/ws/experiments/{experiment_id:str}", opt={"scope": "read"})
async def live_state(socket: WebSocket[None, None, State], experiment_id: FromPath[str]) -> None:
    """Send the experiment as `/api/experiments` gives it: at once and on changes, at most 4 times a second.

    It is closed with 4404 if there is none of that name.
    """
    router: Router = socket.app.state.router
    await socket.accept()
    sent = b""
    with suppress(WebSocketDisconnect):
        while True:
            try:
                message = msgspec.json.encode(view(router, await find_row(router, experiment_id)))
            except UnknownExperiment as error:
                await socket.close(code=4404, reason=str(error)[:120])
                return
            if message != sent:
                await socket.send_text(message.decode())
                sent = message
            await sleep(SECONDS_BETWEEN_MESSAGES)
