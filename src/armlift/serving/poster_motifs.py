"""The pictures of the posters: one motif for each genre, drawn in a box of 200 by 200.

A motif takes a generator, which gives each film a variation of its own, and the poster's colours. It returns
SVG without references, scripts or style attributes, so that a page may hold any number of them.
"""

from __future__ import annotations

from collections.abc import Callable
from math import cos, exp, pi, sin
from random import Random
from typing import Final, NamedTuple

from armlift.serving.poster_shapes import Point, box, circle, fill, line, path, polygon, stars


class Colours(NamedTuple):
    """Colours of a poster.

    Attributes:
        ground: What it is painted on.
        ink: The title, readable on `ground`.
        first: Main colour of the motif.
        second: Its companion.
        third: Its accent.
    """

    ground: str
    ink: str
    first: str
    second: str
    third: str


Motif = Callable[[Random, Colours], str]


def two_circles(pick: Random, colours: Colours) -> str:
    """Two circles that meet, or one that is cut and comes apart."""
    radius, height = pick.uniform(54, 66), pick.uniform(92, 108)
    if pick.random() < 0.5:
        left, right = 100 - radius * 0.52, 100 + radius * 0.52
        half = (radius**2 - (radius * 0.52) ** 2) ** 0.5
        lens = f"M100 {height - half:.4g}A{radius:.4g} {radius:.4g} 0 0 1 100 {height + half:.4g}"
        lens += f"A{radius:.4g} {radius:.4g} 0 0 1 100 {height - half:.4g}Z"
        return (
            circle(left, height, radius, fill(colours.first))
            + circle(right, height, radius, fill(colours.second))
            + path(lens, fill(colours.third))
        )
    shift = pick.uniform(12, 26)
    upper, lower = height - shift, height + shift
    arc = f"A{radius:.4g} {radius:.4g} 0 0"
    left_half = f"M99 {upper - radius:.4g}{arc} 0 99 {upper + radius:.4g}Z"
    right_half = f"M101 {lower - radius:.4g}{arc} 1 101 {lower + radius:.4g}Z"
    return (
        path(left_half, fill(colours.first))
        + path(right_half, fill(colours.second))
        + circle(101 + radius * 0.42, lower, radius * 0.17, fill(colours.ground))
    )


def smile(pick: Random, colours: Colours) -> str:
    """A round smile in confetti."""
    confetti = ""
    for _ in range(26):
        x, y, size = pick.uniform(0, 200), pick.uniform(0, 200), pick.uniform(3, 8)
        colour = fill(pick.choice((colours.second, colours.third, colours.ink)))
        round_piece = pick.random() < 0.5
        confetti += (
            circle(x, y, size / 2, colour)
            if round_piece
            else polygon([(x, y), (x + size, y + size * 0.6), (x - size * 0.2, y + size)], colour)
        )
    x, y, radius = pick.uniform(92, 108), pick.uniform(94, 106), 60
    mouth = f"M{x - 32:.4g} {y + 8:.4g}A34 34 0 0 0 {x + 32:.4g} {y + 8:.4g}Z"
    wink = pick.random() < 0.5
    right_eye = (
        path(f"M{x + 13:.4g} {y - 16:.4g}h18", line(colours.ground, 5))
        if wink
        else circle(x + 21, y - 17, 6, fill(colours.ground))
    )
    return (
        confetti
        + circle(x, y, radius, fill(colours.first))
        + path(mouth, fill(colours.ground))
        + circle(x - 21, y - 17, 6, fill(colours.ground))
        + right_eye
    )


def vertigo(pick: Random, colours: Colours) -> str:
    """Rings whose centre slips away."""
    x, y = pick.uniform(84, 116), pick.uniform(84, 116)
    angle, rings = pick.uniform(0, 2 * pi), ""
    for step in range(9):
        away = step * 4.6
        colour = (colours.first, colours.ground)[step % 2] if step < 8 else colours.third
        rings += circle(x + away * cos(angle), y + away * sin(angle), 128 - step * 14.5, fill(colour))
    return rings


def burst(pick: Random, colours: Colours) -> str:
    """Rays from one point, and what bursts there."""
    x, y, turn = pick.uniform(60, 140), pick.uniform(90, 140), pick.uniform(0, pi)
    count, rays = 14, ""
    for ray in range(count):
        start = turn + 2 * pi * ray / count
        end = start + pi / count
        corners = [
            (x, y),
            (x + 290 * cos(start), y + 290 * sin(start)),
            (x + 290 * cos(end), y + 290 * sin(end)),
        ]
        rays += polygon(corners, fill(colours.first if ray % 2 else colours.third))
    points = [
        (
            x + (48 if tip % 2 else 30) * cos(turn + pi * tip / 9),
            y + (48 if tip % 2 else 30) * sin(turn + pi * tip / 9),
        )
        for tip in range(18)
    ]
    return rays + polygon(points, fill(colours.second)) + circle(x, y, 15, fill(colours.ground))


