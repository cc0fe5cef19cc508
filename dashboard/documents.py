"""Work that other threads leave for a session."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

Work = Callable[[], None]

_awaited: WeakKeyDictionary[Any, list[Work]] = WeakKeyDictionary()
_lock = Lock()


def expect(document: Any) -> None:
    """Hold back what is left for a session until its browser is there.

    Until the browser says that it has the document, Panel sends it no changes: they would be lost.
    """
    with _lock:
        _awaited[document] = []


def arrived(document: Any) -> None:
    """Do what was held back: the browser is there."""
    with _lock:
        waiting = _awaited.pop(document, [])
    for work in waiting:
        soon(document, work)


def soon(document: Any, work: Work) -> None:
    """Have a function called within a document's session; where the session has ended, nothing is done.

    Args:
        document: Bokeh's document.
        work: What to call.
    """
    if document.session_context is None:
        return
    with _lock:
        if document in _awaited:
            _awaited[document].append(work)
            return
    try:
        document.add_next_tick_callback(work)
    except AttributeError:
        if document.session_context is not None:  # else it ended just now, and Bokeh took it apart
            raise
