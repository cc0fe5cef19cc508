import pytest
from pydantic import ValidationError

from armlift.pipelines.parameters import EvaluationParameters

TWO = {"popularity": True, "random": True}
GIVEN = {"recommenders": TWO, "splits": ["temporal"], "protocols": ["full"]}


def test_hyper_parameters_come_from_the_block_from_training_or_are_defaults():
    evaluation = EvaluationParameters(
        **GIVEN
        | {"recommenders": {"popularity": True, "random": False, "svd": True, "lightgbm": {"n_trees": 5}}}
    )
    trained = {"svd": {"n_factors": 7}, "lightgbm": {"n_trees": 300}, "random": {}}
    assert evaluation.chosen(trained) == {
        "popularity": {},
        "svd": {"n_factors": 7},
        "lightgbm": {"n_trees": 5},
    }


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"recommenders": {"popularity": True, "random": False}}, "1 recommenders are chosen"),
        ({"recommenders": TWO | {"nobody": True}}, "recommender = 'nobody'.*one of"),
        ({"recommenders": TWO | {"svd": {"n_epochs": 0}}}, "n_epochs = 0"),
        ({"splits": []}, "at least 1 item"),
        ({"splits": ["temporal", "temporal"]}, "each split once"),
        ({"splits": ["monthly"]}, "'temporal', 'leave_one_out'"),
        ({"protocols": ["sampled"]}, "the full protocol comes first"),
        ({"folds": 1}, "greater than or equal to 2"),
        ({"repeats": 1}, "greater than or equal to 2"),
        ({"test_share": 1.0}, "less than 1"),
        ({"k": 0}, "greater than or equal to 1"),
        ({"alpha": 0.0}, "greater than 0"),
        ({"resamples": 99}, "greater than or equal to 100"),
        ({"workers": 0}, "greater than or equal to 1"),
        ({"fold": 5}, "Extra inputs are not permitted"),
    ],
)
def test_values_out_of_bounds_are_refused_by_name(values, words):
    with pytest.raises(ValidationError, match=f"(?s){words}"):
        EvaluationParameters(**GIVEN | values)
