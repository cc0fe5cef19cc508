"""The router's clock."""

from time import time_ns


def now_us() -> int:
    """Microseconds since 1970, UTC."""
    return time_ns() // 1000
