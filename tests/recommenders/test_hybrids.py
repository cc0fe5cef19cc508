"""Hybrids of quick parts: what each does with its parts' scores, and what it learns from."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from armlift.datasets import temporal_split
from armlift.errors import DataFileError, ParameterError
from armlift.recommenders import create_recommender
from armlift.recommenders.hybrid_parts import standardise
from armlift.recommenders.hybrids import StackedHybrid, SwitchingHybrid, WeightedHybrid
from armlift.recommenders.popularity import Popularity

SVD = {"n_factors": 4, "n_epochs": 3, "min_ratings": 5}
PARTS = {"popularity": {"half_life_days": 200}, "svd": SVD}
INF = float("inf")


@pytest.fixture
def fits_of_popularity(monkeypatch: pytest.MonkeyPatch) -> list[pd.DataFrame]:
    """The histories that popularity is fitted on, as they come."""
    histories: list[pd.DataFrame] = []
    original = Popularity._fit

    def spy(self: Popularity, history: pd.DataFrame, items: pd.DataFrame, seed: int) -> None:
        histories.append(history)
        original(self, history, items, seed)

    monkeypatch.setattr(Popularity, "_fit", spy)
    return histories


def part_scores(split: Any, users: list[int]) -> list[np.ndarray]:
    return [
        create_recommender(name, **own).fit(split.history, split.items, seed=3).score(users, split.history)
        for name, own in PARTS.items()
    ]


def test_the_weighted_score_is_the_sum_of_standard_scores(invented: Any) -> None:
    users = invented.history["user_id"].unique()[:4].tolist()
    hybrid = WeightedHybrid(parts=PARTS, weights={"popularity": 0.5, "svd": 2.0})
    scores = hybrid.fit(invented.history, invented.items, seed=3).score(users, invented.history)
    for row, own in enumerate(zip(*part_scores(invented, users), strict=True)):
        expected = np.zeros(scores.shape[1])
        for weight, part in zip([0.5, 2.0], own, strict=True):
            finite = part[np.isfinite(part)]
            expected += weight * (np.maximum(part, finite.min()) - finite.mean()) / finite.std()
        seen = np.isinf(own[0])  # popularity has everything unseen among its candidates
        np.testing.assert_array_equal(np.isinf(scores[row]), seen)
        np.testing.assert_allclose(scores[row, ~seen], expected[~seen], atol=1e-8)


@pytest.mark.parametrize("scale", ["standard", "reciprocal_rank"])
@pytest.mark.parametrize("name", PARTS)
def test_a_part_that_has_all_the_weight_decides_alone(invented: Any, name: str, scale: str) -> None:
    users = [*invented.history["user_id"].unique().tolist(), -5]
    weights = dict.fromkeys(PARTS, 0.0) | {name: 1.0}
    hybrid = WeightedHybrid(parts=PARTS, weights=weights, scale=scale)
    part = create_recommender(name, **PARTS[name])
    columns = ["user_id", "position", "item_id"]
    slates = [
        recommender.fit(invented.history, invented.items, seed=3).recommend(users, 10, invented.history)
        for recommender in (hybrid, part)
    ]
    pd.testing.assert_frame_equal(slates[0][columns], slates[1][columns])


@pytest.mark.parametrize("noise", [0.0, 1e-12])
def test_scores_that_are_alike_say_nothing(noise: float) -> None:
    scores = np.array([[0.1, 0.1, 0.1 + noise, -INF], [-INF] * 4])
    np.testing.assert_array_equal(standardise(scores), np.zeros((2, 4)))


def test_ranks_mix_whatever_the_scale_of_the_parts(tiny: Any) -> None:
    parts = {"popularity": {}, "svd": SVD | {"min_ratings": 1}}
    hybrid = WeightedHybrid(parts=parts, scale="reciprocal_rank").fit(tiny.history, tiny.items, seed=0)
    by_rating = hybrid.parts_["svd"].score([9])[0]
    assert np.argsort(-by_rating).tolist()[:3] == [0, 1, 2]
    assert by_rating[3] == -INF
    # Both put items 10, 20, 30 first, second, third; 40 is fourth for popularity, no candidate for SVD.
    np.testing.assert_allclose(hybrid.score([9])[0], [2, 122 / 62, 122 / 63, 61 / 64])


def test_activity_switches_at_its_thresholds(invented: Any) -> None:
    parts = {"popularity": {}, "random": {}, "svd": SVD}
    activity = invented.history["user_id"].value_counts()
    low, high = int(activity.quantile(0.3)), int(activity.quantile(0.7))
    hybrid = SwitchingHybrid(parts=parts, thresholds=[low, high])
    hybrid.fit(invented.history, invented.items, seed=3)
    answers = {
        name: create_recommender(name, **own).fit(invented.history, invented.items, seed=3)
        for name, own in parts.items()
    }
    users = [*activity.index.tolist(), -5]
    scores = hybrid.score(users, invented.history)
    counted = dict.fromkeys(parts, 0)
    for user, own in zip(users, scores, strict=True):
        n = activity.get(user, 0)
        name = "popularity" if n < low else "random" if n < high else "svd"
        np.testing.assert_array_equal(own, answers[name].score([user], invented.history)[0])
        counted[name] += 1
    assert low in activity.to_numpy()
    assert min(counted.values()) > 5


def test_stacking_trusts_the_part_that_knows(invented: Any) -> None:
    hybrid = StackedHybrid(parts={"random": {}, "popularity": {}})
    hybrid.fit(invented.history, invented.items, seed=0)
    random, popularity = hybrid.weights_.T
    assert popularity.min() > 0.2
    assert random.max() < 0.1


def test_stacking_never_shows_the_parts_what_it_learns_from(
    invented: Any, fits_of_popularity: list[pd.DataFrame]
) -> None:
    StackedHybrid(parts=PARTS, validation_share=0.3).fit(invented.history, invented.items, seed=0)
    early, whole = fits_of_popularity
    pd.testing.assert_frame_equal(early, temporal_split(invented.history, 0.3).train)
    pd.testing.assert_frame_equal(whole, invented.history)


def test_weights_come_from_what_was_liked_later(invented: Any) -> None:
    """Reversing who liked what in the validation window changes the weights and nothing else."""
    late = invented.history["timestamp"] > temporal_split(invented.history, 0.2).train["timestamp"].max()
    reversed_ratings = invented.history["rating"].where(~late, 5.5 - invented.history["rating"])
    fitted = [
        StackedHybrid(parts={"popularity": {}, "random": {}}).fit(history, invented.items, seed=0)
        for history in (invented.history, invented.history.assign(rating=reversed_ratings))
    ]
    assert not np.allclose(fitted[0].weights_, fitted[1].weights_)
    scores = [hybrid.parts_["popularity"].score([-5]) for hybrid in fitted]
    np.testing.assert_array_equal(*scores)


def test_new_users_and_busy_ones_have_weights_of_their_own(invented: Any) -> None:
    hybrid = StackedHybrid(parts=PARTS, half_activity=30).fit(invented.history, invented.items, seed=0)
    hybrid.weights_ = np.array([[1.0, 0.0], [0.0, 1.0]])
    user, n = next(iter(invented.history["user_id"].value_counts().items()))
    blend = WeightedHybrid(parts=PARTS, weights={"popularity": 30 / (30 + n), "svd": n / (30 + n)})
    blend.fit(invented.history, invented.items, seed=0)
    new = WeightedHybrid(parts=PARTS, weights={"popularity": 1, "svd": 0})
    new.fit(invented.history, invented.items, seed=0)
    np.testing.assert_allclose(hybrid.score([user]), blend.score([user]), atol=1e-8)
    np.testing.assert_array_equal(hybrid.score([-5]), new.score([-5]))


def test_a_part_without_weight_for_a_user_brings_no_candidates(invented: Any) -> None:
    hybrid = StackedHybrid(parts=PARTS).fit(invented.history, invented.items, seed=0)
    hybrid.weights_ = np.array([[0.0, 1.0], [1.0, 0.0]])
    new, known = hybrid.score([-5, invented.history["user_id"].iloc[0]])
    np.testing.assert_array_equal(np.isfinite(new), hybrid.popularity_ >= SVD["min_ratings"])
    assert np.isfinite(known).all()


def test_where_all_choices_are_new_users_nothing_is_learned_about_busy_ones(invented: Any) -> None:
    late = invented.history["timestamp"] > temporal_split(invented.history, 0.2).train["timestamp"].max()
    users = invented.history["user_id"]
    history = invented.history.assign(user_id=users.where(~late, users + 10**6))
    weights = StackedHybrid(parts={"popularity": {}, "random": {}})
    new, busy = weights.fit(history, invented.items, seed=0).weights_
    assert new.max() > 0
    np.testing.assert_array_equal(busy, 0)


def choice_sizes(split: Any, parts: dict[str, Any]) -> list[int]:
    hybrid = StackedHybrid(parts=parts, n_candidates=1000)
    return [len(choice.liked) for choice in hybrid._choices(split.history, split.items, 0)]


def test_one_learns_to_choose_among_the_items_not_yet_rated(invented: Any) -> None:
    split = temporal_split(invented.history, 0.2)
    rated = split.train["user_id"].value_counts()
    likers = split.test.loc[split.test["rating"] >= 4, "user_id"].unique()
    unseen = [len(invented.items) - rated.get(user, 0) for user in likers]
    assert choice_sizes(invented, {"svd": SVD, "random": {}}) == unseen
    assert rated.reindex(likers).notna().any()


def test_one_learns_to_choose_among_the_candidates_of_the_parts(invented: Any) -> None:
    train = temporal_split(invented.history, 0.2).train
    often = (train["item_id"].value_counts() >= SVD["min_ratings"]).sum()
    few = {"n_candidates": 5}
    assert max(choice_sizes(invented, {"svd": SVD, "logistic_regression": few})) <= often + 5
    assert often + 5 < len(invented.items)


@pytest.mark.parametrize("what", ["nobody likes anything", "one moment"])
def test_a_window_that_teaches_nothing_leaves_equal_weights(invented: Any, what: str) -> None:
    nothing = {"rating": 1.0} if what == "nobody likes anything" else {"timestamp": pd.Timestamp(0, tz="UTC")}
    hybrid = StackedHybrid(parts=PARTS).fit(invented.history.assign(**nothing), invented.items, seed=0)
    np.testing.assert_array_equal(hybrid.weights_, np.ones((2, 2)))
    assert len(hybrid.recommend([-5], 10, invented.history)) == 10


@pytest.mark.parametrize(
    "hybrid", [WeightedHybrid(parts=PARTS), SwitchingHybrid(parts=PARTS, thresholds=[3])]
)
def test_a_part_is_fitted_once(invented: Any, fits_of_popularity: list[Any], hybrid: Any) -> None:
    hybrid.fit(invented.history, invented.items, seed=0)
    assert len(fits_of_popularity) == 1


def test_hybrids_of_hybrids_are_saved_with_all_their_parts(invented: Any, tmp_path: Path) -> None:
    inner = {"parts": PARTS, "thresholds": [10]}
    hybrid = StackedHybrid(parts={"switching": inner, "random": {}})
    hybrid.fit(invented.history, invented.items, seed=0).save(tmp_path)
    assert json.loads(json.dumps(hybrid.params)) == hybrid.params
    users = [*invented.history["user_id"].unique().tolist(), -5]
    loaded = StackedHybrid.load(tmp_path)
    assert loaded.params == hybrid.params
    np.testing.assert_array_equal(loaded.score(users), hybrid.score(users))
    shutil.rmtree(tmp_path / "parts" / "switching" / "parts" / "svd")
    with pytest.raises(DataFileError, match="svd"):
        StackedHybrid.load(tmp_path)


@pytest.mark.parametrize("kind", [WeightedHybrid, SwitchingHybrid, StackedHybrid])
def test_defaults_make_a_hybrid(invented: Any, kind: Any) -> None:
    hybrid = kind().fit(invented.history, invented.items, seed=0)
    assert kind(**hybrid.params).params == hybrid.params
    assert "popularity" in hybrid.parts_
    assert len(hybrid.recommend([-5], 10, invented.history)) == 10


def test_parameters_of_parts_are_complete() -> None:
    assert WeightedHybrid(parts=PARTS).params["parts"] == {
        name: create_recommender(name, **own).params for name, own in PARTS.items()
    }


@pytest.mark.parametrize(
    ("kind", "params", "message"),
    [
        (WeightedHybrid, {"parts": {}}, "at least 2 recommenders"),
        (WeightedHybrid, {"parts": {"svd": {}}}, "at least 2 recommenders"),
        (WeightedHybrid, {"parts": ["svd", "popularity"]}, "hyper-parameters by name"),
        (WeightedHybrid, {"parts": {"svd": {}, "popularity": {"half_life_days": 0}}}, "half_life_days"),
        (WeightedHybrid, {"parts": {"svd": {}, "nothing": {}}}, "nothing"),
        (WeightedHybrid, {"parts": PARTS, "weights": {"svd": 1}}, "one number for each of popularity, svd"),
        (WeightedHybrid, {"parts": PARTS, "weights": {"svd": -1, "popularity": 1}}, r"weights\.svd"),
        (WeightedHybrid, {"parts": PARTS, "weights": {"svd": 0, "popularity": 0}}, "a sum above 0"),
        (WeightedHybrid, {"parts": PARTS, "scale": "none"}, "standard, reciprocal_rank"),
        (SwitchingHybrid, {"parts": PARTS, "thresholds": []}, "1 numbers of ratings for 2 parts"),
        (SwitchingHybrid, {"parts": PARTS, "thresholds": [0]}, r"thresholds\[0\] >= 1"),
        (SwitchingHybrid, {"parts": PARTS | {"random": {}}, "thresholds": [5, 5]}, r"thresholds\[1\] >= 6"),
        (StackedHybrid, {"parts": PARTS, "validation_share": 0}, "validation_share"),
        (StackedHybrid, {"parts": PARTS, "n_candidates": 0}, "n_candidates"),
        (StackedHybrid, {"parts": PARTS, "half_activity": 0}, "half_activity"),
        (StackedHybrid, {"parts": PARTS, "regularization": 0}, "regularization"),
        (StackedHybrid, {"parts": PARTS, "like_threshold": 0}, "like_threshold"),
    ],
)
def test_hyper_parameters_have_bounds(kind: Any, params: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        kind(**params)
