"""The dashboard under load: many open sessions, some 10 million events, a change that all must see.

The store is built as in `readings.py`, in a temporary folder or in one that is kept. Sessions are websockets
that speak Bokeh's protocol as a browser does; beside them one real browser opens and changes pages.
"""

import argparse
import asyncio
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bokeh.util.serialization import make_id
from playwright.sync_api import sync_playwright
from readings import END, build
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from armlift.experiments.log_rows import Decision
from armlift.messages import CATALOGUE
from armlift.storage import Database, ExperimentStore, migrate, open_database
from armlift.storage.interval_sums import refresh
from armlift.storage.ledger import commit

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from dashboard_server import DashboardServer, dashboard_server, project_in

MIB = 2**20
READY = {
    "kind": "MessageSent",
    "msg_type": "bokeh_event",
    "msg_data": {"type": "event", "name": "document_ready", "values": {"type": "map"}},
}
"""What a browser says once it has the document; the server sends changes from then on."""

# Asked anew in each frame; a locator is looked for at most twice a second after a while.
VISIBLE = """([selector, text]) => {
  const search = (root) => [...root.querySelectorAll("*")].some((each) =>
    each.matches(selector) && each.textContent.includes(text) &&
      each.checkVisibility({visibilityProperty: true}) || each.shadowRoot && search(each.shadowRoot))
  return search(document)
}"""
"""Whether something is on the screen, also within components."""

PAGES = ("overview", "comparison", "experiment", "quality", "decisions")
EXPERIMENT = "films_0"


@dataclass
class Session:
    """A session as a browser holds it open.

    Attributes:
        socket: Its websocket.
        opened_s: From asking for the page to the whole document, seconds.
        heard: Time and content of everything that was pushed since.
    """

    socket: WebSocketClientConnection
    opened_s: float
    heard: list[tuple[float, bytes]] = field(default_factory=list)

    async def listen(self) -> None:
        """Keep what is pushed until the socket is closed."""
        while (message := await self.socket.read_message()) is not None:
            data = message if isinstance(message, bytes) else message.encode()
            self.heard.append((time.perf_counter(), data))


async def open_session(url: str, page: str) -> Session:
    """Open a page as a browser does: the HTML, the websocket, the document."""
    began = time.perf_counter()
    answer = await AsyncHTTPClient().fetch(f"{url}/?page={page}&experiment={EXPERIMENT}", request_timeout=120)
    token = re.search(r'"token":"([^"]+)"', answer.body.decode())
    assert token is not None
    address = HTTPRequest(f"{url.replace('http', 'ws', 1)}/ws", headers={"Origin": url}, request_timeout=120)
    socket = await websocket_connect(
        address, subprotocols=["bokeh", token.group(1)], max_message_size=256 * MIB
    )
    await _reply(socket, "ACK")
    await _send(socket, "PULL-DOC-REQ", {})
    await _reply(socket, "PULL-DOC-REPLY")
    opened = time.perf_counter() - began
    await _send(socket, "PATCH-DOC", {"events": [READY]})
    return Session(socket, opened)


async def _send(socket: WebSocketClientConnection, kind: str, content: dict[str, Any]) -> None:
    header = {"msgid": make_id(), "msgtype": kind}
    for part in (header, {}, content):
        await socket.write_message(json.dumps(part))


async def _reply(socket: WebSocketClientConnection, kind: str) -> None:
    """Read until a message of a kind has come whole: its header, metadata and content."""
    while True:
        header = await _text(socket)
        if f'"msgtype":"{kind}"' in header.replace(" ", ""):
            await _text(socket)
            await _text(socket)
            return


async def _text(socket: WebSocketClientConnection) -> str:
    message = await socket.read_message()
    assert message is not None, "the server closed the socket"
    return message if isinstance(message, str) else message.decode()


def change(database: Database, number: int) -> tuple[float, bytes]:
    """Commit a decision; give the time, and the number that the quality page shows from then on."""
    now = time.time_ns() // 1000
    row = Decision(f"{now:026d}", now, EXPERIMENT, "split", "arm_0", 0.2, number, f"bench_{number}")
    with database.begin() as connection:
        commit(connection, [row])
    counted = ExperimentStore(database).counters(EXPERIMENT)
    shown = next(each for each in counted if each[1:3] == ("split", "arm_0")).decisions
    return time.perf_counter(), f"{shown:,}".encode()


async def pushes(sessions: Sequence[Session], database: Database, rounds: int) -> list[list[float]]:
    """Seconds from a commit until every session was told, round by round."""
    found = []
    for number in range(rounds):
        await asyncio.sleep(3.0)
        for session in sessions:
            session.heard.clear()
        at, marker = change(database, number)
        until = time.perf_counter() + 30.0
        late: list[float] = []
        waiting = list(sessions)
        while waiting and time.perf_counter() < until:
            await asyncio.sleep(0.02)
            for session in tuple(waiting):
                told = next((when for when, data in session.heard if marker in data), None)
                if told is not None:
                    late.append(told - at)
                    waiting.remove(session)
        found.append(late + [float("inf")] * len(waiting))
    return found


