"""Colours that stay apart for colour-blind readers; one per arm and one per policy."""

from __future__ import annotations

from collections.abc import Iterable

from armlift.reporting.facts import BASELINE

INK = "#1f2933"
MUTED = "#5b6770"
GRID = "#e3e7eb"

# Okabe & Ito (2008), without black, then three more that keep their lightness apart.
_ARMS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#F0E442",
    "#7F3C00",
    "#8A8F94",
    "#332288",
)
# Paul Tol's "muted" scheme (2021), the palest last: other hues than the arms have.
_POLICIES = (
    "#332288",
    "#CC6677",
    "#117733",
    "#44AA99",
    "#AA4499",
    "#882255",
    "#999933",
    "#88CCEE",
    "#DDCC77",
)
_BASELINE_COLOUR = "#4a4a4a"


def arm_colours(arms: Iterable[str]) -> dict[str, str]:
    """Return the colour of each arm; the order of `arms` decides.

    >>> arm_colours(["svd", "random"])
    {'svd': '#0072B2', 'random': '#E69F00'}
    """
    return {arm: _ARMS[index % len(_ARMS)] for index, arm in enumerate(arms)}


def policy_colours(policies: Iterable[str]) -> dict[str, str]:
    """Return the colour of each policy; the fixed split is always dark grey.

    >>> policy_colours(["fixed", "ucb1"])
    {'fixed': '#4a4a4a', 'ucb1': '#332288'}
    """
    names = list(policies)
    bandits = [name for name in names if name != BASELINE]
    colours = {name: _POLICIES[index % len(_POLICIES)] for index, name in enumerate(bandits)}
    return {name: colours.get(name, _BASELINE_COLOUR) for name in names}


def text_colour(colour: str) -> str:
    """Darken a line colour until text in it is readable on white (contrast at least 4.5 : 1, WCAG 2.1).

    >>> text_colour("#332288")
    '#332288'
    """
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    while 1.05 / (_luminance(channels) + 0.05) < 4.5:
        channels = [channel * 0.95 for channel in channels]
    return "#" + "".join(f"{round(channel * 255):02x}" for channel in channels)


def _luminance(channels: list[float]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
