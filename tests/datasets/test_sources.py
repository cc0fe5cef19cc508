import re

import pytest

from armlift.datasets.sources import SOURCES


@pytest.mark.parametrize("source", SOURCES.values(), ids=str)
def test_terms_say_what_matters(source):
    terms = source.terms
    assert source.name in terms
    assert "No commercial" in terms
    assert "Harper and Joseph A. Konstan. 2015" in terms
    assert f"https://files.grouplens.org/datasets/movielens/{source.name}-README" in terms
    assert ("may not pass the data on" in terms) == (source.name in ("ml-100k", "ml-1m", "ml-10m"))


def test_all_sets_that_do_not_change_have_a_checksum():
    changing = [source.name for source in SOURCES.values() if source.md5 is None]
    assert changing == ["ml-latest-small"]
    assert all(re.fullmatch("[0-9a-f]{32}", source.md5) for source in SOURCES.values() if source.md5)
