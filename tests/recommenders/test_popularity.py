from typing import Any

import pandas as pd
import pytest

from armlift.errors import ParameterError
from armlift.recommenders.popularity import Popularity


def test_the_score_is_the_number_of_ratings(tiny: Any) -> None:
    assert Popularity().fit(tiny.history, tiny.items, seed=0).score([1, 9]).tolist() == [[3, 2, 1, 0]] * 2


def test_ratings_fade_by_half_in_a_half_life() -> None:
    history = pd.DataFrame(
        {
            "user_id": [1, 2, 3],
            "item_id": [10, 10, 20],
            "timestamp": pd.to_datetime(["2020-01-01", "2020-01-11", "2020-01-21"], utc=True),
        }
    )
    items = pd.DataFrame({"item_id": [10, 20]})
    decayed = Popularity(half_life_days=10).fit(history, items, seed=0)
    assert decayed.score([1]).tolist() == [[0.75, 1.0]]


def test_a_half_life_is_positive() -> None:
    with pytest.raises(ParameterError, match="0 < half_life_days"):
        Popularity(half_life_days=0)
