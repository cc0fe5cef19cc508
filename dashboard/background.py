"""HTML that takes a query: made away from the loop that serves sessions, once for all who ask the same."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Hashable
from html import escape
from typing import TYPE_CHECKING, Generic, TypeVar

import panel as pn

from armlift.errors import ArmliftError
from dashboard.documents import soon
from dashboard.drawing import Drawings, Drawn
from dashboard.parts import Html
from dashboard.widgets import EVERYTHING, Dependencies, watch

if TYPE_CHECKING:
    from dashboard.view import View

Question = TypeVar("Question", bound=Hashable)
_SHARE_OF_TIME = 10.0  # a query runs at most a tenth of the time
_LEAST_REST = 1.0  # seconds
_LOOKED_UP: defaultdict[str, Drawings] = defaultdict(Drawings)  # a long search holds up no other question
_log = logging.getLogger("dashboard")


def looked_up(
    view: View,
    name: str,
    asks: Callable[[], Question],
    make: Callable[[Question], str],
    *,
    depends: Dependencies = EVERYTHING,
) -> pn.viewable.Viewable:
    """A piece of HTML that is looked up in the background whenever something changes that it depends on.

    While the store is away, what was found last stays.

    Args:
        view: The session's view.
        name: Of what is made, to keep answers to equal questions apart.
        asks: Gives all that the answer depends on, beside the store, language and time zone.
        make: Gives the HTML, in another thread: it may read the view and the store, but not change them.
        depends: As for `widgets.chart`.
    """
    part = Html(
        sizing_mode="stretch_width",
        margin=(8, 0, 0, 0),
        html=f'<p class="note" role="status" aria-busy="true">{escape(view.say("chart.busy"))}</p>',
    )
    _LookedUp(view, part, name, asks, make, depends).refresh()
    return part


class _LookedUp(Generic[Question]):
    def __init__(
        self,
        view: View,
        part: Html,
        name: str,
        asks: Callable[[], Question],
        make: Callable[[Question], str],
        depends: Dependencies,
    ) -> None:
        self._view, self._part, self._name = view, part, name
        self._asks, self._make = asks, make
        self._document = pn.state.curdoc
        self._key: tuple[Hashable, ...] = ()
        self._steady: tuple[Hashable, ...] = ()
        self._rest_until = 0.0
        self._is_resting = self._has_answer = False
        names = tuple(each for each in depends if isinstance(each, str))
        own = tuple(each for each in depends if not isinstance(each, str))
        watch(view, (*names, "language", "zone", "timezone"), self.refresh, own)

    def refresh(self) -> None:
        """Ask again, unless the answer is there already or this question was asked a moment ago."""
        view, question = self._view, self._asks()
        steady = (self._name, question, view.query, view.timezone)
        key = (*steady, view.snapshot.revision)
        if key == self._key:
            return
        live = self._document is not None and self._document.session_context is not None
        rest = self._rest_until - time.monotonic()
        if live and steady == self._steady and rest > 0:
            self._refresh_after(rest)
            return
        self._key, self._steady = key, steady
        known = _LOOKED_UP[self._name].known(key)
        if known is not None:
            self._show(key, known)
        elif live:
            document = self._document
            _LOOKED_UP[self._name].draw(
                key,
                lambda: self._answer(question, key),
                lambda found: soon(document, lambda: self._show(key, found)),
                lambda: document.session_context is not None and self._is_current(key),
            )
        else:
            self._show(key, self._answer(question, key))

    def _is_current(self, key: tuple[Hashable, ...]) -> bool:
        """Whether the view is still the one that asked."""
        return key[2:4] == (self._view.query, self._view.timezone)

    def _answer(self, question: Question, key: tuple[Hashable, ...]) -> Drawn:
        began = time.perf_counter()
        try:
            with self._view.sources.reading():
                html = self._make(question)
        except ArmliftError as error:
            return Drawn(error=str(error))
        except Exception as error:
            _log.exception("%s could not be looked up", self._name)
            return Drawn(error=self._view.say("chart.failed", error=f"{type(error).__name__}: {error}"))
        return Drawn(html, stale=not self._is_current(key), seconds=time.perf_counter() - began)

    def _show(self, key: tuple[Hashable, ...], found: Drawn) -> None:
        if key != self._key:
            return
        if found.stale:
            self._key = ()
            self.refresh()
            return
        self._rest_until = time.monotonic() + max(_LEAST_REST, _SHARE_OF_TIME * found.seconds)
        if found.error:
            self._key = ()  # the next change tries again
        if not found.error:
            self._part.html, self._has_answer = found.item, True
        elif not (self._has_answer and self._view.snapshot.store_error):
            self._part.html = f'<div class="card failure" role="alert">{escape(found.error)}</div>'

    def _refresh_after(self, seconds: float) -> None:
        if self._is_resting:
            return
        self._is_resting = True

        def awake() -> None:
            self._is_resting = False
            self.refresh()

        self._document.add_timeout_callback(awake, round(seconds * 1000) + 1)
