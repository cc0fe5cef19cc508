"""The export as a process of its own: MLflow's imports and calls take no time from the router's.

`armlift serve` starts it and watches over it, without any of its imports; it ends with the router, however
that ends.
"""

from __future__ import annotations

import logging
import os
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress

logger = logging.getLogger(__name__)

_PATIENCE_SECONDS = 4.0  # it gives MLflow half of that, and then ends by itself
_NICENESS = 10


class ExporterProcess:
    """Keeps the export process running.

    Args:
        command: What starts it; it must call `export_until_orphaned`.
        restart_seconds: Pause before it is started again after it ended by itself.
    """

    def __init__(self, command: Sequence[str], *, restart_seconds: float = 10.0) -> None:
        self._command = list(command)
        self._restart_seconds = restart_seconds
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._watch, name="live exporter", daemon=True)

    def start(self) -> None:
        """Start it, without waiting for it."""
        self._thread.start()

    def stop(self) -> None:
        """End it within some seconds, killed if need be."""
        self._stopping.set()
        self._thread.join()

    @property
    def pid(self) -> int | None:
        """Number of the process; None while there is none."""
        process = self._process
        return None if process is None else process.pid

    def _watch(self) -> None:
        while not self._stopping.is_set():
            try:
                with subprocess.Popen(self._command, stdin=subprocess.PIPE) as self._process:
                    _step_back(self._process.pid)
                    self._attend(self._process)
            except OSError as error:
                logger.warning("The export to MLflow cannot start: %s", error)
            self._process = None
            self._stopping.wait(self._restart_seconds)

    def _attend(self, process: subprocess.Popen[bytes]) -> None:
        while process.poll() is None and not self._stopping.wait(0.2):
            pass
        if process.returncode is not None:
            logger.warning("The export to MLflow ended with %d; it is started again", process.returncode)
        assert process.stdin is not None
        process.stdin.close()  # its sign to end
        try:
            process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


def _step_back(pid: int) -> None:
    """Let the router go before it from its first moment: Python and MLflow take seconds to start."""
    if hasattr(os, "setpriority"):
        with suppress(OSError):  # it has ended already
            os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, pid) + _NICENESS)
