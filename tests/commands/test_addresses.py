"""A server does not start where another one listens."""

import socket
import threading

import pytest

from armlift.commands.addresses import require_free
from armlift.errors import ParameterError


@pytest.fixture
def taken():
    """A listening socket that shares its port, as granian's do."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server


def test_a_taken_port_is_refused_with_the_remedy(taken):
    port = taken.getsockname()[1]
    with pytest.raises(ParameterError, match=rf"127\.0\.0\.1:{port}.*--port"):
        require_free("127.0.0.1", port, patience=0.1)


def test_a_port_that_is_given_back_is_waited_for(taken):
    port = taken.getsockname()[1]
    threading.Timer(0.2, taken.close).start()
    require_free("127.0.0.1", port, patience=10.0)


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(ParameterError, match=r"192\.0\.2\.1:8000"):
        require_free("192.0.2.1", 8000, patience=0.0)
