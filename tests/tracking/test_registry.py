import mlflow
import pandas as pd
import pytest

from armlift.errors import ParameterError, TrackingError
from armlift.tracking import (
    alias_moves,
    aliased_versions,
    find_version,
    load_policy,
    log_recommenders,
    register_recommenders,
    use_store,
)


def test_a_training_registers_every_recommender_with_its_aliases(registry):
    held = {alias: str(version) for alias, version in aliased_versions().items()}
    assert held == {
        "champion": "logistic_regression (version 1)",
        "challenger": "lightgbm (version 2)",
        "PolicyA": "logistic_regression (version 1)",
        "PolicyB": "lightgbm (version 2)",
    }
    version = registry.get_model_version("recommender", "3")
    assert version.tags == {"armlift.model": "svd", "armlift.data_hash": "data1"}
    assert registry.get_run(version.run_id)


def test_a_registered_recommender_has_a_signature_and_an_example_and_recommends(registry, arms, history):
    policy = load_policy("PolicyA")
    assert policy.metadata.signature.inputs.input_names() == ["user_id"]
    assert policy.metadata.saved_input_example_info is not None
    slates = policy.predict(pd.DataFrame({"user_id": [1, 2]}), params={"n": 3})
    expected = arms["logistic_regression"].recommend([1, 2], 3, history)
    pd.testing.assert_frame_equal(slates, expected)
    by_address = mlflow.pyfunc.load_model("models:/recommender@PolicyA")
    assert by_address.metadata.model_uuid == policy.metadata.model_uuid


def test_the_next_training_moves_the_policies_but_not_the_champion(registry, arms, history):
    run_id = find_version("svd").run_id
    logged = log_recommenders(run_id, arms, history)
    assert register_recommenders(run_id, logged, "data2") == {
        "logistic_regression": 4,
        "lightgbm": 5,
        "svd": 6,
    }
    numbers = {alias: version.number for alias, version in aliased_versions().items()}
    assert numbers == {"champion": 1, "challenger": 2, "PolicyA": 4, "PolicyB": 5}
    assert [move.alias for move in alias_moves()] == [
        *("PolicyA", "PolicyB", "champion", "challenger"),
        *("PolicyA", "PolicyB"),
    ]
    assert registry.get_model_version_by_alias("router", "router").tags == {
        "PolicyA": "logistic_regression (version 4)",
        "PolicyB": "lightgbm (version 5)",
    }


def test_a_training_without_the_policies_registers_what_there_is(store, run_id, arms, history):
    logged = log_recommenders(run_id, {"svd": arms["svd"]}, history)
    assert register_recommenders(run_id, logged, "data1") == {"svd": 1}
    assert aliased_versions() == {}
    assert store.search_registered_models("name = 'router'") == []


@pytest.mark.parametrize(("reference", "number"), [("svd", 3), ("2", 2), ("champion", 1), ("PolicyB", 2)])
def test_a_recommender_is_found_by_name_number_and_alias(registry, reference, number):
    assert find_version(reference).number == number


def test_the_newest_version_of_a_name_is_found(registry, arms, history):
    run_id = find_version("svd").run_id
    for _ in range(2):
        register_recommenders(run_id, log_recommenders(run_id, {"svd": arms["svd"]}, history), "data2")
    found = find_version("svd")
    assert (found.number, found.data_hash) == (5, "data2")
    assert [find_version("svd", trained_from=data).number for data in ("data1", "data2", "data3")] == [
        3,
        5,
        5,
    ]
    assert find_version("4", trained_from="data1").number == 4


@pytest.mark.parametrize("reference", ["ease", "17", "0", "it's", ""])
def test_an_unknown_recommender_is_an_error_that_lists_the_known_ones(registry, reference):
    with pytest.raises(ParameterError, match="one of lightgbm, logistic_regression, svd"):
        find_version(reference)


def test_before_the_first_training_there_is_nothing(store):
    assert aliased_versions() == {}
    assert alias_moves() == ()
    with pytest.raises(ParameterError, match=r"one of none so far.*kedro run --pipelines=train"):
        find_version("svd")


def test_a_version_that_armlift_did_not_register_is_named(registry):
    source = registry.get_model_version("recommender", "1").source
    registry.create_model_version("recommender", source)
    with pytest.raises(TrackingError, match=r"version 4 has no tags armlift\.model"):
        find_version("4")


def test_a_command_uses_the_projects_store(tmp_path, registry):
    mlflow.set_tracking_uri(None)
    assert use_store(tmp_path).endswith(f"{tmp_path}/mlflow.db")
    assert find_version("svd").number == 3
