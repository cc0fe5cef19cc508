"""Titles as people write them: MovieLens files articles behind a comma and other titles in brackets."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_ARTICLES: Final = (
    "The|A|An|La|Le|Les|L'|Un|Une|Il|Lo|Gli|I|El|Los|Las|Una|Der|Die|Das|Ein|Eine|Den|Det|De|Het|O|Os|As"
)
_FILED: Final = re.compile(rf"^(?P<rest>.+), (?P<article>{_ARTICLES})$")
_BRACKETS: Final = re.compile(r"^(?P<title>.*\S)\s*\((?:a\.k\.a\. )?(?P<other>[^()]+)\)$")


class FilmTitle(NamedTuple):
    """A film's title.

    Attributes:
        main: What the film is called.
        other: What else it is called; empty if nothing.
    """

    main: str
    other: str


def film_title(filed: str) -> FilmTitle:
    """Read a title as it is filed.

    Args:
        filed: Without the year.

    Example:
        >>> film_title("City of Lost Children, The (Cité des enfants perdus, La)")
        FilmTitle(main='The City of Lost Children', other='La Cité des enfants perdus')
    """
    brackets = _BRACKETS.match(filed)
    if brackets is None:
        return FilmTitle(_article_first(filed), "")
    return FilmTitle(_article_first(brackets["title"]), _article_first(brackets["other"]))


def _article_first(title: str) -> str:
    filed = _FILED.match(title)
    if filed is None:
        return title
    article = filed["article"]
    return f"{article}{'' if article.endswith(chr(39)) else ' '}{filed['rest']}"
