"""The access log: a line an answer, written once a second, since a write costs more than a decision."""

from __future__ import annotations

import threading
from functools import lru_cache
from time import gmtime, strftime, time
from typing import TextIO

LIMIT = 100_000
"""Lines that wait; more are counted and left out."""


class AccessLog:
    """Notes answers, and writes them when told to.

    Neither user, nor address, nor query is in a line: method, path template, status and time.

    Args:
        stream: Where the lines go.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._noted: list[tuple[float, str, str, int, float]] = []
        self._left_out = 0
        self._writing = threading.Lock()

    def note(self, method: str, path: str, status: int, seconds: float) -> None:
        """Note an answer."""
        if len(self._noted) < LIMIT:
            self._noted.append((time(), method, path, status, seconds))
        else:
            self._left_out += 1

    def flush(self) -> None:
        """Write what was noted."""
        with self._writing:
            noted, self._noted = self._noted, []
            left_out, self._left_out = self._left_out, 0
            lines = [
                f"{_second(int(when))}.{int(1e6 * (when % 1.0)):06d}Z {method} {path} {status} "
                f"{1e3 * took:.1f} ms\n"
                for when, method, path, status, took in noted
            ]
            if left_out:
                lines.append(f"{left_out} more were left out\n")
            if lines:
                self._stream.write("".join(lines))
                self._stream.flush()


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return strftime("%Y-%m-%dT%H:%M:%S", gmtime(seconds))
