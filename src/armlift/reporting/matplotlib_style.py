"""How charts look in matplotlib."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from armlift.reporting.facts import Chart
from armlift.reporting.marks import DIRECT
from armlift.reporting.palette import GRID, INK, MUTED, text_colour
from armlift.reporting.rendering import end_labels, panel_axes

if TYPE_CHECKING:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

_DPI = 160
_WIDTH = 10.0
_HEIGHT = 5.625
_ROW = 2.1
_ROW_GAP = 0.6
_STRIP = 0.62
_TICK = 0.2  # height of a category, inches
_WIDE_TICK = 0.38  # where several marks of a category stand below each other
_LETTER = 0.082  # width of a letter of a label, inches


def draw(chart: Chart) -> FigureCanvasAgg:
    """Draw a chart; the canvas holds the figure.

    Args:
        chart: What to draw.
    """
    import holoviews as hv
    import holoviews.plotting.mpl  # registers the backend
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = list(chart.element)
    rows = -(-len(panels) // chart.columns)
    strips = len(chart.categories) if any(element.group == "Share" for element in panels[0]) else 0
    tick = _TICK if chart.columns > 1 else _WIDE_TICK
    ticks = 1.6 + rows * (_ROW_GAP + len(chart.categories) * tick)
    height = max(_HEIGHT, 1.3 + rows * _ROW, 1.6 + strips * _STRIP, ticks)
    figure = Figure(figsize=(_WIDTH, height), dpi=_DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    top = _headings(figure, chart, height)
    grid = figure.subplots(
        rows, chart.columns, squeeze=False, gridspec_kw=_grid(chart, rows, height, top)
    ).ravel()
    renderer = hv.Store.renderers["matplotlib"]
    for place, (axes, panel) in enumerate(zip(grid, panels, strict=False)):
        renderer.get_plot(_styled(panel, chart), fig=figure, axis=axes, show_legend=False)
        _finish(
            axes,
            panel,
            chart,
            small=rows > 2,
            outer=(place % chart.columns == 0, place + chart.columns >= len(panels)),
        )
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    return canvas


def _grid(chart: Chart, rows: int, height: float, top: float) -> dict[str, float]:
    """Return the edges of the panels (fractions of the figure) and the gaps between them (of a panel).

    Computed from the lengths of the texts: constrained layout would draw the figure twice.
    """
    labelled = any(panel.group == DIRECT for panel in chart.element)
    names = _LETTER * max(map(len, chart.colours), default=0) if labelled else 0.0
    left = 0.25 + _LETTER * max(map(len, chart.categories)) if chart.categories else 0.85
    right, bottom, between = 0.3 + names, 0.8, 0.5 + names
    wide = (_WIDTH - left - right - (chart.columns - 1) * between) / chart.columns
    high = (height * top - 0.3 - bottom - (rows - 1) * _ROW_GAP) / rows
    return {
        "left": left / _WIDTH,
        "right": 1 - right / _WIDTH,
        "bottom": bottom / height,
        "top": top - 0.3 / height,
        "wspace": between / wide,
        "hspace": _ROW_GAP / high,
    }


def _headings(figure: Any, chart: Chart, height: float) -> float:
    """Write title, caption, reading and legend; return the upper end of the room left for panels."""
    from matplotlib.lines import Line2D

    inch = 1 / height
    caption = textwrap.fill(chart.caption, 122)
    figure.text(0.015, 1 - 0.14 * inch, chart.title, size=15, weight="bold", color=INK, va="top")
    figure.text(0.015, 1 - 0.48 * inch, caption, size=10.5, color=INK, va="top", linespacing=1.3)
    figure.text(0.015, 0.09 * inch, chart.reading, size=8.5, color=MUTED, va="bottom")
    top = 1 - (0.56 + 0.2 * (caption.count("\n") + 1)) * inch
    if chart.legend:
        handles = [
            Line2D([], [], color=chart.colours[name], marker="s", markersize=8, linestyle="", label=name)
            for name in chart.legend
        ]
        figure.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(0.008, top + 0.04 * inch),
            ncols=min(len(handles), 5),
            frameon=False,
            fontsize=9.5,
            handletextpad=0.2,
            columnspacing=1.4,
            labelcolor=INK,
            borderpad=0.1,
        )
        top -= 0.22 * inch * -(-len(handles) // 5)
    return top - 0.08 * inch


def _styled(panel: Any, chart: Chart) -> Any:
    elements = [element.opts(backend="matplotlib", clone=True, **_look(element, chart)) for element in panel]
    return panel.clone(elements).opts(backend="matplotlib", clone=True, apply_ticks=False, aspect=None)


def _look(element: Any, chart: Chart) -> dict[str, Any]:
    import holoviews as hv

    by_name = hv.dim("name").categorize(dict(chart.colours), MUTED)
    line = {"color": by_name}
    looks: dict[str, dict[str, Any]] = {
        "Line": {**line, "linewidth": 1.6},
        "Lead": {**line, "linewidth": 2.8},
        "Bound": {**line, "linewidth": 0.9, "alpha": 0.8},
        "Interval": {**line, "linewidth": 2.6},
        "Rule": {"color": INK, "linewidth": 1},
        "Guide": {"color": GRID, "linewidth": 2},
        "Band": {"facecolor": chart.colours.get(element.label), "alpha": 0.16, "linewidth": 0},
        "Share": {"facecolor": by_name, "edgecolor": by_name, "linewidth": 0.2},
        "Bar": {"facecolor": by_name, "linewidth": 0},
        "Box": {"facecolor": by_name, "alpha": 0.35, "linewidth": 0},
        "Value": {"color": INK, "size": 8.5, "horizontalalignment": "left"},
        "Dot": {"color": by_name, "s": 75},
        "Fold": {"color": by_name, "s": 16},
        "Small": {"color": by_name, "s": 34},
        "Best": {"facecolors": "white", "edgecolors": INK, "linewidth": 1.4, "s": 210},
        "Truth": {"color": by_name, "s": 38, "marker": "^", "edgecolors": "white", "linewidth": 0.5},
    }
    return looks[element.group]


def _finish(axes: Any, panel: Any, chart: Chart, *, small: bool, outer: tuple[bool, bool]) -> None:
    """Apply title, limits, ticks, grid and direct labels.

    Args:
        axes: Where the panel was drawn.
        panel: The panel.
        chart: Its chart.
        small: Whether the panel is one of many.
        outer: Whether it stands in the first column, and whether no panel stands below it.
    """
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    x, y = panel_axes(panel)
    size = 8.5 if small else 9.5
    covered = any(element.group == "Share" for element in panel)
    axes.set_title(panel.label, loc="left", size=size + 1, weight="bold", color=INK, pad=5)
    axes.set_title("", loc="center")
    axes.set(xlim=x.range, ylim=y.range, aspect="auto")
    axes.set_box_aspect(None)  # HoloViews asks for squares
    axes.set_xlabel(x.pprint_label if outer[1] else "", size=size, color=MUTED)
    axes.set_ylabel(y.pprint_label if outer[0] and not chart.categories else "", size=size, color=MUTED)
    axes.tick_params(labelsize=size, colors=MUTED, length=0, labelcolor=INK)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_zorder(-1)  # grid below all marks
    if not covered:
        axes.grid(axis="x" if chart.categories else "both", color=GRID, linewidth=0.8)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(MUTED)
    plain = FuncFormatter(lambda value, _: f"{value:,.10g}".replace("-", "−"))
    axes.xaxis.set_major_locator(MaxNLocator(4 if chart.columns > 1 else 8, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(plain)
    if chart.categories:
        axes.set_yticks(range(len(chart.categories)), chart.categories if outer[0] else [])
    else:
        axes.yaxis.set_major_locator(MaxNLocator(4 if small else 6, steps=[1, 2, 2.5, 5, 10]))
        axes.yaxis.set_major_formatter(plain)
    for name, height in end_labels(panel, gap=0.048):
        axes.annotate(
            name,
            (1, height),
            xycoords=("axes fraction", "data"),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            size=9,
            color=text_colour(chart.colours[name]),
            annotation_clip=False,
        )
