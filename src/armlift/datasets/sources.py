"""The MovieLens sets armlift can fetch and read, with their publisher's terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from armlift.errors import ParameterError

PUBLISHER_URL = "https://files.grouplens.org/datasets/movielens"

CITATION = (
    "F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets: History and Context. "
    "ACM Transactions on Interactive Intelligent Systems 5, 4: 19:1-19:19. https://doi.org/10.1145/2827872"
)


class RatingScale(NamedTuple):
    """The ratings a set allows, in stars.

    Attributes:
        lowest: Smallest rating.
        highest: Largest rating.
        step: Distance between neighbouring ratings.
    """

    lowest: float
    highest: float
    step: float

    def __str__(self) -> str:
        return f"{self.lowest:g} to {self.highest:g} stars in steps of {self.step:g}"


WHOLE_STARS = RatingScale(1.0, 5.0, 1.0)
HALF_STARS = RatingScale(0.5, 5.0, 0.5)


@dataclass(frozen=True)
class Source:
    """One published MovieLens set.

    Attributes:
        name: Name in `data.source` and of the archive without `.zip`.
        folder: Root folder inside the archive.
        scale: Ratings the set allows.
        redistributable: Whether the publisher lets others pass the data on, under the same terms.
        readme: File name of the publisher's README beside the archive.
        md5: The publisher's MD5 checksum; None for a set that changes over time.
        size: Archive size in bytes; None for a set that changes over time.
    """

    name: str
    folder: str
    scale: RatingScale
    redistributable: bool
    readme: str
    md5: str | None = None
    size: int | None = None

    @property
    def terms(self) -> str:
        """The publisher's conditions in our words, several lines."""
        sharing = (
            "You may pass the data on, also transformed, but only under these same terms."
            if self.redistributable
            else "You may not pass the data on without GroupLens's separate permission."
        )
        return "\n".join(
            (
                f"{self.name} is published by GroupLens, University of Minnesota, for research, as is.",
                "- No commercial or revenue-bearing use without GroupLens's permission.",
                f"- {sharing}",
                "- Do not suggest that the University or GroupLens endorses you.",
                f"- Cite in publications: {CITATION}",
                f"Full terms: {PUBLISHER_URL}/{self.readme}",
            )
        )


_PUBLISHED = (
    Source(
        "ml-100k",
        folder="ml-100k",
        scale=WHOLE_STARS,
        redistributable=False,
        readme="ml-100k-README.txt",
        md5="0e33842e24a9c977be4e0107933c0723",
        size=4_924_029,
    ),
    Source(
        "ml-1m",
        folder="ml-1m",
        scale=WHOLE_STARS,
        redistributable=False,
        readme="ml-1m-README.txt",
        md5="c4d9eecfca2ab87c1945afe126590906",
        size=5_917_549,
    ),
    Source(
        "ml-10m",
        folder="ml-10M100K",
        scale=HALF_STARS,
        redistributable=False,
        readme="ml-10m-README.html",
        md5="ce571fd55effeba0271552578f2648bd",
        size=65_566_137,
    ),
    Source(
        "ml-latest-small",
        folder="ml-latest-small",
        scale=HALF_STARS,
        redistributable=True,
        readme="ml-latest-small-README.html",
    ),
    Source(
        "ml-20m",
        folder="ml-20m",
        scale=HALF_STARS,
        redistributable=True,
        readme="ml-20m-README.html",
        md5="cd245b17a1ae2cc31bb14903e1204af3",
        size=198_702_078,
    ),
    Source(
        "ml-25m",
        folder="ml-25m",
        scale=HALF_STARS,
        redistributable=True,
        readme="ml-25m-README.html",
        md5="6b51fb2759a8657d3bfcbfc42b592ada",
        size=261_978_986,
    ),
    Source(
        "ml-32m",
        folder="ml-32m",
        scale=HALF_STARS,
        redistributable=True,
        readme="ml-32m-README.html",
        md5="d472be332d4daa821edc399621853b57",
        size=238_950_008,
    ),
)

SOURCES: Mapping[str, Source] = MappingProxyType({source.name: source for source in _PUBLISHED})


def published_source(name: str) -> Source:
    """Find a published set by name.

    Raises:
        ParameterError: No set has that name.

    >>> published_source("ml-10m").folder
    'ml-10M100K'
    """
    if name not in SOURCES:
        raise ParameterError("data set", name, f"one of {', '.join(SOURCES)}", "Check the spelling.")
    return SOURCES[name]
