"""What the base promises, shown with a recommender whose scores are dictated."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from armlift.errors import DataError, DataFileError, NotFittedError, ParameterError
from armlift.recommenders import base
from armlift.recommenders.base import Recommender

INF = float("inf")


class Dictated(Recommender):
    """Scores every user alike, as told."""

    def __init__(self, *, scores: list[float]) -> None:
        self.scores = scores

    def _fit(self, history: pd.DataFrame, items: pd.DataFrame, seed: int) -> None:
        self.learned_ = np.array(self.scores)

    def _score(self, users: np.ndarray, seen: np.ndarray) -> np.ndarray:
        return np.tile(self.learned_, (len(users), 1))


class Stubborn(Dictated):
    def _fit(self, history: pd.DataFrame, items: pd.DataFrame, seed: int) -> None:
        raise DataError("nothing to learn here")


def test_slate_is_sorted_by_score_and_ties_go_to_the_lowest_item(tiny: Any) -> None:
    recommender = Dictated(scores=[1.0, 2.0, 2.0, 2.0]).fit(tiny.history, tiny.items, seed=0)
    slate = recommender.recommend([9], 3, tiny.history)
    assert slate["item_id"].tolist() == [20, 30, 40]
    assert slate["position"].tolist() == [0, 1, 2]
    assert slate["score"].tolist() == [2.0, 2.0, 2.0]


def test_seen_items_are_left_out_for_the_user_who_saw_them(tiny: Any) -> None:
    recommender = Dictated(scores=[4.0, 3.0, 2.0, 1.0]).fit(tiny.history, tiny.items, seed=0)
    slates = recommender.recommend([1, 9, 2], 1, tiny.history)
    assert slates["user_id"].tolist() == [1, 9, 2]
    assert slates["item_id"].tolist() == [40, 10, 30]


def test_items_beyond_the_candidates_follow_by_popularity(tiny: Any) -> None:
    recommender = Dictated(scores=[-INF, -INF, -INF, 0.5]).fit(tiny.history, tiny.items, seed=0)
    slate = recommender.recommend([9], 4, tiny.history)
    assert slate["item_id"].tolist() == [40, 10, 20, 30]
    assert slate["score"].tolist() == [0.5, -INF, -INF, -INF]


def test_the_score_of_seen_items_is_minus_infinity(tiny: Any) -> None:
    recommender = Dictated(scores=[4.0, 3.0, 2.0, 1.0]).fit(tiny.history, tiny.items, seed=0)
    assert recommender.score([2, 9], tiny.history).tolist() == [[-INF, -INF, 2.0, 1.0], [4.0, 3.0, 2.0, 1.0]]
    assert recommender.score([2]).tolist() == [[4.0, 3.0, 2.0, 1.0]]


def test_items_rated_but_not_described_belong_to_the_catalogue(tiny: Any) -> None:
    recommender = Dictated(scores=[0.0] * 4).fit(tiny.history, tiny.items.iloc[2:], seed=0)
    assert recommender.item_ids_.tolist() == [10, 20, 30, 40]
    assert recommender.popularity_.tolist() == [3, 2, 1, 0]


def test_seen_items_newer_than_the_fit_do_not_matter(tiny: Any) -> None:
    recommender = Dictated(scores=[4.0, 3.0, 2.0, 1.0]).fit(tiny.history, tiny.items, seed=0)
    later = pd.DataFrame({"user_id": [9, 9], "item_id": [10, 99]})
    assert recommender.recommend([9], 3, later)["item_id"].tolist() == [20, 30, 40]


def test_nobody_asked_nothing_shown(tiny: Any) -> None:
    slates = Dictated(scores=[0.0] * 4).fit(tiny.history, tiny.items, seed=0).recommend([], 2, tiny.history)
    assert slates.dtypes.astype(str).to_dict() == {
        "user_id": "int64",
        "position": "int64",
        "item_id": "int64",
        "score": "float64",
    }
    assert slates.empty


def test_too_long_a_slate_names_the_user_and_what_is_left(tiny: Any) -> None:
    recommender = Dictated(scores=[0.0] * 4).fit(tiny.history, tiny.items, seed=0)
    with pytest.raises(ParameterError, match=r"n = 3: must satisfy 1 <= n <= 2, .* user 2 has not seen"):
        recommender.recommend([9, 2], 3, tiny.history)


def test_parameters_out_of_bounds(tiny: Any) -> None:
    recommender = Dictated(scores=[0.0] * 4)
    with pytest.raises(ParameterError, match="seed >= 0"):
        recommender.fit(tiny.history, tiny.items, seed=-1)
    recommender.fit(tiny.history, tiny.items, seed=0)
    with pytest.raises(ParameterError, match="n >= 1"):
        recommender.recommend([9], 0, tiny.history)
    with pytest.raises(ParameterError, match="user_ids = 9: must satisfy distinct users"):
        recommender.recommend([8, 9, 9], 1, tiny.history)


@pytest.mark.parametrize("scores", [[0.0, 1.0, float("nan"), 2.0], [0.0, 1.0, 2.0]])
def test_unusable_scores_are_refused(tiny: Any, scores: list[float]) -> None:
    recommender = Dictated(scores=scores).fit(tiny.history, tiny.items, seed=0)
    with pytest.raises(ParameterError, match="Dictated"):
        recommender.recommend([9], 1, tiny.history)


def test_nothing_works_before_the_fit(tiny: Any, tmp_path: Path) -> None:
    recommender = Dictated(scores=[0.0] * 4)
    with pytest.raises(NotFittedError, match="Dictated is not fitted"):
        recommender.score([1])
    with pytest.raises(NotFittedError):
        recommender.recommend([1], 1, tiny.history)
    with pytest.raises(NotFittedError):
        recommender.save(tmp_path)


def test_a_failed_fit_leaves_nothing_fitted(tiny: Any) -> None:
    recommender = Stubborn(scores=[0.0] * 4)
    with pytest.raises(DataError, match="nothing to learn"):
        recommender.fit(tiny.history, tiny.items, seed=0)
    with pytest.raises(NotFittedError):
        recommender.score([1])


def test_an_empty_history_is_refused(tiny: Any) -> None:
    with pytest.raises(DataError, match="0 ratings"):
        Dictated(scores=[0.0] * 4).fit(tiny.history.iloc[:0], tiny.items, seed=0)


def test_a_plug_in_is_saved_and_loaded_without_own_code(tiny: Any, tmp_path: Path) -> None:
    saved = Dictated(scores=[1.0, 4.0, 2.0, 3.0]).fit(tiny.history, tiny.items, seed=0)
    saved.save(tmp_path / "new" / "folder")
    loaded = Dictated.load(tmp_path / "new" / "folder")
    assert loaded.params == {"scores": [1.0, 4.0, 2.0, 3.0]}
    pd.testing.assert_frame_equal(
        loaded.recommend([1, 9], 1, tiny.history), saved.recommend([1, 9], 1, tiny.history)
    )


def test_folders_that_hold_no_such_recommender(tiny: Any, tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"recommender\.json does not describe"):
        Dictated.load(tmp_path)
    Dictated(scores=[0.0] * 4).fit(tiny.history, tiny.items, seed=0).save(tmp_path)
    with pytest.raises(DataFileError, match=r"not a .*Stubborn"):
        Stubborn.load(tmp_path)
    state = tmp_path / "state.npz"
    state.write_bytes(state.read_bytes()[:100])
    with pytest.raises(DataFileError, match=r"state\.npz cannot be read"):
        Dictated.load(tmp_path)
    (tmp_path / "recommender.json").write_text("[]")
    with pytest.raises(DataFileError, match=r"recommender\.json does not describe"):
        Dictated.load(tmp_path)


@settings(max_examples=40)
@given(data=st.data())
def test_slates_match_a_plain_sort(data: st.DataObject) -> None:
    n_users, n_items = 4, 6
    pairs = st.tuples(st.integers(0, n_users - 1), st.integers(0, n_items - 1))
    rated = sorted(data.draw(st.sets(pairs, min_size=1, max_size=8)))
    scores = data.draw(st.lists(st.sampled_from([-INF, 0.0, 1.0, 2.0]), min_size=n_items, max_size=n_items))
    history = pd.DataFrame(rated, columns=["user_id", "item_id"])
    items = pd.DataFrame({"item_id": range(n_items)})
    recommender = Dictated(scores=scores).fit(history, items, seed=0)
    left = {user: [i for i in range(n_items) if (user, i) not in rated] for user in range(n_users)}
    asked = [user for user in left if left[user]]
    n = min(len(left[user]) for user in asked)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "SCORES_IN_MEMORY", data.draw(st.integers(1, 30)))
        slates = recommender.recommend(asked, n, history)

    popularity = history["item_id"].value_counts().to_dict()
    for user in asked:
        expected = sorted(
            left[user], key=lambda i: (-scores[i], -popularity.get(i, 0) if scores[i] == -INF else 0, i)
        )[:n]
        assert slates.loc[slates["user_id"] == user, "item_id"].tolist() == expected
