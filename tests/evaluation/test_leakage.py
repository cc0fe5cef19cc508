"""Nothing of the test reaches what is tested: shuffled labels teach nothing, the future changes nothing."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from armlift.datasets import Split, generate_sample, random_split, temporal_split
from armlift.evaluation import evaluate_clicks, evaluate_ranking, repeated_temporal_splits
from armlift.recommenders.base import Recommender
from armlift.recommenders.lightgbm import LightGBMRecommender
from armlift.recommenders.logistic_regression import LogisticRegressionRecommender
from armlift.recommenders.popularity import Popularity
from armlift.recommenders.svd import SVDRecommender

MODELS = [
    LogisticRegressionRecommender(),
    LightGBMRecommender(n_trees=30),
    SVDRecommender(n_epochs=10, n_factors=20),
    Popularity(),
]


@pytest.mark.parametrize("recommender", MODELS, ids=lambda model: type(model).__name__)
@pytest.mark.parametrize("cut", ["random", "temporal"])
def test_shuffled_labels_give_an_auc_of_half(recommender: Recommender, cut: str) -> None:
    sample = generate_sample(seed=11, n_users=300, n_items=300, n_ratings=20_000)
    shuffled = np.random.default_rng(0).permutation(sample.ratings["rating"])
    ratings = sample.ratings.assign(rating=shuffled)
    split = random_split(ratings, seed=0) if cut == "random" else temporal_split(ratings)
    result = evaluate_clicks(recommender.fit(split.train, sample.items, seed=0), split)
    auc = result.rows("any").set_index("metric")["value"]["auc"]
    clicks = int(result.pairs["clicked"].sum())
    error = np.sqrt(len(result.pairs) / (12 * clicks * (len(result.pairs) - clicks)))
    assert abs(auc - 0.5) < 3.5 * error


def test_a_leak_would_show() -> None:
    sample = generate_sample(seed=11, n_users=300, n_items=300, n_ratings=20_000)
    shuffled = np.random.default_rng(0).permutation(sample.ratings["rating"])
    ratings = sample.ratings.assign(rating=shuffled)
    leaky = SVDRecommender(n_epochs=30, n_factors=20).fit(ratings, sample.items, seed=0)
    rows = evaluate_clicks(leaky, random_split(ratings, seed=0)).rows("leaky")
    assert rows.set_index("metric")["value"]["auc"] > 0.65


@pytest.mark.parametrize("recommender", MODELS, ids=lambda model: type(model).__name__)
def test_the_future_changes_nothing(recommender: Recommender, invented: Any, temporal: Split) -> None:
    cut = temporal.test["timestamp"].min()
    later = invented.ratings["timestamp"] >= cut
    changed = invented.ratings.copy()
    changed.loc[later, "rating"] = 5.5 - changed.loc[later, "rating"]
    changed = changed[~later | (np.arange(len(changed)) % 3 > 0)]
    other = temporal_split(changed, test_share=later[changed.index].mean())
    pd.testing.assert_frame_equal(other.train, temporal.train)

    before, after = (
        (
            evaluate_clicks(recommender.fit(split.train, invented.items, seed=0), split).pairs,
            evaluate_ranking(recommender, split, invented.items).slates,
        )
        for split in (temporal, other)
    )
    for one, two, keys in (
        (before[0], after[0], ["user_id", "item_id"]),
        (before[1], after[1], ["user_id", "position"]),
    ):
        both = one.merge(two, on=keys, suffixes=("", "_changed"))
        assert len(both) > 100
        column = "score" if "score" in one else "item_id"
        np.testing.assert_array_equal(both[column], both[f"{column}_changed"])
    assert before[0]["clicked"].mean() > 3 * after[0]["clicked"].mean()


@given(
    moments=st.lists(st.integers(0, 40), min_size=12, max_size=60),
    repeats=st.integers(1, 4),
    share=st.floats(0.2, 0.8),
)
@settings(max_examples=60)
def test_each_window_trains_on_the_past_only(moments: list[int], repeats: int, share: float) -> None:
    if len(set(moments)) < 8:
        moments = [*moments, *range(100, 110)]
    ratings = pd.DataFrame(
        {
            "user_id": np.arange(len(moments)) % 5,
            "item_id": np.arange(len(moments)),
            "rating": 3.0,
            "timestamp": pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(moments, unit="D"),
        }
    )
    splits = repeated_temporal_splits(ratings, repeats, share)
    assert len(splits) == repeats
    tested: list[int] = []
    for split in splits:
        assert split.train["timestamp"].max() < split.test["timestamp"].min()
        earlier = ratings[ratings["timestamp"] < split.test["timestamp"].min()]
        assert set(split.train["item_id"]) == set(earlier["item_id"])
        tested += split.test["item_id"].tolist()
    assert len(tested) == len(set(tested))
