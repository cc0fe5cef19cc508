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
    features = learn(tiny)
    pair = features_of(features, user_id=1, item=1)
    assert pair["item_popularity"] == pytest.approx(np.log(3 / 2.5))
    assert pair["item_age"] == 15
    assert pair["user_activity"] == pytest.approx(np.log(4 / 3))
    # User 1 rated items of 1999, 2005 and 2011; the prior is the mean over all ratings and one imagined.
    prior = (3 * 1999 + 2 * 2005 + 2011 + 2005) / 7
    assert pair["year_gap"] == pytest.approx(abs(2005 - (6015 + 10 * prior) / 13))


@pytest.mark.parametrize(("of", "liked"), [("rating", False), ("like", True)])
def test_biases_are_those_of_ridge_regression(tiny: Any, of: str, liked: bool) -> None:
    features = learn(tiny)
    values = tiny.history["rating"].to_numpy()
    values = (values >= 4).astype(float) if liked else values
    users, items = tiny.history["user_id"].to_numpy() - 1, tiny.history["item_id"].to_numpy() // 10 - 1
    design = np.hstack([np.eye(3)[users], np.eye(4)[items]])
    solved = np.linalg.solve(design.T @ design + 5 * np.eye(7), design.T @ (values - values.mean()))
    for user, item in ((0, 0), (1, 1), (2, 3)):
        pair = features_of(features, user_id=user + 1, item=item)
        assert pair[f"user_{of}_bias"] == pytest.approx(solved[user], abs=1e-6)
        assert pair[f"item_{of}_bias"] == pytest.approx(solved[3 + item], abs=1e-6)


def test_items_inherit_the_quality_of_their_genres_and_decade(tiny: Any) -> None:
    history = pd.DataFrame(
        {"user_id": [1, 2, 3] * 2, "item_id": [10] * 3 + [30] * 3, "rating": [5.0] * 3 + [2.0] * 3}
    )
    features = learn(tiny._replace(history=history))
    comedy, both, drama, none = (features_of(features, 1, item) for item in range(4))
    assert comedy["genre_bias"] > 0 > drama["genre_bias"]
    assert both["genre_bias"] == pytest.approx((comedy["genre_bias"] + drama["genre_bias"]) / 2)
    assert comedy["decade_bias"] > 0 > drama["decade_bias"]
    assert none["genre_bias"] == none["decade_bias"] == 0


def test_tastes_follow_what_a_user_picks_and_likes(tiny: Any) -> None:
    history = pd.DataFrame(
        {"user_id": [1] * 2 + [2] * 2, "item_id": [10, 20, 30, 20], "rating": [5.0, 2.0, 5.0, 2.0]}
    )
    features = learn(tiny._replace(history=history))
    comedian, dramatist = (features_of(features, user, item=0) for user in (1, 2))
    assert comedian["genre_pick_taste"] > 0 > dramatist["genre_pick_taste"]
    assert comedian["genre_like_taste"] > dramatist["genre_like_taste"]
    assert comedian["decade_pick_taste"] > 0 > dramatist["decade_pick_taste"]
    assert comedian["decade_like_taste"] > dramatist["decade_like_taste"]
    assert comedian["year_gap"] < dramatist["year_gap"]


def test_new_users_and_items_have_the_priors(tiny: Any) -> None:
    pair = features_of(learn(tiny), user_id=77, item=3)
    for name in (
        *("genre_pick_taste", "decade_pick_taste", "genre_like_taste", "decade_like_taste"),
        *("user_rating_bias", "user_like_bias", "item_rating_bias", "item_like_bias", "genre_bias"),
    ):
        assert pair[name] == 0, name


def test_a_generous_user_has_no_taste_for_what_everybody_rates(tiny: Any) -> None:
    """Tastes hold only what the deviations of user and item leave."""
    users = np.repeat(np.arange(200), 3)
    history = pd.DataFrame({"user_id": users, "item_id": [10, 20, 30] * 200, "rating": 3.0 + users % 2})
    pair = features_of(learn(tiny._replace(history=history)), user_id=1, item=0)
    assert pair["user_rating_bias"] > 0.15
    assert abs(pair["genre_like_taste"]) < 0.05


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
