"""Addresses that servers listen on."""

from __future__ import annotations

import socket
import time

from armlift.errors import ParameterError

_PATIENCE_SECONDS = 3.0


def require_free(host: str, port: int, patience: float = _PATIENCE_SECONDS) -> None:
    """Refuse an address that somebody listens on: servers that share ports would silently share the requests.

    Args:
        host: Name or address to listen on.
        port: Port to listen on.
        patience: Seconds for which a server that was just stopped may still hold it.

    Raises:
        ParameterError: It is taken, or is not one of this machine's.
    """
    deadline = time.monotonic() + patience
    while (error := _refusal(host, port)) is not None:
        if time.monotonic() > deadline:
            remedy = "Stop what listens there, or choose another --port."
            raise ParameterError("address", f"{host}:{port}", f"a free address ({error})", remedy)
        time.sleep(0.05)


def _refusal(host: str, port: int) -> str | None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error.strerror or str(error)
    return None
