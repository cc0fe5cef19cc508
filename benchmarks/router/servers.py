"""Server processes on one core: started, waited for, their cost read from /proc, and ended."""

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

SERVER_CORE, CLIENT_CORE = 0, 1
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Server:
    """A server in a process group of its own, pinned to `SERVER_CORE`.

    Args:
        name: For messages.
        command: Program and arguments.
        port: Port it listens on.
        ready: Path that answers 200 once it can serve.
        folder: Working folder.
        log: File for its output.
        environment: Variables on top of this process's own.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        port: int,
        ready: str,
        folder: Path,
        log: Path,
        environment: Mapping[str, str],
    ) -> None:
        self.name, self.port, self._ready = name, port, ready
        self._command = ["taskset", "--cpu-list", str(SERVER_CORE), *command]
        self._folder, self._log, self._environment = folder, log, {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start it and wait until it is ready.

        Returns:
            Seconds from the start of the process to the first 200.

        Raises:
            SystemExit: It ended or is not ready within a minute; its output is shown.
        """
        started = time.perf_counter()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        while not self._answers():
            if self._process.poll() is not None or time.perf_counter() - started > 60:
                raise SystemExit(f"{self.name} did not become ready.\n{self.log_end()}")
            time.sleep(0.005)
        return time.perf_counter() - started

    def stop(self) -> None:
        """End it, as an operator would, and wait; after 20 s by force."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None

    def cpu_seconds(self) -> float:
        """Processor time of its processes so far, in seconds."""
        return sum(int(field) for stat in self._stats() for field in stat[11:13]) / _TICKS

    def wait_until_idle(self) -> None:
        """Wait until it has done what is left to do, for 20 s at most: it would count for whoever is next."""
        end = time.perf_counter() + 20.0
        while self._process is not None and time.perf_counter() < end:
            before = self.cpu_seconds()
            time.sleep(0.25)
            if self.cpu_seconds() - before < 0.05:
                return

    def resident_mib(self) -> float:
        """Resident memory of its processes, in MiB."""
        return sum(int(stat[21]) for stat in self._stats()) * _PAGE / 2**20

    def log_end(self) -> str:
        """The last of what it printed."""
        return self._log.read_text(errors="replace")[-4000:]

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{self._ready}", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def _stats(self) -> list[list[str]]:
        """Fields of /proc/PID/stat from the state on, of every process in the group."""
        assert self._process is not None
        stats = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # a process may end while we look
                fields = (folder / "stat").read_text().rpartition(") ")[2].split()
                if int(fields[2]) == self._process.pid:
                    stats.append(fields)
        return stats
