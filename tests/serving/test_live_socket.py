import asyncio
from types import SimpleNamespace
from typing import Any

from armlift.serving.routes import live


class LeftSocket:
    """A client that listens for a while, says something, and goes without a word."""

    def __init__(self) -> None:
        router = SimpleNamespace(standing=lambda _: "as it stands")
        self.app = SimpleNamespace(state=SimpleNamespace(router=router))
        self.sent: list[str] = []
        self._messages = [{"type": "websocket.receive", "text": "hello"}, {"type": "websocket.disconnect"}]

    async def accept(self) -> None:
        pass

    async def receive(self) -> dict[str, str]:
        await asyncio.sleep(0.3)
        return self._messages.pop(0)

    async def send_text(self, text: str) -> None:
        self.sent.append(text)


def test_socket_that_was_left_is_let_go() -> None:
    """Nothing changes, so nothing is sent: only by listening can the router know that nobody is there."""

    socket: Any = LeftSocket()
    asyncio.run(asyncio.wait_for(live.live_state.fn(socket, "films"), 5))
    assert socket.sent == ['"as it stands"']
