"""Folds and windows: the same for all models, the same for any number of workers."""

import itertools
import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest

from armlift.datasets import k_fold_splits, leave_one_out_split
from armlift.errors import DataError, ParameterError
from armlift.evaluation import CrossValidation, Settings, cross_validate, repeated_temporal_splits
from armlift.recommenders.logistic_regression import LogisticRegressionRecommender
from armlift.recommenders.popularity import Popularity
from armlift.recommenders.svd import SVDRecommender

MODELS = {
    "popularity": Popularity(half_life_days=100),
    "svd": SVDRecommender(n_epochs=3, n_factors=5),
    "logistic": LogisticRegressionRecommender(),
}


@pytest.fixture(scope="module")
def k_fold(invented: Any) -> CrossValidation:
    splits = k_fold_splits(invented.ratings, 3, seed=0)
    settings = Settings(protocols=("full", "sampled"), k=5, negatives=20, seed=4)
    return cross_validate(MODELS, splits, invented.items, name="k_fold", settings=settings)


def test_rows_are_tidy_and_complete(k_fold: CrossValidation) -> None:
    rows = k_fold.rows()
    assert rows.columns.tolist() == ["model", "split", "fold", "metric", "value"]
    assert not rows.duplicated(["model", "split", "fold", "metric"]).any()
    assert rows["split"].unique().tolist() == ["k_fold"]
    assert np.isfinite(rows["value"]).all()
    metrics = rows.groupby("model")["metric"].agg(set)
    assert {"ndcg@5", "sampled20_ndcg@5", "auc", "coverage@5"} < metrics["popularity"]
    assert metrics["svd"] - metrics["popularity"] == {"rmse", "mae"}
    assert {"log_loss", "ece"} < metrics["logistic"]
    assert k_fold.test_train_ratio == pytest.approx(1 / 2)
    assert [(one.model, one.fold) for one in k_fold.evaluations] == [
        (model, fold) for model in MODELS for fold in (1, 2, 3)
    ]


def test_all_models_are_tested_on_the_same_pairs(k_fold: CrossValidation) -> None:
    for fold in (1, 2, 3):
        popularity, *others = (one for one in k_fold.evaluations if one.fold == fold)
        for other in others:
            for mine, theirs in zip(popularity.rankings, other.rankings, strict=True):
                columns = ["user_id", "item_id"]
                pd.testing.assert_frame_equal(mine.pairs[columns], theirs.pairs[columns])
            pd.testing.assert_series_equal(popularity.clicks.pairs["clicked"], other.clicks.pairs["clicked"])


def test_the_result_does_not_depend_on_the_workers(k_fold: CrossValidation, invented: Any) -> None:
    splits = k_fold_splits(invented.ratings, 3, seed=0)
    settings = Settings(protocols=("full", "sampled"), k=5, negatives=20, seed=4)
    models = {name: MODELS[name] for name in ("popularity", "svd")}
    parallel = cross_validate(models, splits, invented.items, name="k_fold", settings=settings, workers=2)
    rows = k_fold.rows()
    alone = rows[rows["model"] != "logistic"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, parallel.rows(), check_exact=True)
    for one, other in zip(k_fold.evaluations, parallel.evaluations, strict=False):
        pd.testing.assert_frame_equal(one.clicks.pairs, other.clicks.pairs, check_exact=True)


def test_given_recommenders_stay_as_they_are(
    invented: Any, temporal: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    model = Popularity(half_life_days=7)
    cross_validate({"popular": model}, [temporal], invented.items, name="temporal")
    assert not model._fitted
    assert "evaluated popular on temporal 1 of 1 (1 of 1)" in caplog.text


def test_leave_latest_out(invented: Any) -> None:
    split = leave_one_out_split(invented.ratings, seed=0)
    found = cross_validate(
        {"popular": Popularity()}, [split], invented.items, name="latest", settings=Settings(like_threshold=1)
    )
    users = found.evaluations[0].rankings[0].users
    assert (users["liked"] == 1).mean() == 1
    # One liked item a user: recall and hit rate are one thing.
    np.testing.assert_allclose(users["recall"], users["hit_rate"], atol=1e-12)


def test_windows_follow_each_other(invented: Any) -> None:
    splits = repeated_temporal_splits(invented.ratings, 4, 0.4)
    assert [split.name for split in splits] == [f"window {number} of 4" for number in (1, 2, 3, 4)]
    for earlier, later in itertools.pairwise(splits):
        assert len(later.train) == len(earlier.train) + len(earlier.test)
    assert len(splits[-1].train) + len(splits[-1].test) == len(invented.ratings)
    shares = [len(split.test) / len(invented.ratings) for split in splits]
    np.testing.assert_allclose(shares, 0.1, atol=0.001)


def test_what_makes_no_sense_is_refused(invented: Any, temporal: Any) -> None:
    with pytest.raises(ParameterError, match="models"):
        cross_validate({}, [temporal], invented.items, name="none")
    with pytest.raises(ParameterError, match="splits"):
        cross_validate(MODELS, [], invented.items, name="none")
    with pytest.raises(ParameterError, match="workers"):
        cross_validate(MODELS, [temporal], invented.items, name="none", workers=0)
    with pytest.raises(ParameterError, match="repeats"):
        repeated_temporal_splits(invented.ratings, 0)
    with pytest.raises(ParameterError, match="test_share"):
        repeated_temporal_splits(invented.ratings, 2, 1.0)
    with pytest.raises(DataError):
        repeated_temporal_splits(invented.ratings.assign(timestamp=invented.ratings["timestamp"].max()))
