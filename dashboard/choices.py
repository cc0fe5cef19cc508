"""What the reader chooses: experiment, range, strategies, traffic, segment, language, time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import panel as pn
import panel_material_ui as pmui

from dashboard.parts import NOT_PRINTED
from dashboard.view import RANGES, View

_OF_PAGES: Mapping[str, tuple[str, ...]] = {
    "comparison": ("experiment", "range", "show", "source"),
    "experiment": ("experiment", "range", "source", "segment"),
    "quality": ("experiment", "range"),
    "decisions": ("experiment", "range", "source"),
}
_OF_ANY_PAGE = tuple(dict.fromkeys(name for names in _OF_PAGES.values() for name in names))
_OF_READERS = ("language", "zone")
_AS_BUTTONS = ("show", *_OF_READERS)


class Choices:
    """The choices of a session, each bound to its view.

    Args:
        view: The session's view.

    Attributes:
        toolbar: What the page looks at, for the top of the page.
        reader: Language and time, for the sidebar.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._updating = False
        self._segments: tuple[object, dict[str, str]] = (None, {})
        self._widgets: dict[str, Any] = {}
        self.toolbar = pn.FlexBox(
            align_items="end",
            gap="10px",
            sizing_mode="stretch_width",
            margin=(6, 0, 14, 0),
            stylesheets=[NOT_PRINTED],
        )
        self.reader = pn.Column(sizing_mode="stretch_width", margin=(0, 8))
        view.param.watch(self._refresh, [*_OF_ANY_PAGE, *_OF_READERS, "page", "timezone", "snapshot"])
        self._refresh()
        self.reader[:] = [self._widgets[name] for name in _OF_READERS]

    def _choose(self, name: str) -> Callable[[Any], None]:
        def chosen(event: Any) -> None:
            if not self._updating and event.new is not None:
                self._view.param.update(**{name: event.new})

        return chosen

    def _options(self) -> Mapping[str, Mapping[str, str]]:
        view, say = self._view, self._view.say
        return {
            "experiment": {row.id: row.id for row in view.snapshot.experiments},
            "range": {say(f"range.{name}"): name for name in RANGES},
            "show": {say(f"show.{name}"): name for name in ("both", "ab", "bandit")},
            "source": {say(f"source.{name}"): name for name in ("both", "live", "simulated")},
            "segment": {say("segment.all"): "", **self._known_segments()},
            "language": {"English": "en", "한국어": "ko"},
            "zone": {say("zone.utc"): "utc", say("zone.local"): "local"},
        }

    def _known_segments(self) -> dict[str, str]:
        """The experiment's segments, looked up when the page or the experiment changes."""
        view = self._view
        if "segment" not in _OF_PAGES.get(view.page, ()) or view.row is None:
            return {}
        asked = (view.page, view.row.id)
        if asked != self._segments[0]:
            found = {f"{name} = {value}": f"{name}={value}" for name, value in view.segments()}
            self._segments = (asked, found)
        return self._segments[1]

    def _refresh(self, *_: object) -> None:
        view = self._view
        of_page = _OF_PAGES.get(view.page, ())
        missing = [name for name in (*of_page, *_OF_READERS) if name not in self._widgets]
        for name in missing:  # a widget costs more than most of what else is on a page: no page has others'
            widget = self._widgets[name] = _widget(name)
            widget.param.watch(self._choose(name), "value")
        self._updating = True
        try:
            for name, options in self._options().items():
                if name not in self._widgets:
                    continue
                value = view.row.id if name == "experiment" and view.row else getattr(view, name)
                if value is not None and value not in options.values():
                    options = {**options, str(value): value}
                wanted = {
                    "options": dict(options),
                    "value": value,
                    "visible": bool(options) and (name in of_page or name in _OF_READERS),
                    "label": view.say(f"choose.{name}"),
                }
                widget = self._widgets[name]
                widget.param.update(
                    **{key: new for key, new in wanted.items() if getattr(widget, key) != new}
                )
        finally:
            self._updating = False
        if not set(_OF_READERS).issuperset(missing):
            self.toolbar[:] = [self._widgets[name] for name in _OF_ANY_PAGE if name in self._widgets]
        self.toolbar.visible = bool(of_page) and bool(view.snapshot.experiments)


def _widget(name: str) -> Any:
    if name in _AS_BUTTONS:
        reader = name in _OF_READERS
        return pmui.RadioButtonGroup(
            size="small",
            margin=(6, 8) if reader else 0,
            sizing_mode="stretch_width" if reader else None,
            sx={"& .MuiToggleButton-root": {"whiteSpace": "nowrap"}},
        )
    return pmui.Select(size="small", margin=0, width=190)
