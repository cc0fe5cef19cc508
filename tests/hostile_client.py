"""A client for requests that nobody should send."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Hostile:
    """One request.

    Attributes:
        kind: What is wrong with it.
        data: Bytes to send.
        method: Its method, which says whether an answer has a body.
        waits: Whether an answer is due; else the client hangs up.
    """

    kind: str
    data: bytes
    method: str = "POST"
    waits: bool = True


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        status: HTTP status; 0 if the server hung up.
        body: Its body.
    """

    status: int
    body: bytes = b""


class HostileClient:
    """Sends requests one after another, over one connection while the server keeps it.

    Args:
        url: Where the server is.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._place = (str(parts.hostname), int(parts.port or 80))
        self._socket: socket.socket | None = None
        self._left: list[socket.socket] = []

    def send(self, request: Hostile) -> Answer:
        """Send a request and read its answer, if one is due."""
        if not request.waits:
            self._leave(request.data)
            return Answer(0)
        for attempt in range(2):
            fresh = self._socket is None
            try:
                return self._exchange(request)
            except (ConnectionError, EOFError):
                self.close()
                if fresh or attempt:
                    return Answer(0)  # it hung up on this request, not on the one before
        return Answer(0)

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def hang_up(self) -> None:
        """Close the connections that were left open in the middle of a request."""
        for each in self._left:
            each.close()
        self._left.clear()

    def _leave(self, data: bytes) -> None:
        left = socket.create_connection(self._place, timeout=30)
        with suppress(ConnectionError):
            left.sendall(data)
        self._left.append(left)
        if len(self._left) > 50:
            self._left.pop(0).close()

    def _exchange(self, request: Hostile) -> Answer:
        if self._socket is None:
            self._socket = socket.create_connection(self._place, timeout=60)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(ConnectionError):  # it may have answered before it had read everything
            self._socket.sendall(request.data)
        with self._socket.makefile("rb") as answers:
            status, headers = _head(answers.readline)
            while status == 100:
                status, headers = _head(answers.readline)
            body = b""
            if request.method != "HEAD" and status >= 200 and status not in (204, 304):
                if "content-length" in headers:
                    body = answers.read(int(headers["content-length"]))
                elif headers.get("transfer-encoding") == "chunked":
                    while size := int(answers.readline(), 16):
                        body += answers.read(size)
                        answers.readline()
                    answers.readline()
                else:
                    body = answers.read()
        if status == 101 or headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(status, body)


def _head(readline: Callable[[], bytes]) -> tuple[int, dict[str, str]]:
    first = readline()
    if not first:
        raise EOFError
    headers = {}
    while (line := readline().strip()) != b"":
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    return int(first.split()[1]), headers
