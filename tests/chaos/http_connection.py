"""A small HTTP client on asyncio that never retries: what is unsure stays visible."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any, NamedTuple


class BrokenConnectionError(Exception):
    """There is no answer: the request may have been carried out, or not."""


class Answer(NamedTuple):
    """Status, headers in lower case, JSON."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]


class Connection:
    """One connection to 127.0.0.1, opened when needed."""

    def __init__(self, port: int, key: str = "") -> None:
        self.port = port
        self._head = f"Host: 127.0.0.1\r\nX-API-Key: {key}\r\n" if key else "Host: 127.0.0.1\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str) -> Answer:
        return await self._ask(f"GET {path} HTTP/1.1\r\n{self._head}\r\n".encode())

    async def post(self, path: str, body: dict[str, Any]) -> Answer:
        data = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\n{self._head}Content-Type: application/json\r\n"
        return await self._ask(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)

    def close(self) -> None:
        if self._streams is not None:
            with suppress(OSError, RuntimeError):
                self._streams[1].transport.abort()
            self._streams = None

    async def _ask(self, request: bytes) -> Answer:
        try:
            async with asyncio.timeout(10):
                if self._streams is None:
                    self._streams = await asyncio.open_connection("127.0.0.1", self.port)
                reader, writer = self._streams
                writer.write(request)
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                first, *lines = head.rstrip().split("\r\n")
                headers = dict(line.split(": ", 1) for line in lines)
                body = await reader.readexactly(int(headers["content-length"]))
                return Answer(int(first.split(" ")[1]), headers, json.loads(body))
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            self.close()
            raise BrokenConnectionError(str(error)) from error
