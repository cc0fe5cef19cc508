"""A router as `armlift serve` starts it, in a folder of its own, for tests that ask it from outside."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import requests
from server_process import server_process

PROJECT = Path(__file__).parents[1]
BRIEF = Path("conf/base/briefs/movielens.yml")
LONGEST_START = 60.0  # seconds, on a machine that is busy with other tests

_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT", "OMP_NUM_THREADS")


@dataclass(frozen=True)
class LiveServer:
    """A router that runs.

    Attributes:
        url: Where, without a slash at the end.
        root: Its folder.
        process: Its main process.
    """

    url: str
    root: Path
    process: subprocess.Popen[bytes]

    @property
    def store(self) -> Path:
        """Its SQLite file."""
        return self.root / "data" / "live" / "armlift.db"

    @property
    def log(self) -> str:
        """What it wrote to stdout and stderr so far."""
        return (self.root / "router.log").read_text("utf-8", errors="replace")

    def rows(self, table: str) -> int:
        """Rows of a table, in what is committed."""
        return int(self.query(f"SELECT count(*) FROM {table}")[0][0])

    def query(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """Ask its store."""
        with closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)) as connection:
            return connection.execute(statement, values).fetchall()

    def resident_bytes(self) -> int:
        """Memory of its own of the process that answers, which is the largest beside the one that exports."""
        found = [0]
        for process in self._pids(self.process.pid):
            folder = Path(f"/proc/{process}")
            with suppress(FileNotFoundError, ProcessLookupError):
                if b"export-live" not in (folder / "cmdline").read_bytes():
                    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
                    found.append(int(status.get("RssAnon", "0 kB").split()[0]) * 1024)
        return max(found)

    def _pids(self, pid: int) -> Iterator[int]:
        yield pid
        with suppress(FileNotFoundError, ProcessLookupError):  # it may have ended meanwhile
            for task in Path(f"/proc/{pid}/task").iterdir():
                for child in (task / "children").read_text().split():
                    yield from self._pids(int(child))

    def stop(self) -> None:
        """End it, as Ctrl-C does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)


@contextmanager
def live_server(root: Path, **environment: str) -> Iterator[LiveServer]:
    """Start a router with the example brief, and stop it afterwards.

    Args:
        root: Empty folder.
        **environment: Settings.
    """
    (root / BRIEF).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(PROJECT / BRIEF, root / BRIEF)
    port = free_port()
    given = {name: os.environ[name] for name in _KEPT if name in os.environ} | environment
    with server_process(
        ["armlift", "serve", "--port", str(port)], root, given, "router.log", 30.0
    ) as process:
        server = LiveServer(f"http://127.0.0.1:{port}", root, process)
        _wait(server)
        yield server


def free_port() -> int:
    """A port that nobody listens on."""
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait(server: LiveServer) -> None:
    until = monotonic() + LONGEST_START
    while monotonic() < until:
        if server.process.poll() is not None:
            raise RuntimeError(f"the router ended:\n{server.log}")
        try:
            if requests.get(f"{server.url}/health/ready", timeout=2).ok:
                return
        except requests.RequestException:
            pass
        sleep(0.1)
    raise RuntimeError(f"the router is not ready after {LONGEST_START:.0f} s:\n{server.log}")