def sunset(pick: Random, colours: Colours) -> str:
    """A low sun and its path on the water."""
    horizon, x = pick.uniform(112, 124), pick.uniform(80, 120)
    water = "".join(
        box(x - width / 2 + pick.uniform(-5, 5), horizon + 9 + 10 * row, width, 4, fill(colours.first))
        for row, width in enumerate((104, 82, 92, 60, 70, 38, 44, 18))
    )
    return (
        circle(x, horizon, 88, fill(colours.third, 0.35))
        + circle(x, horizon, 62, fill(colours.first))
        + box(0, horizon, 200, 90, fill(colours.second))
        + water
    )


def mountains(pick: Random, colours: Colours) -> str:
    """Three ranges, one behind the other, and a sun."""
    sun = circle(pick.uniform(50, 150), pick.uniform(42, 64), pick.uniform(20, 30), fill(colours.third))
    ranges = ""
    for colour, opacity, top, count in (
        (colours.second, 0.55, 70, 3),
        (colours.second, 1, 104, 4),
        (colours.first, 1, 142, 3),
    ):
        points: list[Point] = [(0, 200)]
        for corner in range(2 * count + 1):
            high = corner % 2 == 1
            points.append((corner * 100 / count, top + pick.uniform(-14, 14) + (0 if high else 42)))
        ranges += polygon([*points, (200, 200)], fill(colour, opacity))
    return sun + ranges


