"""Draws charts: each once, whoever looks at it, and away from the loop that serves the sessions."""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tornado.ioloop import IOLoop

from armlift.errors import ArmliftError
from dashboard.theme import finish

_KEPT = 300
_LONGEST_PAUSE = 5.0  # seconds
_log = logging.getLogger("dashboard")


@dataclass(frozen=True)
class LegendEntry:
    """A line of a legend.

    Attributes:
        name: What is drawn so.
        colour: Its colour.
        dashed: Whether it is a dashed line.
    """

    name: str
    colour: str
    dashed: bool = False


@dataclass(frozen=True)
class Drawn:
    """A chart, ready for any browser.

    Attributes:
        item: The figure as Bokeh's `embed_item` takes it, JSON; empty if there is none.
        sentence: What it shows, in words.
        legend: Names and colours of what is drawn; empty where the figure says it itself.
        error: Why it could not be drawn, in words; empty if it was.
        empty: Why there is nothing to draw, in words; empty if there is.
        frames: What each moment is called and the curves' heights, JSON; empty for a chart that stands still.
        stale: What it shows is no longer what was asked for.
        seconds: What it cost.
    """

    item: str = ""
    sentence: str = ""
    legend: tuple[LegendEntry, ...] = ()
    error: str = ""
    empty: str = ""
    frames: str = ""
    stale: bool = False
    seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class Played:
    """Curves that change over time, to be played.

    Attributes:
        element: An overlay with one curve a name, as they are at the last moment.
        moments: What each moment is called.
        heights: Of each curve, at each moment, shape (curves, moments, points).
    """

    element: Any
    moments: tuple[str, ...]
    heights: NDArray[np.float64]


class NothingToDraw(Exception):  # noqa: N818 (no error: it is said in the chart's place)
    """There is nothing to draw yet.

    Args:
        why: What is missing and where it comes from, in the session's language.
    """


