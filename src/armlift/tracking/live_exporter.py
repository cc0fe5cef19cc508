"""What the export process does, until the router that started it ends.

It may be killed at any moment: what it had not finished, the next one does.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
from pathlib import Path
from secrets import token_hex
from typing import TextIO

from armlift.tracking.live_runs import LiveSource, export_live

logger = logging.getLogger(__name__)

_GRACE_SECONDS = 2.0


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
