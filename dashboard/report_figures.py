"""Charts of the reports on the dashboard: the same elements, in its look and language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from armlift.messages import CATALOGUE
from armlift.reporting.facts import Chart
from armlift.reporting.palette import GRID, INK, MUTED
from dashboard.theme import look, on_background
from dashboard.view import View

_PLAIN = "Panel"
_BEHIND = 0.12  # of the axis
_COLOURS = ("line_color", "fill_color", "text_color")
_ROW = {"flex-wrap": "wrap", "width": "100%"}
_LEAST = {1: 0, 2: 340, 3: 300}  # pixels below which panels stand below each other


def report_figure(view: View, chart: Chart) -> Any:
    """Draw a chart of a report.

    Args:
        view: Gives language and darkness.
        chart: What to draw; its title and caption are left to the page.

    Returns:
        The panels, beside each other where there is room for it.
    """
    from bokeh.layouts import column, row

    from armlift.reporting.bokeh_style import draw

    colours = {name: on_background(colour, dark=view.dark) for name, colour in chart.colours.items()}
    panels = [panel.relabel(group=_PLAIN) for panel in chart.element]  # lines are named by the legend alone
    figures = draw(replace(chart, colours=colours, element=chart.element.clone(panels)))
    for figure in figures:
        if chart.categories and len(figures) > 1:  # narrow panels: values are written behind the bars
            span = figure.x_range.end - figure.x_range.start
            figure.x_range.end += _BEHIND * span
        _recolour(figure, dark=view.dark)
        _translate(view, figure)
    if not chart.categories or chart.legend:
        _legend(figures[0], {name: colours[name] for name in chart.legend or colours})
    if len(figures) == 1:
        return column(figures[0], sizing_mode="stretch_width")
    for figure in figures:
        figure.styles = {"flex": f"1 1 {_LEAST[min(chart.columns, 3)]}px", "min-width": "0"}
    return row(*figures, sizing_mode="stretch_width", styles=_ROW)


def translated(view: View, text: str) -> str:
    """A label of a report in the view's language; what has no message, such as the name of a metric, stays.

    The key is made of the English words: `dash.label.share_of_clicks`.
    """
    words, unit = re.fullmatch(r"(.*?)( \(%\))?", text).groups() if text else ("", None)  # type: ignore[union-attr]
    key = "dash.label." + re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")
    texts: Mapping[str, str] = CATALOGUE[view.language].texts
    return texts.get(key, words) + (unit or "")


def _translate(view: View, figure: Any) -> None:
    figure.title.text = translated(view, figure.title.text or "")
    for axis in figure.axis:
        if axis.axis_label:
            axis.axis_label = translated(view, axis.axis_label)
        labels = axis.major_label_overrides
        if labels:
            axis.major_label_overrides = {place: translated(view, label) for place, label in labels.items()}


def _recolour(figure: Any, *, dark: bool) -> None:
    """Give what is no data the colours of the mode; reports are drawn for white paper."""
    colours = look(dark=dark)
    instead = {INK: colours.ink, MUTED: colours.muted, GRID: colours.grid, "white": colours.paper}
    for renderer in figure.renderers:
        glyph = renderer.glyph
        for name in _COLOURS:
            value = getattr(glyph, name, None)
            value = getattr(value, "value", value)
            if isinstance(value, str) and value in instead:
                setattr(glyph, name, instead[value])


def _legend(figure: Any, colours: Mapping[str, str]) -> None:
    """Name the colours; the dashboard writes the legend beside the figure."""
    from bokeh.models import Legend, LegendItem

    items = [
        LegendItem(label=name, renderers=[figure.line([], [], line_color=colour)])
        for name, colour in colours.items()
    ]
    figure.add_layout(Legend(items=items, visible=False))