class Drawings:
    """Charts by key; what was drawn for one session serves all.

    One thread draws: HoloViews keeps global state, and the loop that serves sessions stays free. It begins no
    chart while that loop makes a page, which would take both of them twice as long.
    """

    def __init__(self) -> None:
        self._done: OrderedDict[Hashable, Drawn] = OrderedDict()
        self._coming: dict[Hashable, tuple[Future[Drawn], list[Callable[[], bool]]]] = {}
        self._lock = threading.Lock()
        self._drawer = ThreadPoolExecutor(1, "drawing")
        self._may_begin = threading.Event()
        self._may_begin.set()
        self._pauses = 0

    def pause(self) -> None:
        """Begin no chart until `resume` was called as often."""
        with self._lock:
            self._pauses += 1
            self._may_begin.clear()

    def resume(self) -> None:
        """End a pause."""
        with self._lock:
            self._pauses -= 1
            if self._pauses == 0:
                self._may_begin.set()

    def come_after(self) -> None:
        """Begin no chart until this thread's loop has done what it does, and what that leaves for later."""
        self.pause()
        loop = IOLoop.current()
        loop.add_callback(loop.add_callback, self.resume)

    def known(self, key: Hashable) -> Drawn | None:
        """Give a chart that was drawn before."""
        with self._lock:
            if key in self._done:
                self._done.move_to_end(key)
            return self._done.get(key)

    def draw(
        self,
        key: Hashable,
        work: Callable[[], Drawn],
        done: Callable[[Drawn], None],
        wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        """Have a chart drawn; whoever asks for the same one waits for the same work.

        Args:
            key: What it depends on.
            work: Draws it; called in the drawing thread.
            done: Called with the chart, in the drawing thread or at once.
            wanted: Whether the caller still waits for it; asked in the drawing thread. What nobody waits for
                any more, because the page was left meanwhile, is not drawn.
        """
        with self._lock:
            coming = self._coming.get(key)
            if coming is None:
                waiting = [wanted]
                future = self._drawer.submit(self._keep, key, work, waiting)
                self._coming[key] = (future, waiting)
            else:
                future, waiting = coming
                waiting.append(wanted)
        future.add_done_callback(lambda future: done(future.result()))

    def _keep(self, key: Hashable, work: Callable[[], Drawn], waiting: list[Callable[[], bool]]) -> Drawn:
        self._may_begin.wait(_LONGEST_PAUSE)
        with self._lock:
            if not any(wanted() for wanted in waiting):
                self._coming.pop(key, None)
                return Drawn(stale=True)
        drawn = work()
        with self._lock:
            self._coming.pop(key, None)
            if not (drawn.error or drawn.stale):  # those are tried again
                self._done[key] = drawn
                while len(self._done) > _KEPT:
                    self._done.popitem(last=False)
        return drawn


DRAWINGS = Drawings()
"""The process's charts."""


def draw(
    make: Callable[[], Any], says: Callable[[], str] | None, *, dark: bool, height: int, failed: str
) -> Drawn:
    """Draw a chart, whatever happens.

    Args:
        make: Gives a HoloViews element or a Bokeh figure; raises `NothingToDraw` where there is nothing.
        says: Gives the sentence that says what the chart shows.
        dark: Whether it stands on a dark page.
        height: Pixels.
        failed: What is said of an error nobody foresaw, with `{error}` in it.
    """
    import holoviews.plotting.bokeh  # noqa: F401  # registers what charts are made of

    began = time.perf_counter()
    try:
        made = make()
        if made is None:
            return Drawn()
        frames = _frames(made) if isinstance(made, Played) else ""
        element = made.element if isinstance(made, Played) else made
        figure = element if hasattr(element, "ref") else _rendered(element)
        legend = _styled(figure, dark=dark, height=height)
        item = _as_json(figure)
        sentence = says() if says else ""
    except NothingToDraw as nothing:
        return Drawn(empty=str(nothing), seconds=time.perf_counter() - began)
    except ArmliftError as error:
        return Drawn(error=str(error))
    except Exception as error:
        _log.exception("a chart could not be drawn")
        return Drawn(error=failed.format(error=f"{type(error).__name__}: {error}"))
    return Drawn(item, sentence, legend, frames=frames, seconds=time.perf_counter() - began)


def _rendered(element: Any) -> Any:
    import holoviews as hv
    from bokeh.document import Document

    # Without a document of its own it takes the current one, which another thread's session is taking apart.
    return hv.Store.renderers["bokeh"].get_plot(element, doc=Document()).state


def _frames(played: Played) -> str:
    heights = base64.b64encode(np.ascontiguousarray(played.heights, "<f4").tobytes()).decode()
    return json.dumps({"moments": played.moments, "shape": played.heights.shape, "heights": heights})


def _styled(made: Any, *, dark: bool, height: int) -> tuple[LegendEntry, ...]:
    """Style every figure of a layout; their legends are written in HTML, where they wrap and are read out."""
    from bokeh.models import Plot

    made.update(sizing_mode="stretch_width")
    entries: dict[str, LegendEntry] = {}
    for figure in made.select({"type": Plot}):
        finish(figure, dark=dark, height=figure.height if figure.height and figure is not made else height)
        for legend in figure.legend:
            for item in legend.items:
                name = getattr(item.label, "value", None)
                if name and item.renderers:
                    entries.setdefault(name, _entry(str(name), item.renderers[0].glyph))
            legend.visible = False
    return tuple(entries.values())


def _entry(name: str, glyph: Any) -> LegendEntry:
    colours = [getattr(glyph, what, None) for what in ("fill_color", "line_color")]
    texts = [getattr(colour, "value", colour) for colour in colours]
    colour = next((text for text in texts if isinstance(text, str)), "#888888")
    dash = getattr(glyph, "line_dash", None)
    return LegendEntry(name, colour, bool(getattr(dash, "value", dash)))


def _as_json(figure: Any) -> str:
    """What `bokeh.embed.json_item` gives, in a third of its time.

    That makes a document for the figure and describes every component of Panel, of which a figure has none.
    """
    from bokeh import __version__
    from bokeh.core.json_encoder import serialize_json
    from bokeh.core.serialization import Serializer

    doc = {
        "version": __version__,
        "title": "",
        "defs": [],
        "roots": Serializer(deferred=False).encode([figure]),
    }
    text: str = serialize_json({"root_id": figure.id, "doc": doc, "version": __version__})
    return text
