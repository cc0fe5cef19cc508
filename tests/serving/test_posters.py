import random
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from armlift.datasets.sample import GENRES
from armlift.serving.poster_motifs import MOTIFS
from armlift.serving.posters import (
    _BLOCK,
    _NARROW,
    _PALETTES,
    _SERIF,
    _WIDE,
    WIDTH,
    measure,
    poster,
    set_title,
)

SVG = "{http://www.w3.org/2000/svg}"


def parsed(markup: str) -> ElementTree.Element:
    return ElementTree.fromstring(str(markup).replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1))


LETTERS = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")


@given(
    title=st.text(LETTERS, max_size=200),
    year=st.none() | st.integers(1880, 2100),
    genres=st.lists(st.sampled_from([*GENRES, "IMAX", "(no genres listed)"]), max_size=5),
)
def test_any_film_has_a_poster_without_references_or_code(
    title: str, year: int | None, genres: list[str]
) -> None:
    markup = poster(title, year, tuple(genres))
    picture = parsed(markup)
    assert picture.get("aria-hidden") == "true"
    for element in picture.iter():
        tag = element.tag.removeprefix(SVG)
        assert tag not in {"script", "style", "image", "use", "a", "foreignObject"}
        assert not {"style", "id", "href"} & set(element.attrib)
        assert not any(name.startswith("on") for name in element.attrib)
    assert len(markup) < 25_000


def test_the_same_film_has_the_same_poster_in_every_process() -> None:
    poster.cache_clear()
    random.seed(1)
    first = poster("Heat", 1995, ("Action", "Crime", "Thriller"))
    poster.cache_clear()
    random.seed(2)
    assert poster("Heat", 1995, ("Action", "Crime", "Thriller")) == first
    assert poster("Heat", 1986, ("Action", "Crime", "Thriller")) != first


def test_every_genre_has_a_picture_of_its_own() -> None:
    assert set(MOTIFS) == set(GENRES)
    pictures = {genre: poster("Same Title", 2000, (genre,)) for genre in GENRES}
    assert len(set(pictures.values())) >= len(GENRES) - 1  # animation and children's films share theirs


def test_a_title_is_shown_whole_and_escaped() -> None:
    words = [
        text.text for text in parsed(poster("<b>Tom & Jerry</b>", 1940, ("Animation",))).iter(f"{SVG}text")
    ]
    assert words == ["<b>Tom &", "Jerry</b>", "1940"]
    assert poster("Koyaanisqatsi", None, ()).count("<text") == 1


@given(
    title=st.text("abcdefgh MWil가", min_size=1, max_size=160),
    lettering=st.sampled_from([_BLOCK, _NARROW, _SERIF, _WIDE]),
)
def test_lines_fit_the_poster(title: str, lettering: object) -> None:
    lines, size = set_title(title, lettering)  # type: ignore[arg-type]
    assert 1 <= len(lines) <= 4
    assert all(measure(line, lettering) * size <= WIDTH - 32 + 1e-9 for line in lines)  # type: ignore[arg-type]
    assert lines[-1].endswith("…") or "".join(lines).replace(" ", "") == ("".join(title.split()) or "?")


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("name", _PALETTES)
def test_titles_stand_out_from_their_ground(name: str) -> None:
    ground, ink = sorted(map(luminance, _PALETTES[name][:2]))
    assert (ink + 0.05) / (ground + 0.05) > 7
