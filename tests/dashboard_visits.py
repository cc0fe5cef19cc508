"""Visits to a dashboard in Chromium, and what went wrong in them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode

from playwright.sync_api import BrowserContext, Page, ViewportSize, expect

PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1280, "height": 900}
NO_OTHER_HOST = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
ARGUMENTS = ["--no-sandbox", NO_OTHER_HOST]
PATIENCE_MS = 150_000  # other tests may keep both cores busy

expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Visit:
    """A browser's visits.

    Attributes:
        context: Its window.
        home: Address of the dashboard.
        errors: Errors of the console and of scripts.
        outside: Requests to any other place.
    """

    context: BrowserContext
    home: str
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def open(self, **view: str) -> Page:
        """Open a view by its address, and wait until everything on it is drawn."""
        page = self.new_page()
        page.goto(f"{self.home}/?{urlencode(view)}")
        settled(page)
        return page

    def new_page(self) -> Page:
        """Make an empty tab, and note what goes wrong in it."""
        page = self.context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on(
            "console", lambda message: self.errors.append(message.text) if message.type == "error" else None
        )
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._note(request.url))
        return page

    def _note(self, url: str) -> None:
        here = (self.home, self.home.replace("http", "ws", 1), "data:", "blob:", "about:")
        if not url.startswith(here):
            self.outside.append(url)


def settled(page: Page) -> None:
    """Wait until the live page took over from its first look and nothing is being drawn or looked up."""
    expect(page.locator("#first")).to_have_count(0)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator("[aria-busy=true]")).to_have_count(0)


@dataclass
class StandInRouter:
    """Answers as the router does when it is asked whether it is ready; notes what it is told.

    Attributes:
        url: Where.
        is_up: Whether it is ready.
        told: Paths and bodies of what was posted.
    """

    url: str = ""
    is_up: bool = True
    told: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Answer requests on a free port; gives the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def stand_in_router() -> Iterator[StandInRouter]:
    """Run a stand-in router on a free port."""
    router = StandInRouter()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200 if router.is_up else 503)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            router.told.append((self.path, body))
            self._answer(200 if router.is_up else 503)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    with served(Handler) as router.url:
        yield router
