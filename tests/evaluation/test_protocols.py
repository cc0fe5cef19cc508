"""Protocols by hand on a tiny split, and against slates and chance on an invented one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from armlift.datasets import Split
from armlift.errors import DataError, ParameterError
from armlift.evaluation import evaluate_clicks, evaluate_ranking, evaluate_ratings, held_out
from armlift.recommenders.base import Recommender
from armlift.recommenders.logistic_regression import LogisticRegressionRecommender
from armlift.recommenders.popularity import Popularity
from armlift.recommenders.random import Random
from armlift.recommenders.svd import SVDRecommender


@pytest.fixture
def fitted(given: Any, tiny: Split, tiny_items: pd.DataFrame) -> Callable[..., Recommender]:
    def fit(**scores: float) -> Recommender:
        return given(**scores).fit(tiny.train, tiny_items, seed=0)  # type: ignore[no-any-return]

    return fit


def test_full_ranking_by_hand(
    fitted: Callable[..., Recommender], tiny: Split, tiny_items: pd.DataFrame
) -> None:
    recommender = fitted(item10=6, item20=5, item30=4, item40=3, item50=2, item60=1)
    result = evaluate_ranking(recommender, tiny, tiny_items, k=2)
    users = result.users.set_index("user_id")
    # User 1 sees 30, 40; likes 30 and 99, which nobody can show. User 2 sees 20, 30; likes 20 and 50.
    # User 3, without history, sees 10, 20; likes 60.
    assert users["train_ratings"].tolist() == [2, 1, 0]
    assert users["cold_start"].tolist() == [False, False, True]
    assert users["liked"].tolist() == [2, 2, 1]
    np.testing.assert_allclose(users["recall"], [0.5, 0.5, 0.0])
    np.testing.assert_allclose(users["ndcg"], [1 / (1 + 1 / np.log2(3))] * 2 + [0.0])
    assert result.slates.groupby("user_id")["item_id"].agg(list).tolist() == [[30, 40], [20, 30], [10, 20]]
    assert result.pairs[["user_id", "item_id", "retrieved"]].to_numpy().tolist() == [
        [1, 30, 1],
        [1, 99, 0],
        [2, 20, 1],
        [2, 50, 0],
        [3, 60, 0],
    ]
    assert result.coverage == 4 / 6
    np.testing.assert_allclose(users["popularity"], [0.0, 0.5, 1.5])
    np.testing.assert_allclose(users["diversity"], [1.0, 0.5, 0.5])
    np.testing.assert_allclose(users["novelty"], [np.log2(3), np.log2(3) - 0.5, -np.log2(2 / 3) / 2])
    rows = result.rows("given", fold=3)
    assert rows.columns.tolist() == ["model", "split", "fold", "metric", "value"]
    assert rows.set_index("metric")["value"]["recall@2"] == pytest.approx(1 / 3)
    assert rows[["model", "split", "fold"]].drop_duplicates().to_numpy().tolist() == [["given", "tiny", 3]]


def test_the_threshold_says_what_is_liked(
    fitted: Callable[..., Recommender], tiny: Split, tiny_items: pd.DataFrame
) -> None:
    recommender = fitted(item10=6)
    liked = [
        evaluate_ranking(recommender, tiny, tiny_items, 1, like_threshold=threshold).users["liked"].sum()
        for threshold in (None, 4.0, 4.5, 5.0)
    ]
    assert liked == [7, 5, 3, 2]
    with pytest.raises(DataError, match="none of 7 test ratings reaches"):
        evaluate_ranking(recommender, tiny, tiny_items, 1, like_threshold=5.5)


def test_beyond_the_candidates_the_popular_follow(
    fitted: Callable[..., Recommender], tiny: Split, tiny_items: pd.DataFrame
) -> None:
    # Only 60 is a candidate. Then for user 3 items 10 (twice rated) and 20 (once), and the others tie.
    result = evaluate_ranking(fitted(item60=0.1), tiny, tiny_items, k=4)
    assert result.slates.loc[result.slates["user_id"] == 3, "item_id"].tolist() == [60, 10, 20, 30]
    # User 1 has 60, then 30, 40 and 50 in any order: 30 has rank 2, 3 or 4.
    gain = result.pairs.set_index(["user_id", "item_id"])["gain"]
    assert gain[1, 30] == pytest.approx(np.mean(1 / np.log2([3, 4, 5])))


@pytest.mark.parametrize(
    "recommender",
    [Popularity(), Random(), SVDRecommender(n_epochs=2, min_ratings=60), LogisticRegressionRecommender()],
)
def test_slates_are_those_that_are_served(recommender: Recommender, invented: Any, temporal: Split) -> None:
    recommender.fit(temporal.train, invented.items, seed=0)
    slates = evaluate_ranking(recommender, temporal, invented.items).slates
    served = recommender.recommend(slates["user_id"].unique(), 10, temporal.train)
    pd.testing.assert_frame_equal(slates, served[["user_id", "position", "item_id"]])


@pytest.mark.parametrize("protocol", ["full", "sampled"])
def test_blocks_do_not_matter(
    protocol: Any, invented: Any, temporal: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    recommender = Popularity().fit(temporal.train, invented.items, seed=0)
    whole = evaluate_ranking(recommender, temporal, invented.items, protocol=protocol, seed=1)
    monkeypatch.setattr(held_out, "SCORES_IN_MEMORY", 1)
    single = evaluate_ranking(recommender, temporal, invented.items, protocol=protocol, seed=1)
    pd.testing.assert_frame_equal(whole.users, single.users)
    pd.testing.assert_frame_equal(whole.pairs, single.pairs)
    pd.testing.assert_frame_equal(whole.slates, single.slates)


def test_sampled_ranking_of_equal_scores_is_chance(given: Any, invented: Any, temporal: Split) -> None:
    scores = {f"item{item}": 1.0 for item in invented.items["item_id"]}
    recommender = given(**scores).fit(temporal.train, invented.items, seed=0)
    result = evaluate_ranking(recommender, temporal, invented.items, protocol="sampled", negatives=9, k=3)
    # 3 of 10 places, whatever is drawn.
    np.testing.assert_allclose(result.users["recall"], 0.3)
    np.testing.assert_allclose(result.users["ndcg"], (1 + 1 / np.log2(3) + 0.5) / 10)
    np.testing.assert_allclose(result.users["mrr"], (1 + 1 / 2 + 1 / 3) / 10)
    assert result.slates.empty
    names = set(result.rows("given")["metric"])
    assert names == {
        f"sampled9_{name}@3" for name in ("precision", "recall", "ndcg", "map", "mrr", "hit_rate")
    }


def test_nothing_that_the_user_rated_is_drawn(
    fitted: Callable[..., Recommender], tiny: Split, tiny_items: pd.DataFrame
) -> None:
    # Among 99 wished negatives all there are: user 1 rated 10, 20, 30, 40; left are 50 and 60.
    # User 2 rated 10, 20, 50: left are 30, 40, 60. User 3 rated 10, 60: left are 20, 30, 40, 50.
    recommender = fitted(item10=9, item40=8, item30=7, item20=6, item50=5, item60=4)
    result = evaluate_ranking(recommender, tiny, tiny_items, k=5, protocol="sampled")
    gain = result.pairs.set_index(["user_id", "item_id"])["gain"]
    ranks = {(1, 30): 1, (2, 20): 3, (2, 50): 3, (3, 60): 5}
    for pair, rank in ranks.items():
        assert gain[pair] == pytest.approx(1 / np.log2(rank + 1))
    assert gain[1, 99] == 0
    assert result.users["mrr"].tolist() == pytest.approx([1 / 2, 1 / 3, 1 / 5])


def test_negatives_are_drawn_by_seed_and_user_only(invented: Any, temporal: Split) -> None:
    recommender = Popularity().fit(temporal.train, invented.items, seed=0)
    users = temporal.test["user_id"].unique()
    part = Split("part", temporal.train, temporal.test[temporal.test["user_id"].isin(users[::2])])

    def ranked(split: Split, seed: int) -> pd.DataFrame:
        result = evaluate_ranking(
            recommender, split, invented.items, protocol="sampled", seed=seed, negatives=20
        )
        return result.users.set_index("user_id")

    whole, again, other = (ranked(temporal, seed) for seed in (5, 5, 6))
    pd.testing.assert_frame_equal(whole, again)
    assert (whole["ndcg"] != other["ndcg"]).any()
    half = ranked(part, 5)
    pd.testing.assert_frame_equal(half, whole.loc[half.index])


def test_ratings_are_predicted_for_all(invented: Any, temporal: Split) -> None:
    recommender = SVDRecommender(n_epochs=3).fit(temporal.train, invented.items, seed=0)
    result = evaluate_ratings(recommender, temporal)  # type: ignore[arg-type]
    assert len(result.pairs) == len(temporal.test)
    assert result.pairs["predicted"].between(0.5, 5).all()
    new = ~temporal.test["user_id"].isin(temporal.train["user_id"])
    assert result.pairs["cold_start"].tolist() == new.tolist()
    values = result.rows("svd").set_index("metric")["value"]
    errors = result.pairs["predicted"] - temporal.test["rating"]
    assert values["rmse"] == pytest.approx(np.sqrt((errors**2).mean()))
    assert values["mae"] == pytest.approx(errors.abs().mean())
    # Better than always the mean.
    assert values["rmse"] < np.sqrt(((temporal.test["rating"] - temporal.train["rating"].mean()) ** 2).mean())


def test_clicks_come_from_each_kind_of_recommender(invented: Any, temporal: Split) -> None:
    metrics = {}
    for recommender in (LogisticRegressionRecommender(), SVDRecommender(n_epochs=3), Popularity()):
        recommender.fit(temporal.train, invented.items, seed=0)
        result = evaluate_clicks(recommender, temporal)
        assert result.pairs["clicked"].tolist() == (temporal.test["rating"] >= 4).tolist()
        metrics[type(recommender).__name__] = set(result.rows("any")["metric"])
    assert metrics["Popularity"] == metrics["SVDRecommender"] == {"auc", "pr_auc"}
    assert metrics["LogisticRegressionRecommender"] == {
        "auc",
        "pr_auc",
        "log_loss",
        "brier",
        "ece",
        "ece_equal_mass",
    }


def test_scores_of_pairs_are_those_of_the_catalogue(
    fitted: Callable[..., Recommender], tiny: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    from armlift.evaluation import protocols

    recommender = fitted(item10=6, item20=5, item40=3)
    for memory in (1, 1 << 19):
        monkeypatch.setattr(protocols, "SCORES_IN_MEMORY", memory)
        scores = evaluate_clicks(recommender, tiny).pairs["score"]
        assert scores.tolist() == [-np.inf, 3, -np.inf, 5, -np.inf, 6, -np.inf]


def test_click_probabilities_are_those_of_the_test_time(invented: Any, temporal: Split) -> None:
    recommender = LogisticRegressionRecommender().fit(temporal.train, invented.items, seed=0)
    found = evaluate_clicks(recommender, temporal).pairs["score"]
    test = temporal.test
    years = test["timestamp"].dt.year.to_numpy()
    expected = recommender.click_probability(test["user_id"], test["item_id"], years)
    np.testing.assert_array_equal(found, expected)
    assert (found != recommender.click_probability(test["user_id"], test["item_id"], years + 20)).any()


@pytest.mark.parametrize(
    "wrong", [{"k": 0}, {"k": 7}, {"protocol": "other"}, {"k": 2, "protocol": "sampled", "negatives": 0}]
)
def test_what_makes_no_sense_is_refused(
    fitted: Callable[..., Recommender], tiny: Split, tiny_items: pd.DataFrame, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ParameterError, match=list(wrong)[-1]):
        evaluate_ranking(fitted(item10=1), tiny, tiny_items, **wrong)
