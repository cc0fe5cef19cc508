"""The components of the dashboard's own, whose browser half is `browser.js`."""

from __future__ import annotations

from pathlib import Path

import panel as pn
import param

_BUNDLE = Path(__file__).with_name("browser.js")
STYLE = Path(__file__).with_name("style.css").read_text("utf-8")

NOT_PRINTED = "@media print { :host { display: none } }"
"""A stylesheet of what one uses, and does not read."""


class Html(pn.custom.JSComponent):  # type: ignore[misc]  # panel has no types
    """A piece of HTML in the dashboard's style; whoever makes it escapes what it does not know.

    Attributes:
        html: The HTML.
    """

    html = param.String("")

    _bundle = _BUNDLE


class FirstLook(Html):
    """A page in plain HTML; it is emptied when what comes after it in the same layout is there.

    Attributes:
        html: The HTML.
    """


class Navigator(pn.custom.JSComponent):  # type: ignore[misc]
    """What the browser alone knows and does: the address, the title, the language, the time zone.

    Attributes:
        query: Query of the address, with its question mark; changed from both sides.
        title: Title of the window.
        language: Language of the document.
        dark: Whether the document is dark.
        timezone: The browser's time zone.
        menu: Name of the menu, where it lies above the page.
    """

    query = param.String("?")
    title = param.String("")
    language = param.String("en")
    dark = param.Boolean(False)
    timezone = param.String("")
    menu = param.String("")

    _bundle = _BUNDLE


class Chart(pn.custom.JSComponent):  # type: ignore[misc]
    """A chart with its title, its sentence and its legend.

    Attributes:
        title: Title.
        sentence: What it shows, in words.
        legend: Name, colour and whether dashed, by entry.
        item: The figure as `embed_item` takes it, JSON.
        figure_height: Pixels.
        frames: Moments to play, JSON; empty for a chart that stands still.
        play: Words of the button that plays them.
        pause: Words of the button that stops them.
        moment: Name of the slider.
        state: `busy`, `ready`, `empty` or `failed`.
        note: Said in the figure's place.
    """

    title = param.String("")
    sentence = param.String("")
    legend = param.List([])
    item = param.String("")
    figure_height = param.Integer(320)
    frames = param.String("")
    play = param.String("")
    pause = param.String("")
    moment = param.String("")
    state = param.String("busy")
    note = param.String("")

    _bundle = _BUNDLE
