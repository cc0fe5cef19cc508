"""`/ws/experiments/{id}`: the state of an experiment as it changes."""

from __future__ import annotations

from asyncio import create_task, wait
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
    gone = create_task(_end_of(socket))
    sent = b""
    try:
        while not gone.done():
            try:
                now = router.standing(experiment_id) or view(router, await find_row(router, experiment_id))
            except UnknownExperiment as error:
                await socket.close(code=4404, reason=str(error)[:120])
                return
            message = msgspec.json.encode(now)
            if message != sent:
                await socket.send_text(message.decode())
                sent = message
            await wait([gone], timeout=SECONDS_BETWEEN_MESSAGES)
    except WebSocketDisconnect:
        pass
    finally:
        gone.cancel()


async def _end_of(socket: WebSocket[None, None, State]) -> None:
    """Wait until the client has gone, which nothing else tells while there is nothing to send."""
    with suppress(WebSocketDisconnect):
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass  # whatever clients say is not listened to
