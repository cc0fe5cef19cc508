"""The export as a process of its own: MLflow's imports and calls take no time from the router's.

The router starts it and watches over it; it ends with the router, however that ends. It may be killed at any
moment: what it had not finished, the next one does.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from secrets import token_hex
from typing import TextIO

from armlift.tracking.live_runs import LiveSource, export_live

logger = logging.getLogger(__name__)

_GRACE_SECONDS = 2.0


class LiveExporter:
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
            process.wait(2 * _GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


def export_until_orphaned(
    source: LiveSource, *, root: Path, seconds: float, lifeline: TextIO = sys.stdin
) -> None:
    """Be the export process: export until the process that started this one closes its input, or ends.

    Args:
        source: The store of live traffic.
        root: Root of the project.
        seconds: Within which live traffic reaches MLflow.
        lifeline: What the other process closes.
    """
    stop, closed, parent = threading.Event(), threading.Event(), os.getppid()

    def wait_for_the_end() -> None:
        lifeline.read()
        closed.set()

    def end_with_parent() -> None:
        # Another child of the same parent may hold the other end open: then the parent's number tells.
        while not closed.wait(1.0) and os.getppid() == parent:
            pass
        stop.set()
        time.sleep(_GRACE_SECONDS)
        os._exit(0)  # MLflow keeps this process waiting; what it did not answer is exported again

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    threading.Thread(target=end_with_parent, daemon=True).start()
    keep_exporting(source, stop, root=root, seconds=seconds)


def keep_exporting(source: LiveSource, stop: threading.Event, *, root: Path, seconds: float) -> None:
    """Export again and again until told to stop. While MLflow is away it is asked less often.

    Args:
        source: The store of live traffic.
        stop: Set to stop.
        root: Root of the project.
        seconds: Within which live traffic reaches MLflow.
    """
    holder = f"{socket.gethostname()}:{os.getpid()}:{token_hex(4)}"
    period = seconds / 2  # a window waits for its cut, then for what was begun before it
    failures, next_export = 0, 0.0
    while not stop.wait(period):
        now = time.time_ns() // 1000
        try:
            if time.monotonic() < next_export:
                source.cut(now)  # windows stay short meanwhile
            else:
                export_live(source, holder, now, root=root)
                failures = 0
        except Exception as error:  # whatever it is, the next time may be better
            failures += 1
            pause = min(period * 2**failures, 4 * seconds)
            next_export = time.monotonic() + pause
            reason = " ".join(str(error).split())
            logger.warning("Live traffic is not in MLflow yet, again in %.0f s: %s", pause, reason)
