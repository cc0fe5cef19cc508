"""An HTTP client that keeps a constant rate and does not wait for slow answers.

A client that sends its next request only when the last is answered asks less of a server that stalls, and so
measures the stall once instead of once for each request that would have come meanwhile: coordinated omission.
Here request i is due at start + i / rate, whatever happened to those before it; if all connections are busy
it waits, and its latency is counted from the moment it was due. The loop polls without sleeping, since a
timer's millisecond would be most of what it measures: give it a core of its own.
"""

import selectors
import socket
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

_LENGTH = b"content-length:"
_HEADER_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Answers:
    """What a server answered.

    Attributes:
        latencies: Seconds from the moment each request was due, shape (answers,), in order of arrival.
        failures: Answers whose status is not 2xx.
        bodies: Bodies, in the order of the requests; empty if they were not kept.
        seconds: From the first request to the last answer.
    """

    latencies: NDArray[np.float64]
    failures: int
    bodies: list[bytes]
    seconds: float


@dataclass
class _Connection:
    socket: socket.socket
    number: int = 0
    due: float = 0.0
    received: bytes = b""


@dataclass
class _Tally:
    latencies: list[float] = field(default_factory=list)
    failures: int = 0
    bodies: dict[int, bytes] = field(default_factory=dict)


def drive(
    port: int,
    requests: Iterator[bytes],
    rate: float | None = None,
    connections: int = 32,
    keep_bodies: bool = False,
) -> Answers:
    """Send requests and time their answers.

    Args:
        port: Port on 127.0.0.1.
        requests: Whole requests, head and body.
        rate: Requests a second; None for as many as the connections carry.
        connections: Connections, kept alive, with one request in flight on each.
        keep_bodies: Whether to return the bodies.

    Raises:
        ConnectionError: The server closed a connection.
    """
    selector, idle = selectors.EpollSelector(), deque[_Connection]()
    for _ in range(connections):
        connection = _Connection(socket.create_connection(("127.0.0.1", port)))
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        idle.append(connection)
    tally, clock = _Tally(), time.perf_counter
    step = 0.0 if rate is None else 1.0 / rate
    started = clock()
    number, due, request = 0, started, next(requests, None)
    while request is not None or len(idle) < connections:
        while request is not None and idle and (rate is None or clock() >= due):
            connection = idle.pop()
            connection.number, connection.due = number, clock() if rate is None else due
            connection.socket.sendall(request)
            number, request = number + 1, next(requests, None)
            due = started + number * step
        for key, _ in selector.select(0):
            if _read(key.data, tally, keep_bodies):
                idle.append(key.data)
    seconds = clock() - started
    for key in list(selector.get_map().values()):
        key.data.socket.close()
    selector.close()
    bodies = [tally.bodies[place] for place in sorted(tally.bodies)]
    return Answers(np.array(tally.latencies), tally.failures, bodies, seconds)


def _read(connection: _Connection, tally: _Tally, keep_bodies: bool) -> bool:
    """Take what has arrived; whether the answer is complete."""
    chunk = connection.socket.recv(65536)
    if not chunk:
        raise ConnectionError("The server closed a connection.")
    data = connection.received + chunk
    end = data.find(_HEADER_END)
    if end >= 0:
        head = data[:end].lower()
        at = head.find(_LENGTH)
        length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        body = end + len(_HEADER_END)
        if len(data) >= body + length:
            tally.latencies.append(time.perf_counter() - connection.due)
            tally.failures += data[9:10] != b"2"
            if keep_bodies:
                tally.bodies[connection.number] = data[body : body + length]
            connection.received = b""
            return True
    connection.received = data
    return False
