import pytest

from armlift.serving.film_titles import FilmTitle, film_title


@pytest.mark.parametrize(
    ("filed", "main", "other"),
    [
        ("Heat", "Heat", ""),
        ("Matrix, The", "The Matrix", ""),
        ("Avventura, L'", "L'Avventura", ""),
        ("Avventura, L' (Adventure, The)", "L'Avventura", "The Adventure"),
        ("Seven (a.k.a. Se7en)", "Seven", "Se7en"),
        ("Good, the Bad and the Ugly, The (Buono, il brutto, il cattivo, Il)",
         "The Good, the Bad and the Ugly", "Il Buono, il brutto, il cattivo"),
        ("Me, Myself & Irene", "Me, Myself & Irene", ""),
        ("(500) Days of Summer", "(500) Days of Summer", ""),
        ("올드보이", "올드보이", ""),
    ],
)  # fmt: skip
def test_articles_come_first_and_other_titles_apart(filed: str, main: str, other: str) -> None:
    assert film_title(filed) == FilmTitle(main, other)
