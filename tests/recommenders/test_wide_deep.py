from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import do_without

from armlift.recommenders.neural import Interactions
from armlift.recommenders.popularity import Popularity
from armlift.recommenders.wide_deep import WideAndDeep

SMALL = {"n_factors": 4, "hidden": [8], "n_epochs": 4, "batch_size": 200}


@pytest.fixture(autouse=True)
def torch() -> Any:
    if find_spec("torch") is None:
        do_without('PyTorch is not installed: pip install "armlift[neural]"')
    import torch

    return torch


@pytest.fixture(scope="module")
def fitted(invented: Any) -> WideAndDeep:
    return WideAndDeep(**SMALL).fit(invented.history, invented.items, seed=3)


@pytest.fixture
def described(tiny: Any) -> WideAndDeep:
    """A model that knows the four items of `tiny`, and nothing else."""
    model = WideAndDeep(**SMALL)
    model.item_ids_ = tiny.items["item_id"].to_numpy()
    model.user_ids_ = np.array([1, 2, 3])
    model.item_rows_ = np.arange(4)
    model._describe_items(tiny.items)
    return model


def interactions(moments: list[int]) -> Interactions:
    """The ratings of `tiny`."""
    return Interactions(
        np.array([0, 1, 2, 0, 1, 0]),
        np.array([0, 0, 0, 1, 1, 2]),
        np.array([5.0, 4.0, 3.0, 2.0, 4.5, 1.0]),
        np.array(moments),
    )


def test_features_by_hand(described: WideAndDeep) -> None:
    known = interactions([0, 1, 2, 3, 4, 5])
    users, items, moments = np.array([0, 2]), np.array([[0, 1], [2, 3]]), np.array([4, 0])
    inputs = described._inputs_at(known)(users, items, moments)
    # User 0 before moment 4: 5 stars for a comedy, 2 for half a comedy, half a drama.
    np.testing.assert_allclose(
        inputs["user_features"], [[np.log(3), 7 / 12, 1.5 / 12, 0.5 / 12], [0, 0, 0, 0]], rtol=1e-6
    )
    # Genres: comedy, drama. Item 0 has 3 of the 4 ratings so far, item 1 one.
    years = (np.array([1999, 2005, 2011, 2005]) - 2005) / np.std([1999, 2005, 2011, 2005])
    np.testing.assert_allclose(
        inputs["item_features"],
        [
            [
                [np.log(4 / 2), 12 / 13, years[0], 1.5 / 12, 1, 0],
                [np.log(2 / 2), 2 / 11, years[1], (1.5 + 0.5) / 24, 0.5, 0.5],
            ],
            [[0, 0, years[2], 0, 0, 1], [0, 0, years[3], 0, 0, 0]],
        ],
        rtol=1e-6,
        atol=1e-7,
    )
    assert inputs["favourites"].tolist() == [0, 2]


def test_no_rating_sees_itself_its_moment_or_the_future(described: WideAndDeep) -> None:
    moments = [0, 1, 1, 1, 4, 5]
    known = interactions(moments)
    users, items = known.users, np.tile(np.arange(4), (6, 1))
    inputs = described._inputs_at(known)(users, items, known.moments)
    for moment in set(moments):
        now = known.moments == moment
        earlier = described._inputs_at(known.where(known.moments < moment))
        for name, array in earlier(users[now], items[now], known.moments[now]).items():
            np.testing.assert_array_equal(inputs[name][now], array)


def test_served_features_are_those_of_the_moment_after_the_last_rating(described: WideAndDeep) -> None:
    known = interactions([0, 1, 2, 3, 4, 5])
    described._learn_present(known)
    users, items = np.arange(4), np.tile(np.arange(4), (4, 1))
    served = described._inputs(users, items)
    for name, array in described._inputs_at(known)(users, items, np.full(4, 6)).items():
        np.testing.assert_array_equal(served[name], array)


def test_wide_logits_by_hand(torch: Any, described: WideAndDeep) -> None:
    """With a silent tower the crosses are left: item, favourite genre x item, user x genre, user x decade."""
    described.n_factors = 1
    weights = described._initial_weights(np.random.default_rng(0))
    weights["output"][:] = 0
    weights["bias"][:] = 100
    weights["item_bias"][:] = [1, 2, 3, 4]
    weights["favourite_item_cross"][0, 1] = 10
    weights["user_genre_cross"][0] = [0.5, -0.5]
    weights["user_decade_cross"][0] = [0.25, 0.0, 0.0]  # 1990s, 2000s, 2010s
    described._learn_present(interactions([0, 1, 2, 3, 4, 5]).where(np.arange(6) < 4))
    inputs = described._inputs(np.array([0]), np.arange(4)[np.newaxis])
    logits = described._logits(
        {name: torch.tensor(weight) for name, weight in weights.items()},
        {name: torch.tensor(array) for name, array in inputs.items()},
    )
    assert logits[0].tolist() == [101 + 0.5 + 0.25, 102 + 10, 103 - 0.5, 104]


def test_new_items_are_told_apart_by_genre_and_year(invented: Any) -> None:
    genres = invented.items["genres"].str.split("|").str[0].unique()[:2]
    new = pd.DataFrame({"item_id": [9001, 9002], "title": "new", "year": [1950, 2015], "genres": genres})
    items = pd.concat([invented.items, new.astype({"year": "Int64"})], ignore_index=True)
    model = WideAndDeep(**SMALL).fit(invented.history, items, seed=0)
    scores = model.score([1, 10**9])
    assert (model.popularity_[-2:] == 0).all()
    assert (scores[:, -1] != scores[:, -2]).all()


def test_new_users_get_what_is_popular(fitted: WideAndDeep) -> None:
    scores = fitted.score([-1, 10**9])
    np.testing.assert_array_equal(scores[0], scores[1])
    assert np.corrcoef(scores[0], np.log1p(fitted.popularity_))[0, 1] > 0.5


def test_company_changes_nothing_and_saving_neither(
    fitted: WideAndDeep, invented: Any, tmp_path: Path
) -> None:
    users = invented.history["user_id"].unique()
    together = fitted.score(users)
    np.testing.assert_array_equal(fitted.score(users[5:6])[0], together[5])
    fitted.save(tmp_path)
    loaded = WideAndDeep.load(tmp_path)
    assert loaded.params == fitted.params
    np.testing.assert_array_equal(loaded.score(users), together)


def test_items_without_genres_are_enough(tiny: Any) -> None:
    items = tiny.items.assign(genres="", year=pd.array([pd.NA] * 4, dtype="Int64"))
    model = WideAndDeep(**SMALL).fit(tiny.history, items, seed=0)
    assert np.isfinite(model.score([1, 9])).all()


@pytest.mark.slow
def test_on_real_ratings_it_is_about_as_good_as_popularity(real: Any, hit_rate: Any) -> None:
    """Not better: of five fits with four seeds, hit rates lay from 0.495 to 0.515, popularity's is 0.500."""
    users = real.later["user_id"].unique()
    rate = {
        type(model).__name__: hit_rate(
            model.fit(real.history, real.items, seed=0).recommend(users, 10, real.history), real
        )
        for model in (WideAndDeep(n_epochs=3), Popularity())
    }
    assert rate["WideAndDeep"] > 0.9 * rate["Popularity"], rate
