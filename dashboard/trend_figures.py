"""Figures of trends: lines with bands, stacked shares, steps, bars, intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dashboard.theme import look

PERCENT = "0,0.[00] %"
COUNT = "0,0.[0]"
_BAND = 0.16
_FEW = 12  # bars that can have a tick each


def trend_figure(
    rows: pd.DataFrame,
    colours: Mapping[str, str],
    *,
    name: str,
    y: str,
    band: tuple[str, str] | None,
    labels: tuple[str, str],
    number: str = COUNT,
    zero: bool = False,
    reference: str | None = None,
    dots: bool = False,
) -> Any:
    """Lines over time or decisions, with bands.

    Args:
        rows: Columns `x` (times without a zone, or numbers), `name`, `y` and the band; nulls are gaps.
        colours: Colour by name, in the legend's order; names without rows are left out.
        name: Column of the name.
        y: Column of the height.
        band: Columns of the band's ends; None for no band.
        labels: Of the axes.
        number: How heights are written.
        zero: Whether 0 belongs to the axis.
        reference: Colour of a line at 0; None for no line.
        dots: Whether each value has a dot.
    """
    from bokeh.models import HoverTool, NumeralTickFormatter, Range1d, Span

    figure = _figure(rows["x"], labels)
    if reference:
        figure.add_layout(Span(location=0, dimension="width", line_color=reference, line_width=1))
    for each, colour in colours.items():
        part = rows[rows[name] == each].dropna(subset=[y]).sort_values("x")
        if part.empty:
            continue
        source = {"x": part["x"], "y": part[y], "name": [each] * len(part)}
        if band:
            source |= {"low": part[band[0]], "high": part[band[1]]}
        data = _source(source)
        if band:
            figure.varea("x", "low", "high", source=data, fill_color=colour, fill_alpha=_BAND)
        line = figure.line("x", "y", source=data, color=colour, line_width=2.5, legend_label=each)
        if dots or len(part) == 1:
            figure.scatter("x", "y", source=data, color=colour, size=7)
        shown = f"@y{{{number}}}" + (f" (@low{{{number}}} – @high{{{number}}})" if band else "")
        is_time = rows["x"].dtype.kind == "M"
        tips = [("", "@name"), (labels[0], "@x{%F %H:%M}" if is_time else "@x{0,0}"), (labels[1], shown)]
        times = {"@x": "datetime"} if is_time else {}
        figure.add_tools(
            HoverTool(tooltips=tips, formatters=times, renderers=[line], visible=False, line_policy="nearest")
        )
    figure.yaxis.formatter = NumeralTickFormatter(format=number)
    ends = [rows[column] for column in ((y, *band) if band else (y,))]
    figure.y_range = _range(rows[y], ends, zero=zero)
    moments = rows["x"].drop_duplicates()
    if len(moments) == 1:  # else Bokeh's axis shows microseconds
        half = pd.Timedelta(hours=1) if moments.dtype.kind == "M" else 1
        figure.x_range = Range1d(moments.iloc[0] - half, moments.iloc[0] + half)
    return figure


def stacked_figure(
    rows: pd.DataFrame, colours: Mapping[str, str], width: Any, labels: tuple[str, str], title: str = ""
) -> Any:
    """Shares that add up to 1, as steps over time or decisions.

    Args:
        rows: Columns x (start of a stretch), name, share.
        colours: Colour by name; the order is that of the stack, from below.
        width: Length of a stretch, in the unit of x.
        labels: Of the axes.
        title: Above the figure.
    """
    from bokeh.models import NumeralTickFormatter, Range1d

    table = rows.pivot_table(index="x", columns="name", values="share", aggfunc="sum", observed=True)
    table = table.reindex(columns=list(colours)).fillna(0.0).sort_index()
    starts = table.index.to_series()
    following = starts.shift(-1)
    ends = (starts + width).where((starts + width < following) | following.isna(), following)
    corners = np.column_stack([starts.to_numpy(), ends.to_numpy()]).ravel()
    x = pd.DatetimeIndex(corners) if starts.dtype.kind == "M" else corners
    figure = _figure(pd.Series(x), labels)
    figure.title.text = title
    source: dict[str, Any] = {"x": x}
    source |= {each: np.repeat(table[each].to_numpy(), 2) for each in colours}
    figure.varea_stack(
        list(colours), x="x", color=list(colours.values()), alpha=0.85, source=_source(source),
        legend_label=list(colours),
    )  # fmt: skip
    figure.yaxis.formatter = NumeralTickFormatter(format="0 %")
    figure.y_range = Range1d(0, 1)
    if len(x) > 1:
        figure.x_range = Range1d(x[0], x[-1])
    return figure


def interval_figure(rows: pd.DataFrame, colours: Mapping[str, str], label: str, *, dark: bool) -> Any:
    """Estimates with their intervals, one line each, the last on top, and a line at 0.

    Args:
        rows: Columns name, estimate, low, high.
        colours: Colour by name.
        label: Of the axis.
        dark: Whether it stands on a dark page.
    """
    from bokeh.models import HoverTool, NumeralTickFormatter, Span
    from bokeh.plotting import figure as new_figure

    names = [str(name) for name in rows["name"]]
    figure = new_figure(y_range=names, x_axis_label=label, tools="xpan,reset,save")
    figure.add_layout(Span(location=0, dimension="height", line_color=look(dark=dark).muted, line_width=1))
    data = _source(
        {**{column: rows[column] for column in ("estimate", "low", "high")}, "name": names}
        | {"colour": [colours.get(name, look(dark=dark).muted) for name in names]}
    )
    figure.segment("low", "name", "high", "name", source=data, color="colour", line_width=4, line_cap="round")
    dots = figure.scatter("estimate", "name", source=data, color="colour", size=11)
    tips = [("", "@name"), (label, "@estimate{0.0 %} (@low{0.0 %} – @high{0.0 %})")]
    figure.add_tools(HoverTool(tooltips=tips, renderers=[dots], visible=False))
    figure.xaxis.formatter = NumeralTickFormatter(format=PERCENT)
    return figure


def steps_figure(rows: pd.DataFrame, colours: Mapping[str, str], labels: tuple[str, str]) -> Any:
    """Cumulative shares as steps.

    Args:
        rows: Columns name, x, share (0 to 1), ascending in x for each name.
        colours: Colour by name.
        labels: Of the axes.
    """
    from bokeh.models import NumeralTickFormatter, Range1d

    figure = _figure(rows["x"], labels)
    low, high = (float(rows["x"].min()), float(rows["x"].max())) if len(rows) else (0.0, 1.0)
    room = 0.05 * (high - low) or 0.5
    for each, part in rows.groupby("name", sort=False):
        x = np.concatenate([[low - room], part["x"], [high + room]])
        share = np.concatenate([[0.0], part["share"], [1.0]])
        figure.step(x, share, mode="after", color=colours[str(each)], line_width=2.5, legend_label=str(each))
    figure.yaxis.formatter = NumeralTickFormatter(format="0 %")
    figure.y_range = Range1d(0, 1.02)
    return figure


def bars_figure(bins: pd.DataFrame, colours: Mapping[str, str], labels: tuple[str, str]) -> Any:
    """Histograms of several names side by side in the same bins.

    Args:
        bins: Columns name, left, right, share (0 to 1).
        colours: Colour by name.
        labels: Of the axes.
    """
    from bokeh.models import FixedTicker, HoverTool, NumeralTickFormatter

    figure = _figure(bins["left"], labels)
    middles = sorted(set(((bins["left"] + bins["right"]) / 2).round(6)))
    if len(middles) <= _FEW:
        figure.xaxis.ticker = FixedTicker(ticks=middles)
    names = [name for name in colours if name in set(bins["name"])]
    for place, name in enumerate(names):
        part = bins[bins["name"] == name]
        wide = (part["right"] - part["left"]) * 0.84 / len(names)
        left = part["left"] + 0.08 * (part["right"] - part["left"]) + place * wide
        data = _source(
            {"left": left, "right": left + 0.92 * wide, "top": part["share"], "name": [name] * len(part)}
        )
        bars = figure.quad(
            left="left", right="right", bottom=0, top="top", source=data,
            fill_color=colours[name], line_color=None, legend_label=name,
        )  # fmt: skip
        tips = [("", "@name"), (labels[1], "@top{0.0 %}")]
        figure.add_tools(HoverTool(tooltips=tips, renderers=[bars], visible=False))
    figure.yaxis.formatter = NumeralTickFormatter(format="0 %")
    figure.y_range.start = 0
    return figure


def _figure(x: pd.Series[Any], labels: Sequence[str]) -> Any:
    from bokeh.plotting import figure

    kind = "datetime" if x.dtype.kind == "M" else "linear"
    return figure(
        x_axis_type=kind, x_axis_label=labels[0], y_axis_label=labels[1], tools="xpan,xbox_zoom,reset,save"
    )


def _source(columns: Mapping[str, Any]) -> Any:
    from bokeh.models import ColumnDataSource

    return ColumnDataSource({name: np.asarray(values) for name, values in columns.items()})


def _range(middle: pd.Series[Any], ends: Sequence[pd.Series[Any]], *, zero: bool) -> Any:
    """A range that holds all heights, and the bands of the later half.

    Bands of the first few rewards are huge; they must not press everything else flat.
    """
    from bokeh.models import Range1d

    heights = middle[np.isfinite(middle.astype(float))].to_numpy(float)
    if not len(heights):
        return Range1d(0, 1)
    late = np.concatenate([end.tail(max(len(end) // 2, 2)).to_numpy(float) for end in ends])
    late = late[np.isfinite(late)] if np.isfinite(late).any() else heights
    low, high = min(heights.min(), late.min()), max(heights.max(), late.max())
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    room = 0.05 * (high - low) or 0.05 * abs(high) or 0.5
    return Range1d(low if zero and low == 0 else low - room, high + room)
