"""What pages are made of: charts, tables, tiles, badges, and pieces of HTML that stay current."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import panel as pn

from armlift.errors import ArmliftError
from dashboard.documents import soon
from dashboard.drawing import DRAWINGS, Drawn, NothingToDraw, draw
from dashboard.parts import Chart, Html

if TYPE_CHECKING:
    import pandas as pd
    import param

    from dashboard.view import View

Made = TypeVar("Made")
Tone = Literal["good", "bad", "warn", "info", "quiet"]
Dependencies = Sequence["str | param.Parameter"]

EVERYTHING: tuple[str, ...] = ("snapshot", "experiment", "range", "show", "source", "segment")
"""What a chart depends on unless it says otherwise; language, time zone and darkness come on top."""

_ALWAYS = ("language", "zone", "timezone", "dark")
_SHARE_OF_TIME = 20.0  # a chart is drawn again at most a twentieth of the time
_CURRENT = ' aria-current="true"'
_log = logging.getLogger("dashboard")

__all__ = [
    "EVERYTHING",
    "NothingToDraw",
    "badge",
    "chart",
    "empty_state",
    "grid",
    "links",
    "live",
    "section",
    "table",
    "tile",
    "tiles",
]


def chart(
    view: View,
    title_key: str,
    make: Callable[[], Any],
    *,
    says: Callable[[], str] | None = None,
    depends: Dependencies = EVERYTHING,
    height: int = 320,
    values: Mapping[str, str] | None = None,
) -> pn.viewable.Viewable:
    """A chart with its title and a sentence that says what it shows.

    It is drawn in the background, once for all sessions that look at the same, and again when something
    changes that it depends on. Where that fails, its place says what failed, and all others stand.

    Args:
        view: The session's view.
        title_key: Message of the title.
        make: Gives a HoloViews element or a Bokeh figure; raises `NothingToDraw(words)` where there is
            nothing. It is called in another thread: it may read the view and the store, but not change them.
        says: Gives the sentence, likewise.
        depends: Names of the view's parameters, and parameters of a page's own, that it depends on.
        height: Of the figure, pixels.
        values: What is filled into the title.
    """
    part = Chart(sizing_mode="stretch_width", figure_height=height)
    _LiveChart(view, part, (title_key, tuple((values or {}).items())), make, says, depends).refresh()
    return part


class _LiveChart:
    """Keeps a chart current."""

    def __init__(
        self,
        view: View,
        part: Chart,
        title: tuple[str, tuple[tuple[str, str], ...]],
        make: Callable[[], Any],
        says: Callable[[], str] | None,
        depends: Dependencies,
    ) -> None:
        self._view, self._part, self._title = view, part, title
        self._make, self._says = make, says
        self._key: tuple[object, ...] = ()
        self._rest_until = 0.0
        self._resting = False
        self._document = pn.state.curdoc
        self._own = tuple(each for each in depends if not isinstance(each, str))
        self._names = tuple(each for each in depends if isinstance(each, str))
        watch(view, (*self._names, *_ALWAYS), self.refresh, self._own)

    def refresh(self) -> None:
        """Draw what is looked at now, unless it is there already."""
        view, part = self._view, self._part
        key = self._wanted()
        steady = key[:-1]
        if key == self._key:
            return
        rest = self._rest_until - time.monotonic()
        if steady == self._key[:-1] and rest > 0 and self._document is not None:
            self._refresh_after(rest)
            return
        if steady != self._key[:-1]:
            words = {name: view.say(f"chart.{name}") for name in ("play", "pause", "moment")}
            title, busy = view.say(self._title[0], **dict(self._title[1])), view.say("chart.busy")
            part.param.update(title=title, state="busy", note=busy, **words)
        self._key = key
        known = DRAWINGS.known(key)
        if known is not None:
            self._show(key, known)
            return
        document = self._document
        if document is None or document.session_context is None:
            self._show(key, self._drawn(key))
            return
        DRAWINGS.draw(
            key,
            lambda: self._drawn(key),
            lambda drawn: soon(document, lambda: self._show(key, drawn)),
            lambda: document.session_context is not None and self._wanted()[:-1] == key[:-1],
        )

    def _wanted(self) -> tuple[object, ...]:
        """All that the chart depends on; the store's revision comes last."""
        view = self._view
        return (
            self._title,
            view.page,
            *(getattr(view, name) for name in (*_ALWAYS, *self._names) if name not in ("snapshot", "extra")),
            *(repr(getattr(each.owner, each.name)) for each in self._own),
            repr(sorted(view.extra.items())) if "extra" in self._names else "",
            view.snapshot.revision if "snapshot" in self._names else -1,
        )

    def _drawn(self, key: tuple[object, ...]) -> Drawn:
        """Draw; in another thread, while the view may change: then the result belongs to no key."""
        view = self._view
        drawn = draw(
            _in_words(view, self._make),
            _in_words(view, self._says) if self._says else None,
            dark=view.dark,
            height=self._part.figure_height,
            failed=view.say("chart.failed"),
        )
        return drawn if self._wanted() == key else replace(drawn, stale=True)

    def _refresh_after(self, seconds: float) -> None:
        """Come back when this chart has had its share of the time."""
        if self._resting:
            return
        self._resting = True

        def awake() -> None:
            self._resting = False
            self.refresh()

        self._document.add_timeout_callback(awake, round(seconds * 1000) + 1)

    def _show(self, key: tuple[object, ...], drawn: Drawn) -> None:
        if key != self._key:
            return
        if drawn.stale:
            self._key = (*key[:-1], None)
            self.refresh()
            return
        self._rest_until = time.monotonic() + max(1.0, _SHARE_OF_TIME * drawn.seconds)
        state = "failed" if drawn.error else "ready" if drawn.item else "empty"
        if drawn.error:
            self._key = (*key[:-1], None)  # the next change tries again
        self._part.param.update(
            frames=drawn.frames,
            item=drawn.item,
            sentence=drawn.sentence,
            legend=[[entry.name, entry.colour, entry.dashed] for entry in drawn.legend],
            state=state,
            note=drawn.error or drawn.empty,
        )


