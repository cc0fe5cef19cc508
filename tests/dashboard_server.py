"""A dashboard in a process and a project folder of its own, for tests that look at it from outside."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import requests
from live_server import free_port
from server_process import server_process

PROJECT = Path(__file__).parents[1]
LONGEST_START = 60.0  # seconds, on a machine that is busy with other tests

_KEPT = ("PATH", "HOME", "LANG", "TMPDIR")


@dataclass(frozen=True)
class DashboardServer:
    """A dashboard that runs.

    Attributes:
        url: Where, without a slash at the end.
        root: Its project.
        process: Its process.
    """

    url: str
    root: Path
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> str:
        """What it wrote to stdout and stderr so far."""
        return (self.root / "dashboard.log").read_text("utf-8", errors="replace")

    def resident_bytes(self) -> int:
        """Memory of its own."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines())
        return int(fields["RssAnon"].split()[0]) * 1024


def project_in(root: Path) -> Path:
    """Make a project without any data: the configuration alone."""
    shutil.copytree(PROJECT / "conf", root / "conf")
    return root


@contextmanager
def dashboard_server(root: Path, **environment: str) -> Iterator[DashboardServer]:
    """Start a dashboard in a project, and stop it afterwards.

    Args:
        root: The project.
        **environment: Settings.
    """
    port = free_port()
    given = {name: os.environ[name] for name in _KEPT if name in os.environ}
    given |= {"PYTHONPATH": str(PROJECT), "DASHBOARD_PORT": str(port)} | environment
    with server_process(["dashboard"], root, given, "dashboard.log", 15.0) as process:
        server = DashboardServer(f"http://127.0.0.1:{port}", root, process)
        _wait(server)
        yield server


def _wait(server: DashboardServer) -> None:
    until = monotonic() + LONGEST_START
    while monotonic() < until:
        if server.process.poll() is not None:
            raise RuntimeError(f"the dashboard ended:\n{server.log}")
        try:
            if requests.get(f"{server.url}/", timeout=10, allow_redirects=False).ok:
                return
        except requests.RequestException:
            pass
        sleep(0.1)
    raise RuntimeError(f"the dashboard is not ready after {LONGEST_START:.0f} s:\n{server.log}")
