from typing import Any

import numpy as np
import pandas as pd
import pytest

from armlift.recommenders.features import FEATURE_NAMES, Catalogue, ClickFeatures

ITEM_IDS = np.array([10, 20, 30, 40])


def learn(split: Any, rows: slice = slice(None)) -> ClickFeatures:
    history = split.history[rows]
    return ClickFeatures.fit(
        Catalogue.of(split.items, ITEM_IDS),
        history["user_id"].to_numpy(),
        np.searchsorted(ITEM_IDS, history["item_id"].to_numpy()),
        history["rating"].to_numpy(),
        4.0,
    )


def features_of(features: ClickFeatures, user_id: int, item: int, year: float = 2020) -> dict[str, float]:
    rows = features.user_rows(np.array([user_id]))
    values = features.transform(rows, np.array([item]), np.array([year]))
    return dict(zip(FEATURE_NAMES, values[0].tolist(), strict=True))


def test_the_catalogue_fills_what_is_unknown(tiny: Any) -> None:
    catalogue = Catalogue.of(tiny.items, np.array([10, 20, 30, 40, 50]))
    assert catalogue.year.tolist() == [1999, 2005, 2011, 2005, 2005]
    assert catalogue.genres.tolist() == [[1, 0], [0.5, 0.5], [0, 1], [0, 0], [0, 0]]
    assert catalogue.decades.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0], [0, 1, 0]]


def test_a_catalogue_of_which_nothing_is_known() -> None:
    items = pd.DataFrame({"item_id": [1], "year": pd.array([pd.NA], dtype="Int64"), "genres": [""]})
    catalogue = Catalogue.of(items, np.array([1]))
    assert (catalogue.year.tolist(), catalogue.genres.shape) == ([0.0], (1, 0))


def test_features_by_hand(tiny: Any) -> None:
    pair = features_of(learn(tiny), user_id=1, item=1)
    like_rate, mean_rating = (3 + 0.5) / 7, (19.5 + 4) / 7
    item_like_rate, user_like_rate = (1 + 10 * like_rate) / 12, (1 + 10 * like_rate) / 13
    assert pair["item_popularity"] == pytest.approx(np.log(3 / 2.5))
    assert pair["item_mean_rating"] == pytest.approx((6.5 + 10 * mean_rating) / 12)
    assert pair["item_like_rate"] == pytest.approx(item_like_rate)
    assert pair["item_age"] == 15
    # Comedy holds item 10 and half of item 20, drama half of item 20 and item 30.
    comedy, drama = (2.5 + 10 * like_rate) / 14, (0.5 + 10 * like_rate) / 12
    assert pair["genre_like_rate"] == pytest.approx((comedy + drama) / 2)
    assert pair["user_activity"] == pytest.approx(np.log(4 / 3))
    assert pair["user_mean_rating"] == pytest.approx((8 + 10 * mean_rating) / 13)
    assert pair["user_like_rate"] == pytest.approx(user_like_rate)
    assert pair["like_rates"] == pytest.approx(item_like_rate * user_like_rate)


def test_tastes_follow_what_a_user_picks_and_likes(tiny: Any) -> None:
    history = pd.DataFrame(
        {"user_id": [1] * 2 + [2] * 2, "item_id": [10, 20, 30, 20], "rating": [5.0, 2.0, 5.0, 2.0]}
    )
    features = learn(tiny._replace(history=history))
    comedian, dramatist = (features_of(features, user, item=0) for user in (1, 2))
    assert comedian["genre_pick_taste"] > 0 > dramatist["genre_pick_taste"]
    assert comedian["genre_like_taste"] > dramatist["genre_like_taste"]
    assert comedian["decade_pick_taste"] > 0 > dramatist["decade_pick_taste"]
    assert comedian["year_gap"] < dramatist["year_gap"]


def test_new_users_and_items_have_the_priors(tiny: Any) -> None:
    pair = features_of(learn(tiny), user_id=77, item=3)
    assert pair["genre_pick_taste"] == pair["genre_like_taste"] == pair["decade_pick_taste"] == 0
    assert pair["user_like_rate"] == pair["item_like_rate"] == pair["genre_like_rate"] == pytest.approx(0.5)
    assert pair["user_mean_rating"] == pair["item_mean_rating"] == pytest.approx((19.5 + 4) / 7)


def test_an_empty_window_has_features_too(tiny: Any) -> None:
    pair = features_of(learn(tiny, slice(0)), user_id=1, item=0)
    assert np.isfinite(list(pair.values())).all()


def test_a_window_twice_the_size_has_almost_the_same_counts(tiny: Any) -> None:
    """Counts are relative: the model trains on windows smaller than the one it serves from."""
    copy = tiny.history.assign(user_id=tiny.history["user_id"] + 100)
    double = learn(tiny._replace(history=pd.concat([tiny.history, copy])))
    once, twice = (features_of(window, user_id=1, item=0) for window in (learn(tiny), double))
    assert twice["user_activity"] == pytest.approx(once["user_activity"])
    assert twice["item_popularity"] == pytest.approx(once["item_popularity"], abs=0.15)