async def measure(server: DashboardServer, database: Database, n: int, rounds: int) -> None:
    """Open sessions on all pages, then all on one page, and print what they cost."""
    for page in PAGES:  # what is imported and drawn once is no cost of a session
        first = await open_session(server.url, page)
        await asyncio.sleep(3.0)
        first.socket.close()
    await asyncio.sleep(8.0)
    before = server.resident_bytes()
    sessions = []
    for number in range(n):
        sessions.append(await open_session(server.url, PAGES[number % len(PAGES)]))
    listening = [asyncio.create_task(session.listen()) for session in sessions]
    await asyncio.sleep(8.0)
    held = server.resident_bytes()
    opened = [session.opened_s for session in sessions]
    print(f"| opening a session, {n} one after another | {median(opened):.2f} s (max {max(opened):.2f}) |")
    print(f"| memory a session, pages mixed | {(held - before) / n / MIB:.1f} MiB |")
    for session in sessions:
        session.socket.close()
    await asyncio.gather(*listening)

    sessions = [await open_session(server.url, "quality") for _ in range(n)]
    listening = [asyncio.create_task(session.listen()) for session in sessions]
    by_round = await pushes(sessions, database, rounds)
    last, typical = max(max(each) for each in by_round), median(value for each in by_round for value in each)
    print(f"| a commit on screen in {n} sessions | {typical:.2f} s (last of all {last:.2f}) |")
    await asyncio.to_thread(browse, server)
    for session in sessions:
        session.socket.close()
    await asyncio.gather(*listening)


def browse(server: DashboardServer) -> None:
    """Open and change pages in a real browser, beside the open sessions."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(60_000)
        opened, live, changed, words, filled = [], [], [], [], []
        for name in PAGES:
            began = time.perf_counter()
            page.goto(f"{server.url}/?page={name}&experiment={EXPERIMENT}", wait_until="commit")
            page.wait_for_function(VISIBLE, arg=["h1", ""])
            opened.append(time.perf_counter() - began)
            page.wait_for_function("!document.querySelector('#first')")
            live.append(time.perf_counter() - began)
        for name in (*PAGES, *PAGES):
            page.wait_for_function(f"!({VISIBLE})(['[aria-busy=true]', ''])")
            title = CATALOGUE["en"].say(f"dash.page.{name}")
            began = time.perf_counter()
            page.locator(f"#menu-{name}").click()
            page.wait_for_function(VISIBLE, arg=["h1", title])
            changed.append(time.perf_counter() - began)
            page.wait_for_function(VISIBLE, arg=["h2, h3", ""])
            words.append(time.perf_counter() - began)
            page.wait_for_function(f"!({VISIBLE})(['.first', ''])")
            filled.append(time.perf_counter() - began)
        browser.close()
    print(f"| first content in a browser | {median(opened):.2f} s (max {max(opened):.2f}) |")
    print(f"| the live page in its place | {median(live):.2f} s (max {max(live):.2f}) |")
    print(f"| change of page in a browser, its heading | {median(changed):.2f} s (max {max(changed):.2f}) |")
    print(f"| change of page in a browser, its words | {median(words):.2f} s (max {max(words):.2f}) |")
    print(f"| change of page in a browser, the live page | {median(filled):.2f} s (max {max(filled):.2f}) |")


@contextmanager
def project(kept: Path | None, events: int) -> Iterator[Path]:
    """A project whose store has so many events, built unless it is there."""
    with tempfile.TemporaryDirectory() as folder:
        root = kept or Path(folder)
        root.mkdir(parents=True, exist_ok=True)
        if not (root / "conf").exists():
            project_in(root)
        if not (root / "data/live/armlift.db").exists():
            began = time.perf_counter()
            with open_database(f"sqlite:///{root / 'data/live/armlift.db'}", exclusive=False) as database:
                migrate(database)
                decisions, made = build(database, events)
                refresh(database, now=END)
            seconds = time.perf_counter() - began
            print(f"{decisions:,} decisions, {made:,} events, built in {seconds:.0f} s", file=sys.stderr)
        yield root


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5, help="commits whose way to the screen is timed")
    parser.add_argument("--root", type=Path, help="folder to keep the project in")
    arguments = parser.parse_args()
    with project(arguments.root, arguments.events) as root:
        began = time.perf_counter()
        with (
            dashboard_server(root) as server,
            open_database(f"sqlite:///{root / 'data/live/armlift.db'}", exclusive=False) as database,
        ):
            print("| what | value |\n|---|---|")
            print(f"| start of the process to its first page | {time.perf_counter() - began:.2f} s |")
            asyncio.run(measure(server, database, arguments.sessions, arguments.rounds))


if __name__ == "__main__":
    main()
