"""From a chart to pictures: PNG by matplotlib, self-contained HTML by Bokeh."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from armlift.reporting.facts import Chart
from armlift.reporting.marks import DIRECT, spread
from armlift.reporting.templates import environment

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Fragment:
    """A chart as pieces of an HTML page that has the Bokeh resources.

    Attributes:
        divs: One element per panel.
        script: `<script>` element that draws into them.
        labelled: Whether the panels name their lines, for which a narrow screen has no room.
    """

    divs: tuple[str, ...]
    script: str
    labelled: bool


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Pause the cyclic garbage collector, which takes a sixth of the time where so many objects are made."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def panel_axes(panel: Any) -> tuple[Any, Any]:
    """Return the x and y dimension of a panel, with label, unit and range."""
    first = next(element for element in panel if len(element.kdims) >= 2)
    return first.kdims[0], first.kdims[1]


def end_labels(panel: Any, gap: float) -> list[tuple[str, float]]:
    """Return the names of a panel's lines and where to write them at its right end.

    Args:
        panel: Panel of the group that names its lines, else there is nothing to write.
        gap: Least distance between labels, as a fraction of the y range.
    """
    if panel.group != DIRECT:
        return []
    low, high = panel_axes(panel)[1].range
    ends: dict[str, float] = {}
    for element in panel:
        if element.group in ("Line", "Lead"):
            names, heights = element.dimension_values("name"), element.dimension_values("y1")
            ends.update((str(name), float(height)) for name, height in zip(names, heights, strict=True))
    names = sorted(ends, key=lambda name: ends[name])
    size = high - low  # the lowest label must clear the labels of the x axis
    places = spread([ends[name] for name in names], gap * size, (low + 0.03 * size, high))
    return list(zip(names, places, strict=True))


@_collector_paused()
def render_png(chart: Chart) -> Image.Image:
    """Draw a chart, with title and caption, as a picture 1600 pixels wide.

    Args:
        chart: What to draw.

    Returns:
        RGB image, 1600 x 900 pixels; higher where there are more than two rows of panels.
    """
    import numpy as np
    from PIL import Image

    from armlift.reporting.matplotlib_style import draw

    canvas: Any = draw(chart)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


@lru_cache(maxsize=32)
@_collector_paused()
def fragment(chart: Chart) -> Fragment:
    """Draw a chart for a page; the page of its own and the summary page share the work.

    Args:
        chart: What to draw.
    """
    from bokeh.document import Document
    from bokeh.embed import components

    from armlift.reporting.bokeh_style import draw

    figures = draw(chart)
    document = Document()
    with document.models.freeze():  # one walk through all models instead of one for each panel
        for figure in figures:
            document.add_root(figure)
    script, divs = components(figures)
    return Fragment(tuple(divs), script, any(panel.group == DIRECT for panel in chart.element))


def bokeh_script() -> str:
    """Return the Bokeh library as an inline script: its core alone, without widgets, tables and formulas.

    Not by `Resources.render`: Panel, which HoloViews imports, adds scripts to it that load from outside.
    """
    from bokeh.resources import Resources

    sources = "\n".join(Resources(mode="inline", components=["bokeh"]).js_raw)
    return f"<script>\n{sources}\n</script>"


def render_html(chart: Chart) -> str:
    """Draw a chart as an interactive HTML page that loads nothing from outside.

    Args:
        chart: What to draw.
    """
    template = environment().get_template("chart.html")
    return template.render(chart=chart, fragment=fragment(chart), bokeh=bokeh_script())
