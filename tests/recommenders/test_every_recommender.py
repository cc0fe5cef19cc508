"""The promises that every recommender keeps, checked on each one that is installed with armlift."""

from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import do_without

from armlift.recommenders import Recommender, create_recommender, load_recommender

NETWORK = {"n_epochs": 2, "n_factors": 4, "hidden": [8]}
QUICK: dict[str, dict[str, Any]] = {
    "popularity": {},
    "random": {},
    "logistic_regression": {},
    "lightgbm": {"n_trees": 20},
    "user_neighbours": {},
    "item_neighbours": {},
    "svd": {"n_factors": 4, "n_epochs": 5},
    "svdpp": {"n_factors": 4, "n_epochs": 2},
    "ease": {},
    "implicit_als": {"n_factors": 4},
    "neumf": NETWORK,
    "wide_deep": NETWORK,
    "weighted": {"parts": {"popularity": {}, "ease": {}}},
    "switching": {"parts": {"popularity": {}, "random": {}, "svd": {"n_epochs": 2}}, "thresholds": [1, 30]},
    "stacked": {"parts": {"popularity": {}, "ease": {}, "random": {}}},
}
"""Every recommender of armlift, with hyper-parameters that fit fast."""

NEEDS_TORCH = {"neumf", "wide_deep"}
NEW_USERS = [-5, 0, 10**12]


def create(name: str) -> Recommender:
    if name in NEEDS_TORCH and find_spec("torch") is None:
        do_without("torch is not installed: pip install -e '.[neural]'")
    return create_recommender(name, **QUICK[name])


@pytest.fixture(scope="module", params=QUICK)
def fitted(request: pytest.FixtureRequest, invented: Any) -> Recommender:
    return create(request.param).fit(invented.history, invented.items, seed=3)


def test_every_recommender_is_held_to_its_promises() -> None:
    installed = entry_points(group="armlift.recommenders")
    assert {entry.name for entry in installed if entry.module.startswith("armlift.")} == set(QUICK)


def all_users(split: Any) -> list[int]:
    return [*split.history["user_id"].unique().tolist(), *NEW_USERS]


def test_everybody_gets_exactly_n_unseen_items(fitted: Recommender, invented: Any) -> None:
    users = all_users(invented)
    slates = fitted.recommend(users, 10, invented.history)
    assert slates["user_id"].tolist() == np.repeat(users, 10).tolist()
    assert slates["position"].tolist() == list(range(10)) * len(users)
    assert not slates.duplicated(["user_id", "item_id"]).any()
    assert slates.merge(invented.history, on=["user_id", "item_id"]).empty
    assert slates["item_id"].isin(invented.items["item_id"]).all()
    scores = slates["score"].to_numpy().reshape(-1, 10)
    assert (scores[:, :-1] >= scores[:, 1:]).all()


def test_everything_left_can_be_asked_for(fitted: Recommender, invented: Any) -> None:
    user = invented.history["user_id"].value_counts().index[0]
    seen = set(invented.history.loc[invented.history["user_id"] == user, "item_id"])
    left = set(invented.items["item_id"]) - seen
    slate = fitted.recommend([user], len(left), invented.history)
    assert set(slate["item_id"]) == left


def test_same_seed_same_slates(fitted: Recommender, invented: Any) -> None:
    users = all_users(invented)
    again = type(fitted)(**fitted.params).fit(invented.history, invented.items, seed=3)
    pd.testing.assert_frame_equal(
        again.recommend(users, 10, invented.history), fitted.recommend(users, 10, invented.history)
    )


def test_a_slate_does_not_depend_on_who_else_is_asked(fitted: Recommender, invented: Any) -> None:
    users = all_users(invented)
    together = fitted.recommend(users, 10, invented.history).set_index("user_id")
    for user in [*users[:5], *NEW_USERS]:
        alone = fitted.recommend([user], 10, invented.history).set_index("user_id")
        pd.testing.assert_frame_equal(alone, together.loc[[user]])


def test_new_users_need_no_history_at_all(fitted: Recommender, invented: Any) -> None:
    slates = fitted.recommend(NEW_USERS, 10, invented.history.iloc[:0])
    assert slates.groupby("user_id").size().tolist() == [10, 10, 10]


def test_saved_and_loaded_it_recommends_the_same(fitted: Recommender, invented: Any, tmp_path: Path) -> None:
    users = all_users(invented)
    fitted.save(tmp_path)
    expected = fitted.recommend(users, 10, invented.history)
    for loaded in (type(fitted).load(tmp_path), load_recommender(tmp_path)):
        assert type(loaded) is type(fitted)
        assert loaded.params == fitted.params
        pd.testing.assert_frame_equal(loaded.recommend(users, 10, invented.history), expected)
        np.testing.assert_array_equal(loaded.score(users), fitted.score(users))


def test_ratings_outside_the_window_change_nothing(fitted: Recommender, invented: Any) -> None:
    """What others rated later may stand in the table given to `recommend`: it teaches nothing."""
    user = invented.history["user_id"].iloc[0]
    later = invented.later[invented.later["user_id"] != user]
    world = pd.concat([invented.history, later], ignore_index=True)
    pd.testing.assert_frame_equal(
        fitted.recommend([user], 10, world), fitted.recommend([user], 10, invented.history)
    )


@pytest.mark.parametrize("name", QUICK)
def test_a_handful_of_ratings_is_enough(name: str, tiny: Any) -> None:
    recommender = create(name).fit(tiny.history, tiny.items, seed=0)
    slates = recommender.recommend([1, 9], 1, tiny.history)
    assert slates["item_id"].tolist()[0] == 40
    assert recommender.recommend([9], 4, tiny.history)["item_id"].is_unique


def test_click_models_beat_popularity_which_beats_chance(real: Any, hit_rate: Any) -> None:
    users = real.later["user_id"].unique()
    rate = {
        name: hit_rate(
            create_recommender(name).fit(real.history, real.items, seed=0).recommend(users, 10, real.history),
            real,
        )
        for name in ("lightgbm", "logistic_regression", "popularity", "random", "svd")
    }
    assert min(rate["lightgbm"], rate["logistic_regression"]) > rate["popularity"] + 0.02, rate
    assert min(rate["popularity"], rate["svd"]) > 3 * rate["random"], rate
