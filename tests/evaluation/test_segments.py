"""Segments: who and what belongs to them, their metrics by hand, and what their p-values are worth."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from armlift.datasets import Split
from armlift.errors import ParameterError
from armlift.evaluation import (
    ClickResult,
    RatingResult,
    evaluate_clicks,
    evaluate_ranking,
    evaluate_ratings,
    find_segments,
    segment_metrics,
)
from armlift.recommenders.logistic_regression import LogisticRegressionRecommender
from armlift.recommenders.popularity import Popularity
from armlift.recommenders.random import Random
from armlift.recommenders.svd import SVDRecommender
from armlift.statistics.multiplicity import holm


def _table(rows: list[tuple[int, int]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["user_id", "item_id"])
    return table.assign(rating=4.0, timestamp=pd.Timestamp("2020-01-01", tz="UTC"))


def test_members_by_hand() -> None:
    # Item 1 has 8 of 12 train ratings, item 2 has 3, item 3 one: the first two hold 80 %.
    # Users have 1, 1, 2, 3 and 5 of them: middle ranks 0.2, 0.2, 0.5, 0.7 and 0.9. User 9 has none.
    owners = {1: [1], 2: [1], 3: [1, 2], 4: [1, 1, 2], 5: [1, 1, 1, 2, 3]}
    train = _table([(user, item) for user, items in owners.items() for item in items])
    pairs = _table([(user, item) for user in (1, 2, 3, 4, 5, 9) for item in (1, 2, 3, 4)])
    items = pd.DataFrame({"item_id": [1, 2, 3, 4], "genres": ["Drama", "Drama|War", "", "War"]})
    found = {
        (segment.kind, segment.name): pairs[segment.pairs]
        for segment in find_segments(pairs, Split("any", train, pairs), items)
    }
    users = {name: set(part["user_id"]) for (kind, name), part in found.items() if kind == "users"}
    assert users == {"cold start": {9}, "least active": {1, 2}, "more active": {3, 4}, "most active": {5}}
    shown = {name: set(part["item_id"]) for (kind, name), part in found.items() if kind != "users"}
    assert shown == {
        "all": {1, 2, 3, 4},
        "head": {1, 2},
        "long tail": {3},
        "new": {4},
        "Drama": {1, 2},
        "War": {2, 4},
    }


def test_quartiles_hold_a_quarter_each(invented: Any, temporal: Split) -> None:
    pairs = temporal.train.drop_duplicates("user_id")
    segments = find_segments(pairs, temporal, invented.items)
    sizes = [segment.pairs.sum() for segment in segments if segment.kind == "users"]
    assert len(sizes) == 4
    assert sum(sizes) == len(pairs)
    np.testing.assert_allclose(sizes, len(pairs) / 4, rtol=0.15)
    activity = temporal.train["user_id"].value_counts()
    active = [activity[pairs["user_id"][segment.pairs]] for segment in segments if segment.kind == "users"]
    for less, more in itertools.pairwise(active):
        assert less.max() < more.min()


def test_parts_of_a_ranking_by_hand(given: Any, tiny: Split, tiny_items: pd.DataFrame) -> None:
    scores = {"item10": 6, "item20": 5, "item30": 4, "item40": 3, "item50": 2, "item60": 1}
    recommender = given(**scores).fit(tiny.train, tiny_items, seed=0)
    result = evaluate_ranking(recommender, tiny, tiny_items, k=2)
    table = segment_metrics(result, tiny, tiny_items, model="given").set_index(["segment", "metric"])
    # User 1 finds 30 of 30 and 99, user 2 finds 20 of 20 and 50, user 3 nothing of 60.
    value = table["value"]
    ideal = 1 + 1 / np.log2(3)
    assert value["all", "recall@2"] == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert value["all", "ndcg@2"] == pytest.approx(2 / ideal / 3)
    assert value["cold start", "ndcg@2"] == 0
    # Of dramas users 1 and 2 find the one they like; of comedies user 2 finds 20 of 20 and 50.
    assert value["Drama", "recall@2"] == pytest.approx((1 + 1 + 0) / 3)
    assert value["Comedy", "recall@2"] == 0.5
    assert value["Comedy", "ndcg@2"] == pytest.approx(1 / ideal)
    assert table["users"]["Comedy", "ndcg@2"] == 1
    # One user says nothing of others.
    assert table.loc[("Comedy", "ndcg@2"), ["low", "high", "p_value"]].tolist() == [-np.inf, np.inf, 1.0]


@pytest.mark.parametrize("protocol", ["full", "sampled"])
def test_all_pairs_give_the_metric_itself(protocol: Any, invented: Any, temporal: Split) -> None:
    recommender = Popularity().fit(temporal.train, invented.items, seed=0)
    result = evaluate_ranking(recommender, temporal, invented.items, protocol=protocol)
    _compare_with_rows(result, temporal, invented.items)


def test_parts_of_ratings_and_clicks_are_metrics_of_their_pairs(invented: Any, temporal: Split) -> None:
    svd = SVDRecommender(n_epochs=3).fit(temporal.train, invented.items, seed=0)
    ratings = evaluate_ratings(svd, temporal)
    found = _compare_with_rows(ratings, temporal, invented.items)
    logistic = LogisticRegressionRecommender().fit(temporal.train, invented.items, seed=0)
    clicked = evaluate_clicks(logistic, temporal)
    scored = _compare_with_rows(clicked, temporal, invented.items)
    drama = invented.items.set_index("item_id")["genres"].str.contains("Drama")
    rows = drama.reindex(temporal.test["item_id"]).to_numpy(bool)
    part = RatingResult("part", ratings.pairs[rows]).rows("any").set_index("metric")["value"]
    assert found["Drama", "rmse"] == pytest.approx(part["rmse"])
    assert found["Drama", "mae"] == pytest.approx(part["mae"])
    part = ClickResult("part", True, clicked.pairs[rows]).rows("any").set_index("metric")["value"]
    for metric in ("auc", "log_loss", "brier"):
        assert scored["Drama", metric] == pytest.approx(part[metric])


def _compare_with_rows(result: Any, split: Split, items: pd.DataFrame) -> "pd.Series[float]":
    table = segment_metrics(result, split, items, model="any", resamples=100)
    rows = result.rows("any").set_index("metric")["value"]
    whole = table[table["kind"] == "all"]
    np.testing.assert_allclose(whole["value"], rows[whole["metric"]])
    assert (whole["p_value"] == 1).all()
    assert (table["low"] <= table["value"] + 1e-12).all()
    assert (table["value"] <= table["high"] + 1e-12).all()
    return table.set_index(["segment", "metric"])["value"]


def test_a_reference_is_compared_on_the_same_users(invented: Any, temporal: Split) -> None:
    popularity, random = (
        evaluate_ranking(model.fit(temporal.train, invented.items, seed=0), temporal, invented.items)
        for model in (Popularity(), Random())
    )
    table = segment_metrics(
        popularity, temporal, invented.items, model="popularity", reference=("random", random)
    ).set_index(["segment", "metric"])
    both = [result.users["ndcg"] for result in (popularity, random)]
    everyone = table.loc[("all", "ndcg@10")]
    assert everyone["compared_with"] == "random"
    assert everyone["difference"] == pytest.approx((both[0] - both[1]).mean())
    # The paired t-test says the same, but for the bootstrap's own noise.
    expected = stats.ttest_rel(*both)
    width = expected.confidence_interval().high - expected.confidence_interval().low
    assert everyone["difference_high"] - everyone["difference_low"] == pytest.approx(width, rel=0.1)
    assert abs(np.log(everyone["p_value"]) / np.log(expected.pvalue) - 1) < 0.15
    itself = segment_metrics(
        random, temporal, invented.items, model="random", reference=("random", random), resamples=100
    )
    assert (itself["difference"] == 0).all()
    assert (itself["adjusted_p_value"] == 1).all()


def test_p_values_are_corrected_for_the_segments(invented: Any, temporal: Split) -> None:
    svd = SVDRecommender(n_epochs=3).fit(temporal.train, invented.items, seed=0)
    table = segment_metrics(evaluate_ratings(svd, temporal), temporal, invented.items, model="svd")
    tested = table[table["kind"] != "all"]
    for _, rows in tested.groupby("metric"):
        np.testing.assert_array_equal(rows["adjusted_p_value"], holm(rows["p_value"]))


def test_the_seed_draws_the_samples(invented: Any, temporal: Split) -> None:
    result = evaluate_ranking(
        Popularity().fit(temporal.train, invented.items, seed=0), temporal, invented.items
    )
    one, same, other = (
        segment_metrics(result, temporal, invented.items, model="any", resamples=100, seed=seed)
        for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(one, same)
    assert (one["low"] != other["low"]).any()


def test_segments_without_difference_are_seldom_found() -> None:
    # 200 users of one kind; half of them "cold". The p-value is below 0.05 about one time in twenty.
    items = pd.DataFrame({"item_id": [1], "genres": ["Drama"]})
    train = _table([(user, 1) for user in range(100)])
    rng = np.random.default_rng(0)
    p_values = []
    for seed in range(200):
        test = _table([(user, 1) for user in range(200)])
        pairs = test.assign(predicted=test["rating"] + rng.exponential(1, 200), cold_start=False)
        result = RatingResult("any", pairs[["user_id", "item_id", "rating", "predicted", "cold_start"]])
        table = segment_metrics(
            result, Split("any", train, test), items, model="any", resamples=200, seed=seed
        ).set_index(["segment", "metric"])
        p_values.append(table["p_value"]["cold start", "mae"])
    assert 0.02 <= np.mean(np.array(p_values) < 0.05) <= 0.09


def test_segments_of_one_class_have_no_auc() -> None:
    items = pd.DataFrame({"item_id": [1, 2], "genres": ["Drama", "War"]})
    pairs = pd.DataFrame({"user_id": [1, 2, 1, 2], "item_id": [1, 1, 2, 2]})
    pairs = pairs.assign(clicked=[True, False, True, True], score=[0.5, 0.4, 0.3, 0.2], cold_start=False)
    split = Split("any", _table([(1, 1), (2, 1)]), _table([(1, 1)]))
    table = segment_metrics(ClickResult("any", False, pairs), split, items, model="any")
    assert table.loc[table["kind"] == "genre", "segment"].tolist() == ["Drama"]


def test_what_makes_no_sense_is_refused(invented: Any, temporal: Split) -> None:
    result = evaluate_ranking(
        Popularity().fit(temporal.train, invented.items, seed=0), temporal, invented.items
    )
    for wrong in ({"alpha": 1.0}, {"resamples": 50}):
        with pytest.raises(ParameterError, match=next(iter(wrong))):
            segment_metrics(result, temporal, invented.items, model="any", **wrong)  # type: ignore[arg-type]
    fewer = replace(result, pairs=result.pairs[1:])
    with pytest.raises(ParameterError, match="reference"):
        segment_metrics(result, temporal, invented.items, model="any", reference=("other", fewer))
