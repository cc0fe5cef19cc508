"""A page as plain HTML, to be read while the browser still makes the live one ready."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path

import panel as pn

from dashboard.parts import Chart, Html

TEMPLATE = Path(__file__).with_name("page.html")
"""The frame of a document; its variables `first`, `language` and `mode` are those of `variables`."""

_IDS = re.compile(r'\sid="[^"]*"')


def variables(
    menu: pn.viewable.Viewable, main: pn.viewable.Viewable, *, language: str, dark: bool
) -> dict[str, str]:
    """What the template shows until the live page is there, and then takes away.

    Args:
        menu: What lies beside the page.
        main: The page.
        language: Its language.
        dark: Whether it is dark.
    """
    first = (
        f'<div class="bar">armlift</div><div class="aside">{in_words(menu)}</div>'
        f'<div class="body">{in_words(main)}</div>'
    )
    return {"first": first, "language": language, "mode": "dark" if dark else "light"}


def in_words(part: pn.viewable.Viewable) -> str:
    """Give a part as plain HTML, without the ids that the live one has a moment later."""
    return _IDS.sub("", "".join(_parts(part)))


def _parts(part: pn.viewable.Viewable) -> Iterator[str]:
    """What can be read without a script: pieces of HTML, and of charts the words."""
    if not part.visible:
        return
    if isinstance(part, Html):
        yield f'<div class="html">{part.html}</div>' if part.html else ""
    elif isinstance(part, Chart):
        yield (
            f'<section class="card chart"><header><h3>{escape(part.title)}</h3>'
            f'<p class="sentence">{escape(part.sentence)}</p></header>'
            f'<div style="height: {part.figure_height}px"></div></section>'
        )
    elif isinstance(part, pn.FlexBox):
        beside = "".join(_parts_of(part))
        yield f'<div class="beside">{beside}</div>' if beside else ""
    elif isinstance(part, pn.layout.base.ListLike):
        yield from _parts_of(part)


def _parts_of(layout: pn.layout.base.ListLike) -> Iterator[str]:
    for part in layout.objects:
        yield from _parts(part)
