from itertools import pairwise

import pandas as pd
import pytest

from armlift.datasets import world_split
from armlift.datasets.sample import generate_sample
from armlift.datasets.splits import temporal_split
from armlift.errors import DataError, ParameterError
from armlift.tuning import ratings_for_tuning, validation_folds

RATINGS = generate_sample(seed=4, n_users=50, n_items=120, n_ratings=1500).ratings
WORLD = {"training_share": 0.6, "withheld_share": 0.1}


def seen(ratings=RATINGS, **changed):
    return ratings_for_tuning(ratings, **{"test_share": 0.2, **WORLD, "world_seed": 0} | changed)


def pairs(ratings):
    return set(zip(ratings["user_id"], ratings["item_id"], strict=True))


def test_tuning_sees_no_rating_that_evaluation_or_simulation_report_on():
    own = pairs(seen())
    assert own
    assert not own & pairs(temporal_split(RATINGS, 0.2).test)
    assert not own & pairs(world_split(RATINGS, **WORLD, seed=0).future)
    assert own == pairs(temporal_split(RATINGS, 0.2).train) & pairs(
        world_split(RATINGS, **WORLD, seed=0).history
    )


def test_it_is_the_same_whatever_the_users_rate_in_the_tests():
    own = pairs(seen())
    is_reported = [pair not in own for pair in zip(RATINGS["user_id"], RATINGS["item_id"], strict=True)]
    other = RATINGS.assign(rating=RATINGS["rating"].mask(is_reported, 0.5))
    assert not other.equals(RATINGS)
    pd.testing.assert_frame_equal(seen(other), seen())


def test_nothing_left_is_an_error_that_says_which_share():
    with pytest.raises(ParameterError, match=r"evaluation.test_share = 0.999"):
        seen(test_share=0.999, withheld_share=0.9)


@pytest.mark.parametrize("kind", ["temporal", "per_user"])
def test_each_fold_lies_in_what_the_next_one_trains_on(kind):
    folds = validation_folds(RATINGS, kind=kind, folds=3, share=0.2, seed=0)
    assert [len(fold.train) for fold in folds] == sorted(len(fold.train) for fold in folds)
    for fold, following in pairwise(folds):
        assert pairs(fold.train) | pairs(fold.test) == pairs(following.train)
    assert pairs(folds[-1].train) | pairs(folds[-1].test) == pairs(RATINGS)


def test_temporal_folds_validate_on_what_comes_later():
    for fold in validation_folds(RATINGS, kind="temporal", folds=3, share=0.2, seed=0):
        assert fold.train["timestamp"].max() < fold.test["timestamp"].min()


def test_too_few_ratings_are_an_error():
    with pytest.raises(DataError):
        validation_folds(RATINGS.iloc[:3], kind="temporal", folds=4, share=0.5, seed=0)
