"""How charts look and behave in Bokeh."""

from __future__ import annotations

from typing import Any

from armlift.reporting.facts import Chart
from armlift.reporting.palette import GRID, INK, MUTED, text_colour
from armlift.reporting.rendering import end_labels, panel_axes

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_HEIGHTS = {1: 420, 2: 360, 3: 300}
_CATEGORY = {1: 60, 2: 34, 3: 30}  # height of a category, pixels
_LETTER = 7  # width of a letter of a label, pixels
# On a phone the labels would take the room of the lines; the page shows a legend there instead.
_HIDE_LABELS = """
const wide = window.innerWidth > 560
labels.visible = wide
figure.min_border_right = wide ? room : 12
"""


def draw(chart: Chart) -> list[Any]:
    """Draw a chart: one Bokeh figure per panel, as wide as the page gives it room.

    Args:
        chart: What to draw.
    """
    import holoviews as hv
    import holoviews.plotting.bokeh  # registers the backend

    renderer = hv.Store.renderers["bokeh"]
    return [_finish(renderer.get_plot(_styled(panel, chart)).state, panel, chart) for panel in chart.element]


def _styled(panel: Any, chart: Chart) -> Any:
    elements = [
        element.opts(backend="bokeh", clone=True, **_look(element, panel, chart)) for element in panel
    ]
    return panel.clone(elements).opts(backend="bokeh", clone=True, show_legend=False, default_tools=[])


def _look(element: Any, panel: Any, chart: Chart) -> dict[str, Any]:
    import holoviews as hv

    by_name = hv.dim("name").categorize(dict(chart.colours), MUTED)
    line = {"color": by_name, "line_cap": "round"}
    looks: dict[str, dict[str, Any]] = {
        "Line": {**line, "line_width": 2},
        "Lead": {**line, "line_width": 3.5},
        "Bound": {**line, "line_width": 1.2, "alpha": 0.8},
        "Interval": {**line, "line_width": 4},
        "Rule": {"color": INK, "line_width": 1},
        "Guide": {"color": GRID, "line_width": 3},
        "Band": {"color": chart.colours.get(element.label), "line_alpha": 0, "fill_alpha": 0.16},
        "Share": {"fill_color": by_name, "line_color": by_name, "line_width": 1},
        "Bar": {"fill_color": by_name, "line_color": None},
        "Box": {"fill_color": by_name, "fill_alpha": 0.35, "line_color": None},
        "Value": {"text_color": INK, "text_font_size": "12px", "text_align": "left"},
        "Dot": {"color": by_name, "size": 11},
        "Fold": {"color": by_name, "size": 5},
        "Small": {"color": by_name, "size": 8},
        "Best": {"fill_color": "white", "line_color": INK, "line_width": 1.8, "size": 20},
        "Truth": {"color": by_name, "size": 10, "marker": "triangle", "line_color": "white"},
    }
    hover = _hover(element, panel)
    return looks[element.group] | ({"tools": [hover]} if hover else {})


def _hover(element: Any, panel: Any) -> Any:
    from bokeh.models import HoverTool

    x, y = panel_axes(panel)
    decisions = (x.label, "@x1{0,0}")
    tooltips = {
        "Line": [("", "@name"), (x.label, "@x1{0,0.[00]}"), (y.pprint_label, "@y1{0,0.[00]}")],
        "Share": [("", "@name"), ("Decisions up to", "@x1{0,0}"), ("Share of traffic", "@share{0.0} %")],
        "Dot": [("", "@name"), (x.pprint_label, "@x0{0.00}")],
        "Bar": [("", "@name"), ("value", "@x1{0.0000}")],
        "Fold": [("", "@name"), ("value", "@x0{0.0000}")],
        "Small": [("", "@name"), (x.pprint_label, "@x0{0.0000}")],
    }
    tooltips["Lead"] = tooltips["Line"]
    tooltips["Bound"] = [("", "@name, upper bound"), decisions, (y.pprint_label, "@y1{0.00}")]
    if element.group not in tooltips:
        return None
    return HoverTool(tooltips=tooltips[element.group], visible=False)


def _finish(figure: Any, panel: Any, chart: Chart) -> Any:
    """Apply title, limits, ticks, grid, tools and direct labels."""
    from bokeh.models import BoxZoomTool, FixedTicker, NumeralTickFormatter, Range1d, ResetTool, SaveTool

    x, y = panel_axes(panel)
    figure.update(
        sizing_mode="stretch_width",
        height=max(_HEIGHTS[chart.columns], _CATEGORY[chart.columns] * len(chart.categories)),
        x_range=Range1d(*x.range),
        y_range=Range1d(*y.range),
        outline_line_color=None,
        min_border_right=12,
        toolbar_location="above",
    )
    figure.add_tools(BoxZoomTool(), ResetTool(), SaveTool())
    figure.toolbar.update(logo=None, autohide=True, active_drag=None, active_scroll=None)
    figure.title.update(
        text=panel.label, align="left", text_font=_FONT, text_color=INK, text_font_size="13px"
    )
    for axis, dimension in ((figure.xaxis[0], x), (figure.yaxis[0], y)):
        axis.update(
            axis_label=None if dimension is y and chart.categories else dimension.pprint_label,
            axis_label_text_font=_FONT,
            axis_label_text_font_style="normal",
            axis_label_text_font_size="12px",
            axis_label_text_color=MUTED,
            major_label_text_font=_FONT,
            major_label_text_font_size="12px",
            major_label_text_color=INK,
            major_tick_line_color=None,
            minor_tick_line_color=None,
            axis_line_color=None,
            formatter=NumeralTickFormatter(format="0,0.[000]"),
        )
        axis.ticker.update(desired_num_ticks=3 if chart.categories else 5)
    figure.xgrid[0].update(visible=True, grid_line_color=GRID)
    figure.ygrid[0].update(visible=not chart.categories, grid_line_color=GRID)
    if chart.categories:
        figure.yaxis[0].update(
            ticker=FixedTicker(ticks=list(range(len(chart.categories)))),
            major_label_overrides=dict(enumerate(chart.categories)),
        )
    _label_ends(figure, panel, chart)
    return figure


def _label_ends(figure: Any, panel: Any, chart: Chart) -> None:
    from bokeh.models import ColumnDataSource, CustomJS

    labels = end_labels(panel, gap=0.055)
    if not labels:
        return
    names, heights = zip(*labels, strict=True)
    source = ColumnDataSource(
        {
            "x": [panel_axes(panel)[0].range[1]] * len(names),
            "y": heights,
            "name": names,
            "colour": [text_colour(chart.colours[name]) for name in names],
        }
    )
    written = figure.text(
        "x",
        "y",
        "name",
        source=source,
        level="overlay",  # the one level that reaches beyond the frame
        text_color="colour",
        text_baseline="middle",
        text_font={"value": _FONT},
        text_font_size="12px",
        x_offset=6,
    )
    room = 12 + _LETTER * max(map(len, names))
    figure.min_border_right = room
    figure.js_on_change(
        "outer_width", CustomJS(args={"figure": figure, "labels": written, "room": room}, code=_HIDE_LABELS)
    )