def _in_words(view: View, make: Callable[[], Made]) -> Callable[[], Made]:
    """Have what a store refuses said in words."""

    def made() -> Made:
        with view.sources.reading():
            return make()

    return made


def live(
    view: View,
    make: Callable[[], str],
    *,
    depends: Dependencies = EVERYTHING,
) -> pn.viewable.Viewable:
    """A piece of HTML that is made anew when something changes that it depends on.

    Args:
        view: The session's view.
        make: Gives the HTML, quickly; texts from outside are escaped in it.
        depends: As for `chart`.
    """
    part = Html(sizing_mode="stretch_width", margin=(8, 0, 0, 0))

    def refresh() -> None:
        try:
            part.html = _in_words(view, make)()
        except ArmliftError as error:
            part.html = _failure(str(error))
        except Exception as error:
            _log.exception("a part of a page could not be made")
            part.html = _failure(view.say("chart.failed", error=f"{type(error).__name__}: {error}"))

    names = tuple(each for each in depends if isinstance(each, str))
    watch(view, (*names, *_ALWAYS), refresh, tuple(each for each in depends if not isinstance(each, str)))
    refresh()
    return part


def watch(
    view: View,
    names: Sequence[str],
    refresh: Callable[[], None],
    others: Sequence[param.Parameter] = (),
) -> None:
    """Call a function when the view changes, as long as its page is shown."""
    page = view.page

    def changed(*_: object) -> None:
        if view.page == page:  # else the same change leads to another page, and this part is about to go
            refresh()

    view.track(view, view.param.watch(changed, list(dict.fromkeys(names))))
    for each in others:
        view.track(each.owner, each.owner.param.watch(changed, each.name))