def skyline(pick: Random, colours: Colours) -> str:
    """Houses at night; somebody is up."""
    city = circle(pick.uniform(40, 160), 58, 30, fill(colours.third))
    x = -4.0
    while x < 200:
        width, height = pick.uniform(22, 36), pick.uniform(60, 142)
        city += box(x, 200 - height, width, height, fill(pick.choice((colours.first, colours.second))))
        for _ in range(pick.randint(0, 4)):
            row, column = pick.randrange(int(height // 14)), pick.randrange(3)
            city += box(x + 4 + column * (width - 8) / 3, 206 - height + row * 14, 3.4, 6, fill(colours.ink))
        x += width + pick.choice((0, 0, 5))
    return city


def teeth(pick: Random, colours: Colours) -> str:
    """A moon, and teeth that close on it."""
    moon = circle(pick.uniform(84, 116), 98, pick.uniform(42, 50), fill(colours.second))
    upper, lower, count = "", "", pick.randint(6, 8)
    width = 200 / count
    for tooth in range(count):
        x = tooth * width
        upper += polygon([(x, 0), (x + width, 0), (x + width / 2, pick.uniform(40, 78))], fill(colours.first))
        lower += polygon(
            [(x - width / 2, 200), (x + width / 2, 200), (x, pick.uniform(116, 160))], fill(colours.third)
        )
    return (
        moon + upper + lower + polygon([(200 - width / 2, 200), (200, 200), (200, 140)], fill(colours.third))
    )


def planet(pick: Random, colours: Colours) -> str:
    """A planet with its ring, a moon and stars."""
    x, y, radius = pick.uniform(90, 110), pick.uniform(90, 112), pick.uniform(44, 54)
    wide, flat = radius * 1.75, radius * 0.42
    turned = f'transform="rotate({pick.uniform(-32, -12):.3g} {x:.4g} {y:.4g})"'
    back = f'<ellipse cx="{x:.4g}" cy="{y:.4g}" rx="{wide:.4g}" ry="{flat:.4g}" {line(colours.third, 5)}/>'
    front = f"M{x - wide:.4g} {y:.4g}A{wide:.4g} {flat:.4g} 0 0 0 {x + wide:.4g} {y:.4g}"
    shade = (
        f"M{x:.4g} {y - radius:.4g}A{radius:.4g} {radius:.4g} 0 0 1 {x:.4g} {y + radius:.4g}"
        f"A{radius * 0.62:.4g} {radius:.4g} 0 0 0 {x:.4g} {y - radius:.4g}Z"
    )
    return (
        stars(pick, 46, 196, fill(colours.ink, 0.85))
        + f"<g {turned}>{back}"
        + circle(x, y, radius, fill(colours.first))
        + path(shade, fill(colours.second))
        + path(front, line(colours.third, 5))
        + "</g>"
        + circle(pick.choice((34, 166)), pick.uniform(26, 44), 9, fill(colours.third))
    )


def moonlit_hills(pick: Random, colours: Colours) -> str:
    """A crescent over hills and a tower."""
    x, y = pick.uniform(60, 140), pick.uniform(56, 72)
    side = pick.choice((-1, 1))
    hills = ""
    for colour, top in ((colours.second, 124), (colours.first, 156)):
        left, right = pick.uniform(-26, 26), pick.uniform(-26, 26)
        bend = f"60 {top - 34:.4g} 90 {top + 34 + right:.4g} 200 {top - right:.4g}"
        hills += path(f"M0 {top + left:.4g}C{bend}V200H0Z", fill(colour))
    tower = pick.uniform(30, 160)
    return (
        stars(pick, 30, 110, fill(colours.third))
        + circle(x, y, 36, fill(colours.third))
        + circle(x + side * 15, y - 6, 31, fill(colours.ground))
        + box(tower, 96, 15, 70, fill(colours.second))
        + polygon([(tower - 4, 97), (tower + 19, 97), (tower + 7.5, 68)], fill(colours.first))
        + box(tower + 5.5, 108, 4, 8, fill(colours.third))
        + hills
    )


def tiles(pick: Random, colours: Colours) -> str:
    """Building blocks: quarters, rounds and squares on a grid."""
    side, blocks = 50, ""
    for cell in range(16):
        x, y = 50 * (cell % 4), 50 * (cell // 4)
        back, front = pick.sample(
            (colours.first, colours.second, colours.third, colours.ground, colours.ink), 2
        )
        blocks += box(x, y, side + 0.4, side + 0.4, fill(back))
        kind = pick.randrange(5)
        if kind == 0:
            blocks += circle(x + 25, y + 25, pick.choice((9, 17)), fill(front))
        elif kind == 1:
            blocks += polygon([(x, y), (x + side, y), (x, y + side)], fill(front))
        elif kind == 2:
            blocks += path(f"M{x} {y + 25}a25 25 0 0 1 50 0z", fill(front))
        else:
            quarter = pick.choice(
                (f"M{x} {y}h50a50 50 0 0 1 -50 50z", f"M{x + 50} {y + 50}h-50a50 50 0 0 1 50 -50z")
            )
            blocks += path(quarter, fill(front))
    return blocks


def keyhole(pick: Random, colours: Colours) -> str:
    """A keyhole with light behind it."""
    x, lean = pick.uniform(92, 108), pick.uniform(-24, 24)
    return (
        circle(x, 88, 82, fill(colours.first))
        + circle(x, 88, 58, fill(colours.second))
        + polygon(
            [(x - 12, 92), (x + 12, 92), (x + 62 + lean, 200), (x - 62 + lean, 200)], fill(colours.third)
        )
        + circle(x, 74, 25, fill(colours.third))
        + circle(x, 74, 9, fill(colours.ground))
    )


def halftone(pick: Random, colours: Colours) -> str:
    """Something seen through a printer's screen."""
    x, y, dots = pick.uniform(60, 140), pick.uniform(70, 130), ""
    for row in range(15):
        for column in range(15):
            left, top = column * 14.3 + 0.5 + (7 if row % 2 else 0), row * 14.3 + 0.5
            near = exp(-((left - x) ** 2 + (top - y) ** 2) / 5200)
            colour = colours.third if near > 0.8 else colours.first
            dots += circle(left, top, 0.8 + 6.6 * near, fill(colour))
    return dots


def searchlights(pick: Random, colours: Colours) -> str:
    """Beams that meet the clouds over a dark ridge."""
    beams = ""
    for x, colour in ((36, colours.second), (104, colours.third), (168, colours.second)):
        end, height, half = x + pick.uniform(-56, 56), pick.uniform(22, 64), pick.uniform(20, 28)
        corners = [(x - 3, 176.0), (x + 3, 176.0), (end + half, height), (end - half, height)]
        spot = f'cx="{end:.4g}" cy="{height:.4g}" rx="{half:.4g}" ry="{half * 0.3:.4g}"'
        beams += polygon(corners, fill(colour, 0.55)) + f"<ellipse {spot} {fill(colour)}/>"
    points: list[Point] = [(0, 200)]
    points += [(x, 172 + pick.uniform(-9, 7)) for x in range(0, 205, 12)]
    return beams + polygon([*points, (204, 200)], fill(colours.first))


def waves(pick: Random, colours: Colours) -> str:
    """A chord, drawn as the strings swing."""
    strings = ""
    for number in range(11):
        level, swing = 34 + number * 14.5, pick.uniform(12, 32)
        pitch, phase, centre = pick.uniform(0.09, 0.2), pick.uniform(0, 2 * pi), pick.uniform(80, 120)
        heights = [
            level - swing * exp(-(((x - centre) / 38) ** 2)) * (0.6 + 0.4 * sin(pitch * x + phase))
            for x in range(-4, 209, 6)
        ]
        curve = " ".join(f"{x},{height:.4g}" for x, height in zip(range(-4, 209, 6), heights, strict=True))
        colour = (colours.first, colours.second, colours.third)[number % 3]
        strings += f'<polyline points="{curve}" fill="{colours.ground}" stroke="{colour}" stroke-width="3"/>'
    return strings


def desert(pick: Random, colours: Colours) -> str:
    """A striped sun behind table mountains."""
    x = pick.uniform(70, 130)
    stripes = "".join(box(0, 60 + 15 * row, 200, 2.5 + 1.6 * row, fill(colours.ground)) for row in range(7))
    left, right = pick.uniform(10, 40), pick.uniform(120, 160)
    mesas = "".join(
        polygon(
            [(start, 172), (start + 8, 172 - tall), (start + wide - 8, 172 - tall), (start + wide, 172)],
            fill(colours.second),
        )
        for start, wide, tall in (
            (left - 20, 62, pick.uniform(34, 60)),
            (right - 6, 74, pick.uniform(22, 44)),
        )
    )
    return (
        circle(x, 104, 72, fill(colours.first)) + stripes + mesas + box(0, 170, 200, 30, fill(colours.third))
    )


def blinds(pick: Random, colours: Colours) -> str:
    """Light through a blind, and somebody's hat."""
    lean = pick.choice((-1, 1)) * pick.uniform(10, 22)
    slats = ""
    for row in range(-1, 12):
        left, right = 18 * row + lean, 18 * row - lean
        corners = [(0, left), (200, right), (200, right + 10), (0, left + 10)]
        slats += polygon(corners, fill(colours.second, 0.35 + 0.06 * row))
    x = pick.uniform(76, 124)
    figure = (
        f"M{x - 52:.4g} 202C{x - 50:.4g} 158 {x - 22:.4g} 152 {x - 17:.4g} 142V108H{x + 17:.4g}V142"
        f"C{x + 22:.4g} 152 {x + 50:.4g} 158 {x + 52:.4g} 202Z"
    )
    hat = f"M{x - 46:.4g} 100Q{x:.4g} 82 {x + 46:.4g} 100Q{x:.4g} 116 {x - 46:.4g} 100Z"
    crown = (
        f"M{x - 25:.4g} 98L{x - 21:.4g} 70Q{x - 15:.4g} 56 {x:.4g} 61"
        f"Q{x + 15:.4g} 56 {x + 21:.4g} 70L{x + 25:.4g} 98Z"
    )
    dark = fill(colours.ground)
    band = box(x - 25, 86, 50, 8, fill(colours.third))
    return slats + path(figure, dark) + path(crown, dark) + band + path(hat, dark)


def arches(pick: Random, colours: Colours) -> str:
    """Arches within arches."""
    x, nested = pick.uniform(86, 114), ""
    for step, colour in enumerate(
        (colours.first, colours.second, colours.third, colours.ground, colours.first)
    ):
        half = 84 - 17 * step
        top = 30 + 17 * step + half
        arch = f"M{x - half:.4g} 202V{top}a{half} {half} 0 0 1 {2 * half} 0V202Z"
        nested += path(arch, fill(colour))
    return nested


MOTIFS: Final[dict[str, tuple[Motif, ...]]] = {
    "Action": (burst,),
    "Adventure": (mountains,),
    "Animation": (tiles,),
    "Children": (tiles,),
    "Comedy": (smile, smile, tiles),
    "Crime": (skyline,),
    "Documentary": (halftone,),
    "Drama": (two_circles, arches),
    "Fantasy": (moonlit_hills,),
    "Film-Noir": (blinds,),
    "Horror": (teeth,),
    "Musical": (waves,),
    "Mystery": (keyhole,),
    "Romance": (sunset,),
    "Sci-Fi": (planet,),
    "Thriller": (vertigo,),
    "War": (searchlights,),
    "Western": (desert,),
}
"""Motifs of each genre; `arches` is for films of none of them."""
