"""A web service that keeps the alarms it is sent."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

SECRET = "s3cr3t-t0ken"


class AlarmCatcher(ThreadingHTTPServer):
    """Answers every message with `status`; `url` is what apprise is given."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.caught = 200, []
        self.url = f"json://me:{SECRET}@127.0.0.1:{self.server_port}/hooks"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.caught.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def catcher():
    server = AlarmCatcher()
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
