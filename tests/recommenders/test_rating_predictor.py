"""Expected ratings: what the base promises, and what every rating predictor keeps of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from armlift.errors import NotFittedError, ParameterError
from armlift.recommenders.neighbours import ItemNeighbours, UserNeighbours
from armlift.recommenders.rating_predictor import RatingPredictor
from armlift.recommenders.svd import SVDRecommender
from armlift.recommenders.svdpp import SVDPPRecommender

NEW_USER, NEW_ITEM = 10**6, 10**7


class Additive(RatingPredictor):
    """Says 1 + 2 * row of the user + 10 * position of the item, and remembers what it was given."""

    def _fit_ratings(self, users: np.ndarray, items: np.ndarray, ratings: np.ndarray, seed: int) -> None:
        self.given = [users.tolist(), items.tolist(), ratings.tolist(), seed]

    def _expected(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        return 1.0 + 2.0 * users + 10.0 * items

    def _score(self, users: np.ndarray, seen: np.ndarray) -> np.ndarray:
        return np.zeros(seen.shape)


@pytest.fixture(
    scope="module",
    params=[UserNeighbours(), ItemNeighbours(), SVDRecommender(n_factors=5), SVDPPRecommender(n_epochs=2)],
    ids=lambda recommender: type(recommender).__name__,
)
def fitted(request: pytest.FixtureRequest, invented: Any) -> RatingPredictor:
    return request.param.fit(invented.history, invented.items, seed=4)


def test_subclasses_learn_from_rows_and_positions(tiny: Any) -> None:
    recommender = Additive().fit(tiny.history, tiny.items, seed=7)
    assert recommender.given == [
        [0, 1, 2, 0, 1, 0],
        [0, 0, 0, 1, 1, 2],
        [5.0, 4.0, 3.0, 2.0, 4.5, 1.0],
        7,
    ]
    assert recommender.user_ids_.tolist() == [1, 2, 3]
    assert recommender.mean_rating_ == pytest.approx(19.5 / 6)


def test_expected_ratings_stay_on_the_scale_of_the_history(tiny: Any) -> None:
    recommender = Additive().fit(tiny.history, tiny.items, seed=7)
    # Rows 0, 1, 2 say 1, 3, 5; the new user's row is -1, and item 30 is at position 2.
    assert recommender.expected_rating([1, 2, 3, 9, 1], [10, 10, 10, 10, 30]).tolist() == [1, 3, 5, 1, 5]


@pytest.mark.parametrize(("users", "items"), [([1, 2], [10]), (1, 10), ([[1]], [[10]])])
def test_pairs_must_be_pairs(tiny: Any, users: Any, items: Any) -> None:
    recommender = Additive().fit(tiny.history, tiny.items, seed=7)
    with pytest.raises(ParameterError, match="equal length"):
        recommender.expected_rating(users, items)


def test_nothing_is_expected_before_the_fit() -> None:
    with pytest.raises(NotFittedError, match="Additive"):
        Additive().expected_rating([1], [10])


def test_every_pair_is_answered_on_the_scale(fitted: RatingPredictor, invented: Any) -> None:
    rated = invented.later
    users = [*rated["user_id"], NEW_USER, NEW_USER, rated["user_id"].iloc[0]]
    items = [*rated["item_id"], NEW_ITEM, rated["item_id"].iloc[0], NEW_ITEM]
    expected = fitted.expected_rating(users, items)
    assert expected.shape == (len(users),)
    lowest, highest = invented.history["rating"].min(), invented.history["rating"].max()
    assert ((expected >= lowest) & (expected <= highest)).all()
    assert expected[-3] == pytest.approx(invented.history["rating"].mean())


def test_a_new_item_and_one_never_rated_are_alike(fitted: RatingPredictor, invented: Any) -> None:
    never = np.setdiff1d(invented.items["item_id"], invented.history["item_id"])
    user = invented.history["user_id"].iloc[0]
    assert len(never)
    unrated, outside = fitted.expected_rating([user, user], [never[0], NEW_ITEM])
    assert unrated == outside


def test_better_than_the_mean_on_later_ratings(fitted: RatingPredictor, invented: Any) -> None:
    truth = invented.later["rating"].to_numpy()
    errors = truth - fitted.expected_rating(invented.later["user_id"], invented.later["item_id"])
    assert (errors**2).mean() < 0.97 * ((truth - invented.history["rating"].mean()) ** 2).mean()


def test_an_expected_rating_does_not_depend_on_who_else_is_asked(
    fitted: RatingPredictor, invented: Any
) -> None:
    pairs = invented.later.iloc[::40]
    together = fitted.expected_rating(pairs["user_id"], pairs["item_id"])
    alone = [
        fitted.expected_rating([user], [item])[0]
        for user, item in zip(pairs["user_id"], pairs["item_id"], strict=True)
    ]
    assert together.tolist() == alone


def test_nobody_asked_nothing_expected(fitted: RatingPredictor) -> None:
    assert fitted.expected_rating([], []).shape == (0,)


def test_same_seed_same_ratings_also_after_loading(
    fitted: RatingPredictor, invented: Any, tmp_path: Path
) -> None:
    pairs = invented.later["user_id"], invented.later["item_id"]
    expected = fitted.expected_rating(*pairs)
    again = type(fitted)(**fitted.params).fit(invented.history, invented.items, seed=4)
    np.testing.assert_array_equal(again.expected_rating(*pairs), expected)
    fitted.save(tmp_path)
    np.testing.assert_array_equal(type(fitted).load(tmp_path).expected_rating(*pairs), expected)
