"""A server of the project as a process of its own, stopped as Ctrl-C would."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def server_process(
    module: Sequence[str], root: Path, environment: Mapping[str, str], log: str, patience: float
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a module in a folder.

    Args:
        module: Its name and arguments, what follows `python -m`.
        root: Folder to run in.
        environment: All of its variables.
        log: File in the folder that takes what it writes.
        patience: Seconds within which it must have stopped.
    """
    with (root / log).open("ab") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", *module],
            cwd=root,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