def table(
    view: View,
    title_key: str,
    make: Callable[[], pd.DataFrame],
    *,
    empty_key: str = "table.empty",
    note: Callable[[], str] | None = None,
    depends: Dependencies = EVERYTHING,
) -> pn.viewable.Viewable:
    """A table, ready to be read out and printed: its cells are texts, its columns are already named.

    Args:
        view: The session's view.
        title_key: Message of the title.
        make: Gives the table; numbers are shown as they are, so make them texts with the digits they deserve.
        empty_key: Message where there is no row.
        note: Gives a sentence above it.
        depends: As for `chart`.
    """

    def html() -> str:
        frame = make()
        said = f'<p class="sentence">{escape(note())}</p>' if note else ""
        head = f'<section class="card"><header><h3>{escape(view.say(title_key))}</h3>{said}</header>'
        if frame.empty:
            return f'{head}<p class="note">{escape(view.say(empty_key))}</p></section>'
        return f"{head}{rows_of(frame, view.say(title_key))}</section>"

    return live(view, html, depends=depends)


def rows_of(frame: pd.DataFrame, label: str) -> str:
    """A table as HTML; columns of numbers, or of texts that begin with one, are aligned to the right."""
    numeric = [frame[column].dtype.kind in "iuf" for column in frame.columns]
    head = "".join(
        f'<th scope="col"{_right(number)}>{escape(str(column))}</th>'
        for column, number in zip(frame.columns, numeric, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{_right(number)}>{escape('' if value is None else str(value))}</td>"
            for value, number in zip(row, numeric, strict=True)
        )
        + "</tr>"
        for row in frame.itertuples(index=False)
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(label)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _right(number: bool) -> str:
    return ' class="number"' if number else ""


def tile(label: str, value: str, note: str = "") -> str:
    """A figure with its name, as HTML."""
    below = f'<dd class="note">{escape(note)}</dd>' if note else ""
    return f'<div class="tile"><dt>{escape(label)}</dt><dd class="value">{escape(value)}</dd>{below}</div>'


def tiles(each: Sequence[str]) -> str:
    """Tiles beside each other, as HTML."""
    return f'<dl class="tiles">{"".join(each)}</dl>'


def badge(text: str, tone: Tone = "quiet", hint: str = "") -> str:
    """A short word on a coloured ground, as HTML; the word says it, the colour only helps."""
    title = f' title="{escape(hint)}"' if hint else ""
    return f'<span class="badge {tone}"{title}>{escape(text)}</span>'


def empty_state(view: View, key: str, **values: object) -> str:
    """What is said where there is nothing yet, as HTML; `code` in backquotes is what to run."""
    parts = escape(view.say(key, **values)).split("`")
    words = "".join(f"<code>{part}</code>" if at % 2 else part for at, part in enumerate(parts))
    return f'<div class="empty">{words}</div>'


def grid(*parts: pn.viewable.Viewable, least: int = 420) -> pn.viewable.Viewable:
    """Parts beside each other where there is room, below each other where there is not.

    Args:
        *parts: Charts and cards.
        least: Width below which a part takes a row of its own, pixels.
    """
    for part in parts:
        part.margin = 0
        part.styles = {
            **part.styles,
            "flex": f"1 1 {least}px",
            "min-width": f"min(100%, {least}px)",
            "width": "auto",
        }
    return pn.FlexBox(
        *parts, gap="16px", sizing_mode="stretch_width", align_items="stretch", margin=(10, 0, 0, 0)
    )


def links(view: View, label_key: str, name: str, options: Sequence[str], chosen: str) -> str:
    """A choice that a page keeps in the address, as HTML: one link for each option.

    Args:
        view: The session's view.
        label_key: Message that says what is chosen.
        name: Its name in the address.
        options: What there is to choose.
        chosen: What is chosen.
    """
    if len(options) < 2:
        return ""
    items = "".join(
        f'<li><a id="{name}-{escape(option)}" href="{escape(view.link(**{name: option}))}"'
        f"{_CURRENT if option == chosen else ''}>{escape(option)}</a></li>"
        for option in options
    )
    label = escape(view.say(label_key))
    return f'<nav class="links" aria-label="{label}"><span>{label}</span><ul>{items}</ul></nav>'


def section(title: str, intro: str = "") -> str:
    """A heading within a page, as HTML."""
    below = f"<p>{escape(intro)}</p>" if intro else ""
    return f'<header class="section"><h2>{escape(title)}</h2>{below}</header>'


def _failure(words: str) -> str:
    return f'<div class="card failure" role="alert">{escape(words)}</div>'
