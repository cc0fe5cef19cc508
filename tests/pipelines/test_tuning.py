from pathlib import Path

import pandas as pd
import pytest
import yaml
from pydantic import ValidationError

from armlift.datasets.sample import generate_sample
from armlift.pipelines.parameters import TrainingParameters, WorldParameters
from armlift.pipelines.tuning.nodes import leave_out_tests, search_parameters
from armlift.pipelines.tuning.parameters import TuningParameters
from armlift.recommenders import available_recommenders

ROOT = Path(__file__).parents[2]
SPACES = {"svd": {"n_factors": {"type": "int", "low": 2, "high": 20}}}
TWO = {"popularity": {}, "svd": {"n_factors": 5, "n_epochs": 3}}


def parameters(**changed):
    return TuningParameters(**{"recommenders": ["svd"], "spaces": SPACES} | changed)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"recommenders": []}, "at least 1 item"),
        ({"recommenders": ["nobody"]}, "recommender = 'nobody': must satisfy one of"),
        ({"recommenders": ["popularity"]}, "popularity has no search space. tuning.spaces has svd"),
        ({"spaces": {"svd": {}}}, "tuning.spaces.svd = {}: must satisfy at least one hyper-parameter"),
        ({"spaces": {"svd": {"factors": {}}}}, "tuning.spaces.svd.factors.*among n_factors, n_epochs"),
        (
            {"spaces": {"svd": {"n_factors": {"type": "int", "low": 9, "high": 2}}}},
            "svd.n_factors.low = 9: must satisfy low < high = 2",
        ),
        ({"metric": "ndgc"}, "tuning.metric = 'ndgc': must satisfy one of precision"),
        ({"metric": "brier"}, "for svd, which predicts no probabilities of a click"),
        ({"pruning": "sometimes"}, "'none', 'median' or 'halving'"),
        ({"validation_share": 1.0}, "less than 1"),
        ({"trials": 0}, "greater than or equal to 1"),
        ({"trails": 5}, "Extra inputs are not permitted"),
    ],
)
def test_bad_parameters_are_refused_by_name(changed, words):
    with pytest.raises(ValidationError, match=f"(?s){words}"):
        parameters(**changed)


def test_a_metric_that_not_every_model_has_is_refused_for_those_without():
    with pytest.raises(ValidationError, match="for popularity, which predicts no ratings"):
        parameters(
            metric="rmse",
            recommenders=["svd", "popularity"],
            spaces=SPACES | {"popularity": {"half_life_days": {"type": "float", "low": 1, "high": 9}}},
        )


@pytest.mark.parametrize(
    "name",
    yaml.safe_load((ROOT / "conf/base/parameters/tuning.yml").read_text())["tuning"]["spaces"],
)
def test_the_spaces_of_conf_are_within_what_the_recommenders_accept(name):
    assert name in available_recommenders()
    given = yaml.safe_load((ROOT / "conf/base/parameters/tuning.yml").read_text())["tuning"]
    assert TuningParameters(**given | {"recommenders": [name]}).space(name)


SAMPLE = generate_sample(seed=4, n_users=40, n_items=100, n_ratings=1200)
WORLD = WorldParameters(means=[0.1, 0.2])


def chosen(ratings, folder, **changed):
    tuning = parameters(
        **{"trials": 5, "folds": 2, "validation": "per_user", "workers": 1, "k": 5}
        | {"storage": folder / "trials.db"}
        | changed
    )
    seen = leave_out_tests(ratings, WORLD, 0.2)
    return search_parameters(seen, SAMPLE.items, TWO, tuning)


def without_time(tables):
    return [table.drop(columns="seconds", errors="ignore") for table in tables[:4]]


def test_other_test_ratings_choose_the_same_parameters(tmp_path):
    seen = leave_out_tests(SAMPLE.ratings, WORLD, 0.2)
    keys = ["user_id", "item_id"]
    is_reported = ~pd.MultiIndex.from_frame(SAMPLE.ratings[keys]).isin(pd.MultiIndex.from_frame(seen[keys]))
    assert 0 < is_reported.sum() < len(is_reported)
    other = SAMPLE.ratings.assign(
        rating=SAMPLE.ratings["rating"].mask(is_reported, 5.5 - SAMPLE.ratings["rating"])
    )
    before, after = chosen(SAMPLE.ratings, tmp_path / "a"), chosen(other, tmp_path / "b")
    assert after[-1] == before[-1]
    for one, two in zip(without_time(before), without_time(after), strict=True):
        pd.testing.assert_frame_equal(one, two)
    swapped = SAMPLE.ratings.assign(rating=5.5 - SAMPLE.ratings["rating"])
    trials = without_time(chosen(swapped, tmp_path / "c"))[0]
    assert not trials["value"].equals(without_time(before)[0]["value"])  # ratings that it may see count


def test_it_starts_from_the_parameters_of_training(tmp_path):
    trials, _, _, summary, best = chosen(SAMPLE.ratings, tmp_path)
    assert trials["params"][0] == '{"n_factors": 5}'
    assert summary["before"][0] == trials["value"][0]
    assert set(best["svd"]) == {"n_factors"}


@pytest.mark.parametrize(
    ("recommender", "metric"), [("svd", "rmse"), ("svd", "auc"), ("logistic_regression", "log_loss")]
)
def test_other_metrics_decide_too(tmp_path, recommender, metric):
    spaces = {
        "svd": SPACES["svd"],
        "logistic_regression": {"l2": {"type": "float", "low": 0.1, "high": 10.0, "log": True}},
    }
    changed = {"recommenders": [recommender], "spaces": spaces, "metric": metric, "trials": 2}
    *_, summary, _ = chosen(SAMPLE.ratings, tmp_path, **changed)
    assert summary["metric"].tolist() == [metric]
    assert summary["complete"].tolist() == [2]


def test_training_takes_what_is_tuned_and_keeps_the_rest(tmp_path):
    file = tmp_path / "tuned.yml"
    file.write_text("svd: {n_factors: 17}\nease: {regularization: 100}\n")
    training = TrainingParameters(recommenders=TWO, tuned=file)
    assert training.recommenders == {"popularity": {}, "svd": {"n_factors": 17, "n_epochs": 3}}
    assert TrainingParameters(recommenders=TWO).recommenders == TWO


@pytest.mark.parametrize("content", [None, "svd: 5", "- svd", "svd: {n_factors: [", ""])
def test_a_file_of_something_else_is_refused(tmp_path, content):
    file = tmp_path / "tuned.yml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ValidationError, match=r"training\.tuned = .*kedro run --pipelines=tune"):
        TrainingParameters(recommenders=TWO, tuned=file)


def test_a_tuned_value_out_of_its_bound_is_refused(tmp_path):
    file = tmp_path / "tuned.yml"
    file.write_text("svd: {n_factors: 0}\n")
    with pytest.raises(ValidationError, match="n_factors = 0"):
        TrainingParameters(recommenders=TWO, tuned=file)
