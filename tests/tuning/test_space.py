import optuna
import pytest

from armlift.errors import ParameterError
from armlift.tuning import Choices, Interval, search_space


def ranges(**given):
    return {"n_factors": {"type": "int", "low": 5, "high": 50} | given}


def test_each_type_becomes_what_optuna_draws_from():
    space = search_space(
        "svd",
        {
            "n_factors": {"type": "int", "low": 5, "high": 50, "log": True},
            "learning_rate": {"type": "float", "low": 0.001, "high": 0.1},
            "min_ratings": {"type": "categorical", "choices": [0, 20]},
        },
    )
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask()
    for name, each in space.items():
        each.suggest(trial, name)
        assert each.contains(trial.params[name])
    assert trial.distributions == {
        "n_factors": optuna.distributions.IntDistribution(5, 50, log=True),
        "learning_rate": optuna.distributions.FloatDistribution(0.001, 0.1),
        "min_ratings": optuna.distributions.CategoricalDistribution((0, 20)),
    }


@pytest.mark.parametrize(
    ("value", "inside"),
    [(5, True), (50, True), (4, False), (51, False), (5.5, False), (True, False), (None, False)],
)
def test_a_whole_interval_holds_whole_numbers_between_its_bounds(value, inside):
    assert Interval(5, 50, log=False, whole=True).contains(value) is inside


def test_a_real_interval_holds_whole_numbers_too():
    assert Interval(0.5, 2.0, log=False, whole=False).contains(1)
    assert Choices((None, 30)).contains(None)
    assert not Choices((None, 30)).contains(31)


@pytest.mark.parametrize(
    ("recommender", "given", "words"),
    [
        ("nobody", ranges(), "recommender = 'nobody': must satisfy one of .*popularity"),
        ("svd", {}, "tuning.spaces.svd = {}: must satisfy at least one .*n_factors, n_epochs"),
        ("random", {}, "It has none: do not tune it"),
        ("svd", {"factors": {}}, "tuning.spaces.svd.factors = .*among n_factors, n_epochs"),
        ("svd", {"n_factors": 5}, "svd.n_factors = 5: must satisfy a range"),
        ("svd", ranges(type="integer"), "type = 'integer': must satisfy int, float or categorical"),
        ("svd", ranges(low=60), r"svd.n_factors.low = 60: must satisfy low < high = 50"),
        ("svd", ranges(low=50), "low = 50: must satisfy low < high"),
        ("svd", ranges(low=5.0), "low = 5.0: must satisfy a whole number"),
        ("svd", ranges(high=True), "high = True: must satisfy a whole number"),
        ("svd", ranges(log="yes"), "log = 'yes': must satisfy true or false"),
        ("svd", ranges(step=2), "must satisfy the keys of type int"),
        ("svd", {"n_factors": {"type": "int", "low": 5}}, "must satisfy the keys of type int"),
        ("svd", ranges(low=0), "svd.n_factors = 0: must satisfy n_factors >= 1"),
        ("svd", {"regularization": {"type": "float", "low": 0, "high": 1, "log": True}}, "low > 0 where log"),
        ("svd", {"regularization": {"type": "float", "low": 0, "high": float("inf")}}, "a finite number"),
        ("svd", {"min_ratings": {"type": "categorical", "choices": [5]}}, "at least 2 different"),
        ("svd", {"min_ratings": {"type": "categorical", "choices": [5, 5, 6]}}, "at least 2 different"),
        ("svd", {"min_ratings": {"type": "categorical", "choices": [[5], [6]]}}, "at least 2 different"),
        ("svd", {"min_ratings": {"type": "categorical", "choices": [5, "many"]}}, "= 'many': must satisfy"),
    ],
)  # fmt: skip
def test_an_impossible_space_is_refused_by_name(recommender, given, words):
    with pytest.raises(ParameterError, match=words):
        search_space(recommender, given)
