"""How long the disk takes to promise that it will keep what was written."""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def fdatasync_seconds(folder: Path, writes: int = 500) -> NDArray[np.float64]:
    """Append 4 KiB and fdatasync, again and again.

    Args:
        folder: Folder on the disk in question.
        writes: How often.

    Returns:
        Seconds of each write with its fdatasync, shape (writes,).
    """
    page, seconds = os.urandom(4096), np.empty(writes)
    with tempfile.TemporaryFile(dir=folder) as file:
        for index in range(writes):
            started = time.perf_counter()
            os.write(file.fileno(), page)
            os.fdatasync(file.fileno())
            seconds[index] = time.perf_counter() - started
    return seconds
