from pathlib import Path
from typing import Any

import numpy as np
import pytest

from armlift.errors import DataFileError, ParameterError
from armlift.recommenders.features import FEATURE_NAMES
from armlift.recommenders.lightgbm import LightGBMRecommender


@pytest.mark.parametrize("name", ["clicked.txt", "liked.txt"])
def test_the_trees_are_saved_in_a_form_that_lightgbm_reads(invented: Any, tmp_path: Path, name: str) -> None:
    import lightgbm

    LightGBMRecommender(n_trees=3).fit(invented.history, invented.items, seed=0).save(tmp_path)
    booster = lightgbm.Booster(model_file=tmp_path / name)
    assert booster.num_trees() == 3
    assert tuple(booster.feature_name()) == FEATURE_NAMES


@pytest.mark.parametrize("name", ["clicked.txt", "liked.txt"])
def test_a_missing_model_file_is_named(invented: Any, tmp_path: Path, name: str) -> None:
    LightGBMRecommender(n_trees=3).fit(invented.history, invented.items, seed=0).save(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(DataFileError, match=name):
        LightGBMRecommender.load(tmp_path)


def test_scores_are_probabilities(invented: Any) -> None:
    fitted = LightGBMRecommender().fit(invented.history, invented.items, seed=2**40)
    scores = fitted.score(invented.history["user_id"].unique())
    candidates = scores[np.isfinite(scores)]
    assert ((candidates > 0) & (candidates < 1)).all()


@pytest.mark.parametrize(
    "params", [{"n_trees": 0}, {"n_leaves": 1}, {"learning_rate": 0.0}, {"min_leaf_pairs": 0}]
)
def test_hyper_parameters_have_bounds(params: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=next(iter(params))):
        LightGBMRecommender(**params)
