"""Posters drawn from what is known of a film: its title, its year and its genres.

The same film has the same poster everywhere. A poster is one inline SVG of a few kilobytes: no file, no
request and no style attribute, so it works under the strictest content policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from random import Random
from typing import Final, NamedTuple

from markupsafe import Markup, escape

from armlift.serving.poster_motifs import MOTIFS, Colours, arches

WIDTH: Final = 200
HEIGHT: Final = 300

_MARGIN: Final = 16.0
_TITLE_LINES: Final = 4
_TITLE_ROOM: Final = 66.0  # height of the title at most
_SIZES: Final = (32.0, 28.0, 24.0, 21.0, 18.0, 16.0, 14.0)
_LEADING: Final = 1.08

_PALETTES: Final = {
    "ember": Colours("#1d1a26", "#f6e7d3", "#e4572e", "#f3a712", "#8c2f4f"),
    "dusk": Colours("#22223b", "#f2e9e4", "#e07a5f", "#8d82a6", "#f2cc8f"),
    "sea": Colours("#0b3954", "#f5f1e3", "#ff6663", "#0e7c86", "#bfd7ea"),
    "forest": Colours("#1b3a2f", "#f3efdf", "#d9772b", "#5f8a64", "#f0cf8e"),
    "sand": Colours("#ecdcb4", "#2b2118", "#bb3e03", "#d98e32", "#0a7f80"),
    "rose": Colours("#f7dcd6", "#3d1f2b", "#d1495b", "#8d2c4c", "#edae49"),
    "sky": Colours("#d4e9ee", "#1d3040", "#ee6c4d", "#3d5a80", "#f7b538"),
    "mint": Colours("#dcf1e4", "#16332c", "#2a9d8f", "#e76f51", "#f4b860"),
    "sun": Colours("#ffd23f", "#2a1a1f", "#ee4266", "#3bceac", "#fff3d6"),
    "blood": Colours("#140e10", "#f2e6dc", "#6d1321", "#d7263d", "#3b1219"),
    "bone": Colours("#e8e0d1", "#1c1716", "#1c1716", "#b3202c", "#4a3f3b"),
    "silver": Colours("#15171b", "#f4f4f2", "#6b7078", "#d6d8da", "#9aa0a8"),
    "neon": Colours("#150f33", "#f2eefb", "#7b3ff2", "#f72585", "#19d3c5"),
    "space": Colours("#0a1128", "#eef4fb", "#ee964b", "#c2562f", "#f4d35e"),
    "paper": Colours("#f1e8da", "#1f1d1a", "#c8553d", "#4f8080", "#e9b872"),
    "mustard": Colours("#e3ac34", "#1f1a12", "#7a2e1d", "#2e4a46", "#f6e7c1"),
    "plum": Colours("#3a1b3f", "#fbeaf0", "#e56b9f", "#8f4a9c", "#ffc857"),
}


class Lettering(NamedTuple):
    """How a title is set.

    Attributes:
        family: Fonts, the first that is there; all of them are on some system, none is fetched.
        weight: Of the font.
        capitals: Whether in capitals.
        spacing: Between letters, em.
        width: Of a lower-case letter on average, em; rather too much than too little.
    """

    family: str
    weight: int
    capitals: bool
    spacing: float
    width: float


_SERIF = Lettering(
    "Iowan Old Style,Palatino,Georgia,Liberation Serif,NanumMyeongjo,serif", 600, False, 0, 0.51
)
_BLOCK = Lettering("Helvetica Neue,Arial,Liberation Sans,sans-serif", 800, False, -0.015, 0.59)
_NARROW = Lettering(
    "Avenir Next Condensed,Arial Narrow,Liberation Sans Narrow,sans-serif", 700, True, 0.04, 0.46
)
_WIDE = Lettering(
    "Futura,Century Gothic,Helvetica Neue,Arial,Liberation Sans,sans-serif", 500, True, 0.14, 0.55
)


class _Style(NamedTuple):
    """What posters of a genre have in common.

    Attributes:
        palettes: Names of the palettes to choose from.
        lettering: How the title is set.
        grounded: Whether the picture stands on the poster's lower edge, which puts the title above it.
    """

    palettes: tuple[str, ...]
    lettering: Lettering
    grounded: bool | None = None


# From the most telling genre to the least: the first one that a film has is what its poster shows.
_STYLES: Final = {
    "Film-Noir": _Style(("silver",), _SERIF, True),
    "Western": _Style(("sand", "mustard", "ember"), _NARROW, True),
    "War": _Style(("forest", "silver", "dusk"), _NARROW, True),
    "Musical": _Style(("plum", "neon", "sea"), _WIDE),
    "Documentary": _Style(("paper", "sky", "silver"), _BLOCK),
    "Horror": _Style(("blood", "bone"), _SERIF, True),
    "Sci-Fi": _Style(("space", "neon", "sea"), _WIDE),
    "Animation": _Style(("sun", "sky", "mint", "plum"), _BLOCK),
    "Mystery": _Style(("dusk", "plum", "forest"), _SERIF, False),
    "Children": _Style(("mint", "sun", "sky"), _BLOCK),
    "Fantasy": _Style(("dusk", "plum", "forest"), _SERIF, True),
    "Romance": _Style(("rose", "dusk", "sea"), _SERIF),
    "Crime": _Style(("ember", "silver", "sea"), _NARROW, True),
    "Thriller": _Style(("blood", "sea", "mustard", "bone"), _NARROW),
    "Action": _Style(("ember", "mustard", "sun", "blood"), _NARROW, False),
    "Adventure": _Style(("sand", "forest", "sky", "sea"), _NARROW, True),
    "Comedy": _Style(("sun", "mint", "rose", "paper"), _BLOCK),
    "Drama": _Style(("paper", "dusk", "rose", "sea", "forest", "sand"), _SERIF),
}
_OTHER: Final = _Style(("paper", "dusk", "mint"), _SERIF, True)


@lru_cache(maxsize=4096)
def poster(title: str, year: int | None, genres: Sequence[str]) -> Markup:
    """Draw the poster of a film.

    Args:
        title: As it is shown.
        year: Of the first release; None if unknown.
        genres: Genres of MovieLens, hashable (a tuple); others give a poster of no genre.

    Returns:
        An `<svg>` element, hidden from screen readers: what it says stands beside it.

    Example:
        >>> poster("Heat", 1995, ("Crime", "Thriller")) == poster("Heat", 1995, ("Crime", "Thriller"))
        True
    """
    seed = blake2b(f"{title}|{year}".encode(), digest_size=8).digest()
    pick = Random(int.from_bytes(seed, "big"))
    genre = next((known for known in _STYLES if known in genres), "")
    style = _STYLES.get(genre, _OTHER)
    colours = _PALETTES[pick.choice(style.palettes)]
    grounded = pick.random() < 0.5 if style.grounded is None else style.grounded
    motif = pick.choice(MOTIFS.get(genre, (arches,)))(pick, colours)
    picture = f'<svg y="{100 if grounded else 0}" width="200" height="200">{motif}</svg>'
    return Markup(
        f'<svg class="poster" viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true" focusable="false">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{colours.ground}"/>{picture}'
        f"{_lettering(title, year, style.lettering, colours.ink, above=grounded)}</svg>"
    )


def _lettering(title: str, year: int | None, lettering: Lettering, ink: str, *, above: bool) -> str:
    """The title and the year, above the picture or below it."""
    lines, size = set_title(title.upper() if lettering.capitals else title, lettering)
    leading = size * _LEADING
    top = 22 + size * 0.8 if above else HEIGHT - 34 - leading * (len(lines) - 1)
    text = "".join(
        f'<text x="{_MARGIN:g}" y="{top + leading * row:.4g}"{_limit(line, size, lettering)}>'
        f"{escape(line)}</text>"
        for row, line in enumerate(lines)
    )
    released = ""
    if year is not None:
        place = top + leading * (len(lines) - 1) + 17 if above else HEIGHT - 16
        released = (
            f'<text x="{_MARGIN:g}" y="{place:.4g}" font-size="9" letter-spacing="1.6" opacity=".75">'
            f"{year}</text>"
        )
    return (
        f'<g fill="{ink}" font-family="{lettering.family}" font-weight="{lettering.weight}">'
        f'<g font-size="{size:g}" letter-spacing="{size * lettering.spacing:.3g}">{text}</g>{released}</g>'
    )


def _limit(line: str, size: float, lettering: Lettering) -> str:
    """Keep a long line inside the poster, whatever the font that is there."""
    width = measure(line, lettering) * size
    room = WIDTH - 2 * _MARGIN
    return (
        f' textLength="{min(width, room):.4g}" lengthAdjust="spacingAndGlyphs"' if width > 0.9 * room else ""
    )


def measure(line: str, lettering: Lettering) -> float:
    """Estimate how wide a line is, in em.

    Args:
        line: Any text.
        lettering: How it is set.
    """
    letter, widths = lettering.width, lettering.spacing * len(line)
    for character in line:
        if character in " .,:;!|'’ijlIftr-()":
            widths += 0.6 * letter
        elif character in "mwMW@%" or character.isupper():
            widths += 1.3 * letter
        elif ord(character) > 0x2E80:  # Korean, Chinese and Japanese letters are square
            widths += 1
        else:
            widths += letter
    return widths


def set_title(title: str, lettering: Lettering) -> tuple[list[str], float]:
    """Break a title into lines, as large as there is room for.

    Args:
        title: Any text.
        lettering: How it is set.

    Returns:
        The lines, at most four, and the font size. What does not fit even so ends in an ellipsis.
    """
    room, words = WIDTH - 2 * _MARGIN, title.split() or ["?"]
    for size in _SIZES:
        lines = _filled(words, room / size, lettering)
        fits = len(lines) <= _TITLE_LINES and len(lines) * size * _LEADING <= _TITLE_ROOM
        if fits and all(measure(line, lettering) * size <= room for line in lines):
            return lines, size
    pieces = [piece for word in words for piece in _pieces(word, room / size, lettering)]
    lines = _filled(pieces, room / size, lettering)
    if len(lines) > _TITLE_LINES:
        last = lines[_TITLE_LINES - 1]
        while measure(last + "…", lettering) * size > room:
            last = last[:-1].rstrip()
        lines = [*lines[: _TITLE_LINES - 1], last + "…"]
    return lines, size


def _filled(words: list[str], room: float, lettering: Lettering) -> list[str]:
    """Fill lines word by word; a word that is wider than a line has one of its own."""
    lines = words[:1]
    for word in words[1:]:
        together = f"{lines[-1]} {word}"
        if measure(together, lettering) <= room:
            lines[-1] = together
        else:
            lines.append(word)
    return lines


def _pieces(word: str, room: float, lettering: Lettering) -> list[str]:
    """Cut a word that is wider than a line."""
    pieces = [""]
    for letter in word:
        if measure(pieces[-1] + letter, lettering) > room:
            pieces.append("")
        pieces[-1] += letter
    return pieces
