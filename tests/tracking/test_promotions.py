import getpass
from datetime import UTC, datetime, timedelta

import mlflow
import pytest

from armlift.errors import ParameterError, TrackingError
from armlift.tracking import (
    alias_moves,
    aliased_versions,
    log_recommenders,
    move_alias,
    promote,
    register_recommenders,
)


def number(alias):
    return aliased_versions()[alias].number


def test_a_better_recommender_becomes_champion_and_the_move_is_recorded(registry, evaluate):
    evaluate("svd", 0.06)
    evaluate("logistic_regression", 0.05)
    move = promote("svd", "champion", data_hash="data1", why="better slates")
    assert number("champion") == 3
    assert (move.alias, move.recommender, move.from_version, move.to_version) == ("champion", "svd", 1, 3)
    assert (move.who, move.why, move.overruled) == (getpass.getuser(), "better slates", None)
    assert abs(datetime.now(UTC) - datetime.fromisoformat(move.when)) < timedelta(minutes=5)
    assert (move.evidence.metric, move.evidence.value, move.evidence.champion_value) == (
        "temporal.ndcg@10",
        0.06,
        0.05,
    )
    assert alias_moves()[-1] == move
    tags = registry.get_model_version("recommender", "3").tags
    assert tags["armlift.evaluation_run"] == move.evidence.run_id
    assert registry.get_run(move.evidence.run_id).data.tags["armlift.model"] == "svd"


def test_a_worse_one_is_refused_and_nothing_moves(registry, evaluate):
    evaluate("svd", 0.049)
    evaluate("logistic_regression", 0.05)
    before = alias_moves()
    with pytest.raises(ParameterError, match=r"= 0.049: must satisfy no worse than 0.05 of the champion"):
        promote("svd", "champion", data_hash="data1")
    assert (number("champion"), alias_moves()) == (1, before)


@pytest.mark.parametrize(("margin", "earned"), [(0.019, False), (0.021, True)])
def test_the_margin_is_a_share_of_the_champions_value(registry, evaluate, margin, earned):
    evaluate("svd", 0.049)
    evaluate("logistic_regression", 0.05)
    if earned:
        assert promote("svd", "champion", data_hash="data1", margin=margin).to_version == 3
    else:
        with pytest.raises(ParameterError, match="no worse than"):
            promote("svd", "champion", data_hash="data1", margin=margin)


@pytest.mark.parametrize(("value", "earned"), [(0.8, True), (1.0, False)])
def test_of_an_error_less_is_better(registry, evaluate, value, earned):
    evaluate("svd", value, metric="rmse")
    evaluate("logistic_regression", 0.9, metric="rmse")
    if earned:
        assert promote("svd", "champion", data_hash="data1", metric="temporal.rmse").to_version == 3
    else:
        with pytest.raises(ParameterError, match="no worse than"):
            promote("svd", "champion", data_hash="data1", metric="temporal.rmse")


def test_without_an_evaluation_on_the_current_data_it_is_refused(registry, evaluate):
    evaluate("svd", 0.06, data_hash="data0")
    evaluate("svd", 0.06, metric="recall@10")
    evaluate("logistic_regression", 0.05)
    with pytest.raises(
        ParameterError, match=r"model = 'svd .version 3.': must satisfy evaluated with"
    ) as raised:
        promote("svd", "champion", data_hash="data1")
    assert "kedro run --pipelines=evaluate" in str(raised.value)
    for alias in ("challenger", "PolicyA"):
        with pytest.raises(ParameterError, match="current data snapshot data1"):
            promote("svd", alias, data_hash="data1")


def test_what_was_trained_from_another_data_set_is_not_what_was_evaluated(registry, evaluate, arms, history):
    """A name stands for what was trained from the current data; a version given by number is refused."""
    evaluate("logistic_regression", 0.05)
    evaluate("svd", 0.06)
    own = registry.get_run(aliased_versions()["champion"].run_id).info
    other = registry.create_run(own.experiment_id).info.run_id
    registry.log_param(own.run_id, "data.source", "sample")
    registry.log_param(other, "data.source", "ml-1m")
    register_recommenders(other, log_recommenders(other, {"svd": arms["svd"]}, history), "data2")
    current = {"data_hash": "data1", "data_source": "sample"}
    with pytest.raises(ParameterError, match="trained from sample, as the current data are, not from ml-1m"):
        promote("4", "champion", **current)
    assert promote("svd", "champion", **current).to_version == 3
    forced = promote("4", "champion", **current, force=True, why="the same films")
    assert "not from ml-1m" in forced.overruled


def test_what_was_trained_before_the_newest_ratings_came_may_be_promoted(registry, evaluate):
    """As a challenger that won its experiment, while ratings came in every day."""
    evaluate("svd", 0.06, data_hash="data2")
    evaluate("logistic_regression", 0.05, data_hash="data2")
    assert promote("svd", "champion", data_hash="data2", data_source="sample").to_version == 3


