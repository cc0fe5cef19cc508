"""Router processes that can be killed, and kept from writing."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from chaos.http_connection import BrokenConnectionError, Connection

READY_SECONDS = 60


class RouterProcess:
    """A router in a process group of its own.

    Args:
        command: Program and arguments.
        port: Port it listens on.
        environment: Variables on top of this process's own.
        log: File for its output, which is appended to; its folder is the working folder.
    """

    def __init__(self, command: Sequence[str], port: int, environment: Mapping[str, str], log: Path) -> None:
        self.port = port
        self._command, self._environment, self._log = command, {**os.environ, **environment}, log
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0

    def start(self) -> None:
        self._started = time.perf_counter()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                cwd=self._log.parent,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    async def ready(self) -> float:
        """Wait until it serves; seconds since its start."""
        connection = Connection(self.port)
        while True:
            with suppress(BrokenConnectionError):
                if (await connection.get("/health/ready")).status == 200:
                    connection.close()
                    return time.perf_counter() - self._started
            connection.close()
            assert self._process is not None
            if self._process.poll() is not None or time.perf_counter() - self._started > READY_SECONDS:
                end = self._log.read_text(errors="replace")[-4000:]
                raise AssertionError(f"The router did not become ready. Its log ends:\n{end}")
            await asyncio.sleep(0.02)

    def kill(self) -> None:
        """End all its processes at once, without a word."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def fill_disk(self) -> None:
        """Let every write to a file fail from now on, as on a full disk."""
        self._limit_files(1)

    def free_disk(self) -> None:
        """Let it write again."""
        self._limit_files(resource.RLIM_INFINITY)

    def _limit_files(self, size: int) -> None:
        assert self._process is not None
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # a process may end while we look
                if int(stat.read_text().rpartition(") ")[2].split()[2]) == self._process.pid:
                    resource.prlimit(
                        int(stat.parent.name), resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY)
                    )

    def stop(self) -> float:
        """Ask it to end; seconds until it has."""
        assert self._process is not None
        started = time.perf_counter()
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("The router did not end within 30 s of SIGTERM.") from None
        return time.perf_counter() - started
