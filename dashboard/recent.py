"""What was read lately, kept for all charts and sessions."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """Values by key; what one thread reads, others wait for, and read nothing twice.

    Args:
        kept: So many; what was asked for longest ago goes first.
    """

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._known: OrderedDict[Hashable, Future[Value]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, read: Callable[[], Value]) -> Value:
        """Give a value, read if it is not known. Shared: do not change it.

        Args:
            key: What it depends on.
            read: Reads it. What it raises is raised here; that, and None, are read again next time.
        """
        with self._lock:
            found = self._known.get(key)
            if found is not None:
                self._known.move_to_end(key)
            else:
                coming = self._known[key] = Future()
                while len(self._known) > self._kept:
                    self._known.popitem(last=False)
        if found is not None:
            return found.result()
        try:
            value = read()
        except BaseException as error:
            self._forget(key, coming)
            coming.set_exception(error)
            raise
        if value is None:
            self._forget(key, coming)
        coming.set_result(value)
        return value

    def _forget(self, key: Hashable, coming: Future[Value]) -> None:
        with self._lock:
            if self._known.get(key) is coming:
                del self._known[key]