def test_an_evaluation_with_other_hyper_parameters_does_not_count(registry, evaluate):
    evaluate("logistic_regression", 0.05)
    evaluate("svd", 0.06, n_factors=20, regularization=0.2)
    with pytest.raises(ParameterError, match="evaluated with its own hyper-parameters") as raised:
        promote("svd", "champion", data_hash="data1")
    assert "has n_factors 20 (the model: 100), regularization 0.2 (the model: 0.1)" in str(raised.value)
    assert "kedro run --pipelines=evaluate" in str(raised.value)
    with pytest.raises(ParameterError, match=r"n_factors 20 .the model: 100."):
        promote("svd", "PolicyA", data_hash="data1")
    move = promote("svd", "challenger", data_hash="data1", force=True, why="known to be as good")
    assert "n_factors 20 (the model: 100)" in move.overruled


def test_an_older_evaluation_with_its_own_hyper_parameters_counts(registry, evaluate):
    evaluate("logistic_regression", 0.05)
    evaluate("svd", 0.06)
    evaluate("svd", 0.01, n_factors=20)
    assert promote("svd", "champion", data_hash="data1").evidence.value == 0.06


def test_the_champion_is_held_against_with_its_own_hyper_parameters(registry, evaluate):
    evaluate("svd", 0.06)
    evaluate("logistic_regression", 0.05, l2=7.0)
    with pytest.raises(
        ParameterError, match=r"model = 'logistic_regression .version 1.'.*l2 7.0 .the model: 1.0"
    ):
        promote("svd", "champion", data_hash="data1")


def test_a_champion_without_an_evaluation_cannot_be_compared(registry, evaluate):
    evaluate("svd", 0.06)
    with pytest.raises(ParameterError, match=r"model = 'logistic_regression .version 1.'"):
        promote("svd", "champion", data_hash="data1")


def test_an_evaluation_that_failed_does_not_count_and_the_newest_does(registry, evaluate):
    evaluate("logistic_regression", 0.05)
    evaluate("svd", 0.01)
    evaluate("svd", 0.06)
    move = promote("svd", "champion", data_hash="data1")
    assert move.evidence.value == 0.06
    registry.set_terminated(move.evidence.run_id, "FAILED")
    evaluate("logistic_regression", 0.05)
    move_alias("champion", aliased_versions()["PolicyA"], why="back")
    with pytest.raises(ParameterError, match=r"= 0\.01"):
        promote("svd", "champion", data_hash="data1")


def test_other_aliases_need_an_evaluation_only(registry, evaluate):
    evaluate("svd", 0.01)
    evaluate("logistic_regression", 0.05)
    assert promote("svd", "challenger", data_hash="data1").from_version == 2
    assert number("challenger") == 3


def test_force_overrules_and_records_what_it_overruled(registry, evaluate):
    evaluate("logistic_regression", 0.05)
    move = promote("svd", "champion", data_hash="data1", force=True, why="the boss")
    assert (number("champion"), move.why, move.evidence) == (3, "the boss", None)
    assert "must satisfy evaluated with" in move.overruled
    assert alias_moves()[-1] == move
    back = promote("1", "champion", data_hash="data1", force=True, why="undo")
    assert (back.from_version, back.to_version, number("champion")) == (3, 1, 1)


def test_force_without_need_overrules_nothing(registry, evaluate):
    evaluate("svd", 0.06)
    evaluate("logistic_regression", 0.05)
    move = promote("svd", "champion", data_hash="data1", force=True, why="sure")
    assert (move.overruled, move.evidence.value) == (None, 0.06)


def test_the_router_follows_its_policies(registry, evaluate):
    evaluate("svd", 0.06)
    before = registry.get_model_version_by_alias("router", "router")
    promote("svd", "challenger", data_hash="data1")
    assert registry.get_model_version_by_alias("router", "router").version == before.version
    promote("svd", "PolicyB", data_hash="data1")
    after = registry.get_model_version_by_alias("router", "router")
    assert after.version == before.version + 1
    assert after.tags == {"PolicyA": "logistic_regression (version 1)", "PolicyB": "svd (version 3)"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alias": "production"}, "one of champion, challenger, PolicyA, PolicyB"),
        ({"margin": -0.1}, "0 <= margin < 1"),
        ({"margin": 1.0}, "0 <= margin < 1"),
        ({"margin": float("nan")}, "0 <= margin < 1"),
        ({"force": True, "why": " "}, "Say why"),
        ({"why": "x" * 1001}, "at most 1000 characters"),
        ({"metric": "temporal.novelty@10"}, "more is better, or less"),
        ({"model": "ease"}, "one of lightgbm, logistic_regression, svd"),
    ],
)
def test_bad_input_names_the_bound(registry, arguments, message):
    given = {"model": "svd", "alias": "champion", "data_hash": "data1"} | arguments
    with pytest.raises(ParameterError, match=message):
        promote(given.pop("model"), given.pop("alias"), **given)


def test_no_move_goes_unrecorded(registry, monkeypatch):
    """A crash between entry and move leaves an entry too many, never one too few."""

    def crash(*_):
        raise OSError("killed")

    monkeypatch.setattr(mlflow.MlflowClient, "set_registered_model_alias", crash)
    with pytest.raises(TrackingError, match="killed"):
        move_alias("champion", aliased_versions()["PolicyB"], why="try")
    assert number("champion") == 1
    assert alias_moves()[-1].why == "try"
