"""Training pairs and candidates, seen by classifiers that only keep what they are given."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from armlift.errors import DataError, ParameterError
from armlift.recommenders.click_ranker import ClickRanker, Examples, Question
from armlift.recommenders.features import FEATURE_NAMES


class Recorder(ClickRanker):
    """Answers clicks by the popularity of the item, likes by the generosity of the user."""

    answers = ("item_popularity", "user_rating_bias")

    def __init__(self, **params: Any) -> None:
        defaults = {
            "like_threshold": 4.0,
            "negatives_per_rating": 2,
            "n_candidates": 20,
            "n_folds": 5,
            "unknown_share": 0.3,
        }
        super().__init__(**(defaults | params))

    def _fit_classifiers(self, clicks: Examples, likes: Examples, seed: int) -> None:
        self.clicks, self.likes = clicks, likes

    def _predict(self, question: Question, features: np.ndarray) -> np.ndarray:
        return features[:, FEATURE_NAMES.index(self.answers[question])]


def test_own_labels_never_reach_own_features(invented: Any) -> None:
    before = Recorder().fit(invented.history, invented.items, seed=0)
    for row in (0, 17, 1000, len(invented.history) - 1):
        history = invented.history.copy()
        history.loc[row, "rating"] = 1.0 if history.loc[row, "rating"] >= 4 else 5.0
        after = Recorder().fit(history, invented.items, seed=0)
        for one, other in ((before.clicks, after.clicks), (before.likes, after.likes)):
            changed = (one.features != other.features).any(axis=1)
            assert np.flatnonzero(one.labels != other.labels).tolist() == [row]
            assert not changed[row]
            # The mean of all ratings moves: the other folds notice.
            assert changed.mean() == pytest.approx(0.8, abs=0.03)


def test_clicks_are_liked_ratings_and_negatives_are_unrated(invented: Any) -> None:
    recorder = Recorder(negatives_per_rating=3).fit(invented.history, invented.items, seed=0)
    n_rated, labels = len(invented.history), recorder.clicks.labels
    np.testing.assert_array_equal(labels[:n_rated], invented.history["rating"] >= 4)
    assert not labels[n_rated:].any()
    # Of three draws for each rating, those that hit a rated item are dropped.
    rated_share = n_rated / (invented.history["user_id"].nunique() * len(invented.items))
    assert n_rated * 3 * (1 - 4 * rated_share) < len(labels) - n_rated < n_rated * 3


def test_liking_is_learned_from_rated_pairs_alone(invented: Any) -> None:
    recorder = Recorder(unknown_share=0.0).fit(invented.history, invented.items, seed=0)
    np.testing.assert_array_equal(recorder.likes.labels, invented.history["rating"] >= 4)
    np.testing.assert_array_equal(recorder.likes.features, recorder.clicks.features[: len(invented.history)])


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_a_share_of_the_likes_is_learned_as_if_users_were_new(invented: Any, share: float) -> None:
    recorder = Recorder(unknown_share=share).fit(invented.history, invented.items, seed=0)
    of_user = [FEATURE_NAMES.index(name) for name in ("user_rating_bias", "genre_like_taste")]
    as_new = (recorder.likes.features[:, of_user] == 0).all(axis=1)
    assert as_new.mean() == pytest.approx(share, abs=0.03)
    known = recorder.clicks.features[: len(invented.history)][~as_new]
    np.testing.assert_array_equal(recorder.likes.features[~as_new], known)


def test_negatives_are_pairs_without_rating(tiny: Any) -> None:
    users = tiny.history["user_id"].to_numpy()
    rated = np.searchsorted([10, 20, 30, 40], tiny.history["item_id"].to_numpy())
    recorder = Recorder(negatives_per_rating=50).fit(tiny.history, tiny.items, seed=0)
    asked, shown = recorder._sample_negatives(users, rated, np.random.default_rng(0))
    drawn = set(zip(users[asked].tolist(), shown.tolist(), strict=True))
    assert drawn == {(1, 3), (2, 2), (2, 3), (3, 1), (3, 2), (3, 3)}


def test_the_seed_draws_the_training_pairs(invented: Any) -> None:
    one, same, other = (
        Recorder().fit(invented.history, invented.items, seed=seed).clicks.features for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert one.shape != other.shape or (one != other).any()


def test_candidates_are_chosen_among_unseen_items(invented: Any) -> None:
    recorder = Recorder(n_candidates=20).fit(invented.history, invented.items, seed=0)
    users = invented.history["user_id"].unique()
    assert (np.isfinite(recorder.score(users)).sum(axis=1) == 20).all()
    assert (np.isfinite(recorder.score(users, invented.history)).sum(axis=1) == 20).all()


def test_new_users_get_the_most_popular_candidates(invented: Any) -> None:
    recorder = Recorder(n_candidates=20).fit(invented.history, invented.items, seed=0)
    candidates = np.isfinite(recorder.score([10**6])[0])
    assert recorder.popularity_[candidates].min() >= recorder.popularity_[~candidates].max()


def test_users_get_candidates_of_their_taste(invented: Any) -> None:
    recorder = Recorder(n_candidates=20).fit(invented.history, invented.items, seed=0)
    candidates = np.isfinite(recorder.score(invented.history["user_id"].unique()))
    assert candidates.any(axis=0).sum() > 40


@pytest.mark.parametrize("threshold", [0.1, 9.0])
def test_clicks_of_one_kind_teach_nothing(threshold: float) -> None:
    history = pd.DataFrame(
        {
            "user_id": [1, 1],
            "item_id": [10, 20],
            "rating": [3.0, 4.0],
            "timestamp": pd.to_datetime(["2020-01-01", "2020-01-02"], utc=True),
        }
    )
    items = pd.DataFrame(
        {"item_id": [10, 20], "year": pd.array([1999, 2000], dtype="Int64"), "genres": ["", ""]}
    )
    with pytest.raises(DataError, match=r"of 2 training ratings are clicks at like_threshold"):
        Recorder(like_threshold=threshold).fit(history, items, seed=0)


@pytest.mark.parametrize(
    "params",
    [
        {"like_threshold": 0},
        {"negatives_per_rating": 0},
        {"n_candidates": 0},
        {"n_folds": 1},
        {"unknown_share": 1.1},
    ],
)
def test_hyper_parameters_have_bounds(params: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=next(iter(params))):
        Recorder(**params)


def test_slates_are_ranked_by_clicks_and_pairs_judged_by_likes(invented: Any) -> None:
    recorder = Recorder(n_candidates=300).fit(invented.history, invented.items, seed=0)
    users = [int(invented.history["user_id"].iloc[0]), 10**6]
    order = np.argsort(recorder.popularity_, kind="stable")
    for scores in recorder.score(users):
        assert (np.diff(scores[order]) >= 0).all()
    known, new = recorder.click_probability(users, recorder.item_ids_[:2])
    row = recorder.features_.user_rows(np.array(users[:1]))
    assert known == pytest.approx(recorder.features_.user_stats[row[0], 1])
    assert new == 0


def test_pairs_meet_in_the_year_given(invented: Any) -> None:
    class Ages(Recorder):
        answers = ("item_age", "item_age")

    ages = Ages().fit(invented.history, invented.items, seed=0)
    user, item = invented.history[["user_id", "item_id"]].iloc[0]
    released = invented.items.set_index("item_id")["year"][item]
    latest = invented.history["timestamp"].max().year
    assert ages.click_probability([user], [item]).tolist() == [latest - released]
    years = ages.click_probability([user, user], [item, item], [released, released + 7])
    assert years.tolist() == [0.0, 7.0]
    assert ages.click_probability([user, user], [item, item], released).tolist() == [0.0, 0.0]
    for wrong in ([1.0, 2.0], [float("nan")]):
        with pytest.raises(ParameterError, match="years"):
            ages.click_probability([user], [item], wrong)


def test_an_item_outside_the_catalogue_is_answered_as_never_rated(invented: Any) -> None:
    class Qualities(Recorder):
        answers = ("item_rating_bias", "item_popularity")

    recorder = Qualities().fit(invented.history, invented.items, seed=0)
    never = recorder.item_ids_[recorder.popularity_ == 0][0]
    outside, unrated, new_user = recorder.click_probability([1, 1, 10**6], [10**7, never, 10**7])
    assert outside == pytest.approx(unrated)
    assert new_user == outside
    with pytest.raises(ParameterError, match="equal length"):
        recorder.click_probability([1], [1, 2])
    assert recorder.click_probability([], []).shape == (0,)
