"""Colours and the look of figures, light and dark."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

_FONT: Final = "Roboto, system-ui, 'Apple SD Gothic Neo', 'Noto Sans KR', sans-serif"
_CONTRAST: Final = 3.0  # of lines and areas with their background, WCAG 2.1, 1.4.11


class Look(NamedTuple):
    """Colours of everything that is not data.

    Attributes:
        paper: Background of a card.
        ink: Text.
        muted: Text that matters less.
        grid: Lines of a grid.
    """

    paper: str
    ink: str
    muted: str
    grid: str


LIGHT: Final = Look("#ffffff", "#1f2933", "#52606d", "#e4e8ec")
DARK: Final = Look("#1b2229", "#e8edf2", "#a9b4bf", "#323c46")


def look(*, dark: bool) -> Look:
    """The colours of a mode."""
    return DARK if dark else LIGHT


def on_background(colour: str, *, dark: bool) -> str:
    """Keep a data colour's hue, but make it stand out from the background, 3 : 1 or more.

    Example:
        >>> on_background("#0072B2", dark=False), on_background("#332288", dark=True)
        ('#0072b2', '#7165ac')
    """
    paper = _luminance(_channels(look(dark=dark).paper))
    target = 1.0 if dark else 0.0
    channels = _channels(colour)
    while _contrast(_luminance(channels), paper) < _CONTRAST:
        channels = [channel + (target - channel) * 0.05 for channel in channels]
    return "#" + "".join(f"{round(channel * 255):02x}" for channel in channels)


def _contrast(one: float, other: float) -> float:
    high, low = max(one, other), min(one, other)
    return (high + 0.05) / (low + 0.05)


def _channels(colour: str) -> list[float]:
    return [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]


def _luminance(channels: list[float]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def finish(figure: Any, *, dark: bool, height: int) -> None:
    """Give a Bokeh figure the dashboard's look: fonts, colours, grid, tools, as wide as its place.

    Args:
        figure: The figure.
        dark: Whether it stands on a dark page.
        height: Pixels.
    """
    from bokeh.models import DatetimeAxis, NumeralTickFormatter

    colours = look(dark=dark)
    figure.update(
        sizing_mode="stretch_width",
        height=height,
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        min_border_right=16,
        toolbar_location="above",
    )
    figure.toolbar.update(logo=None, autohide=True, active_drag=None, active_scroll=None)
    figure.title.update(
        text_color=colours.ink, text_font=_FONT, text_font_size="13px", text_font_style="bold"
    )
    for axis in figure.axis:
        axis.update(
            axis_label_text_font=_FONT,
            axis_label_text_font_size="12px",
            axis_label_text_font_style="normal",
            axis_label_text_color=colours.muted,
            major_label_text_font=_FONT,
            major_label_text_font_size="12px",
            major_label_text_color=colours.ink,
            axis_line_color=colours.grid,
            major_tick_line_color=None,
            minor_tick_line_color=None,
        )
        if isinstance(axis, DatetimeAxis):
            axis.ticker.desired_num_ticks = 5
        elif type(axis.formatter).__name__ == "BasicTickFormatter":
            axis.formatter = NumeralTickFormatter(format="0,0.[0000]")
    for grid in figure.grid:
        grid.grid_line_color = colours.grid
