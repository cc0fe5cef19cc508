import re
from string import Formatter

import pytest

from armlift.datasets.sample import GENRES
from armlift.messages import CATALOGUE, speak


def filled_in(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_every_language_says_everything() -> None:
    english = CATALOGUE["en"].texts
    for language, messages in CATALOGUE.items():
        assert list(messages.texts) == list(english), language
        for key, text in messages.texts.items():
            assert text.strip()
            assert filled_in(text) == filled_in(english[key]), (language, key)


def test_korean_is_korean() -> None:
    for key, text in CATALOGUE["ko"].texts.items():
        words = re.sub(r"\{\w+\}", "", text)  # CTR and UTC are said alike everywhere
        assert re.search("[가-힣]", text) or not re.search("[a-z]", words), key


def test_every_genre_has_a_name() -> None:
    for messages in CATALOGUE.values():
        assert all(f"genre.{genre}" in messages.texts for genre in GENRES)
    assert CATALOGUE["ko"].genre("Telenovela") == "Telenovela"


@pytest.mark.parametrize(
    ("wishes", "accepts", "spoken"),
    [
        (("ko", "en"), "en", "ko"),
        ((None, "ko"), "en", "ko"),
        (("xx", None), "de, ko;q=0.4", "ko"),
        ((), "en;q=0.5, ko-KR", "ko"),
        ((), "ko;q=0, en;q=0.1", "en"),
        ((), "ko;q=much", "en"),
        ((), "fr, de", "en"),
        ((), "", "en"),
    ],
)
def test_language_is_the_first_one_spoken_here(
    wishes: tuple[str | None, ...], accepts: str, spoken: str
) -> None:
    assert speak(*wishes, accepts=accepts).language == spoken


def test_braces_in_a_title_are_only_text() -> None:
    assert CATALOGUE["en"].say("like", title="{0} {title}") == "Like {0} {title}"
