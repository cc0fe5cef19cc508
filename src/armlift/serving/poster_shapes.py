"""What the pictures of the posters are made of: shapes as SVG, with the paint that they are drawn in."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

Point = tuple[float, float]
"""x to the right, y downward."""


def circle(x: float, y: float, radius: float, paint: str) -> str:
    """A circle around a point."""
    return f'<circle cx="{x:.4g}" cy="{y:.4g}" r="{radius:.4g}" {paint}/>'


def box(x: float, y: float, width: float, height: float, paint: str) -> str:
    """A rectangle from its upper left corner."""
    return f'<rect x="{x:.4g}" y="{y:.4g}" width="{width:.4g}" height="{height:.4g}" {paint}/>'


def polygon(points: Sequence[Point], paint: str) -> str:
    """A polygon through its corners."""
    corners = " ".join(f"{x:.4g},{y:.4g}" for x, y in points)
    return f'<polygon points="{corners}" {paint}/>'


def path(commands: str, paint: str) -> str:
    """A path of SVG commands."""
    return f'<path d="{commands}" {paint}/>'


def fill(colour: str, opacity: float = 1) -> str:
    """The paint of a surface."""
    return f'fill="{colour}"' + (f' fill-opacity="{opacity:.2g}"' if opacity < 1 else "")


def line(colour: str, width: float) -> str:
    """The paint of a line with round ends."""
    return f'fill="none" stroke="{colour}" stroke-width="{width:.3g}" stroke-linecap="round"'


def stars(pick: Random, count: int, lowest: float, paint: str) -> str:
    """Small dots above a height, `lowest`."""
    return "".join(
        circle(pick.uniform(6, 194), pick.uniform(8, lowest), pick.choice((0.7, 1, 1.5)), paint)
        for _ in range(count)
    )
