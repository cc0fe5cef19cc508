import mlflow
import numpy as np
import pandas as pd
import pytest

from armlift.errors import ParameterError, TrackingError
from armlift.experiments.assignment import assign
from armlift.tracking import alias_slates, aliased_versions, route

POLICIES = np.array(["PolicyA", "PolicyB"])


@pytest.fixture
def router(registry):
    return mlflow.pyfunc.load_model("models:/router@router")


def test_the_model_assigns_100000_users_as_the_live_function_does(router):
    users = np.random.default_rng(0).permutation(10**6)[:100_000]
    params = {"salt": "movielens", "weights": [0.3, 0.7], "n": 1}
    answers = router.predict(pd.DataFrame({"user_id": users}), params=params)
    expected = assign(users, "movielens", [0.3, 0.7])
    np.testing.assert_array_equal(answers["user_id"], users)
    np.testing.assert_array_equal(answers["arm"], expected)
    np.testing.assert_array_equal(answers["policy"], POLICIES[expected])
    assert 0.68 < expected.mean() < 0.72


def test_each_user_gets_slate_and_score_of_the_assigned_policy(router, arms, history):
    users = [3, 1, 2, 1, 77]  # in any order, twice, and new
    answers = router.predict(pd.DataFrame({"user_id": users}), params={"salt": "s", "n": 4})
    assert answers["user_id"].tolist() == users
    assert set(answers["arm"]) == {0, 1}
    for answer in answers.itertuples():
        policy = arms["lightgbm" if answer.arm else "logistic_regression"]
        slate = policy.recommend([answer.user_id], 4, history)
        assert answer.item_ids == slate["item_id"].tolist()
        assert answer.score == slate["score"].iloc[0]
        assert answer.policy == POLICIES[answer.arm]


def test_the_schema_says_what_it_takes_and_gives(router):
    signature = router.metadata.signature
    assert signature.inputs.input_names() == ["user_id"]
    assert signature.outputs.input_names() == ["user_id", "arm", "policy", "score", "item_ids"]
    defaults = {parameter.name: parameter.default for parameter in signature.params}
    assert defaults == {"salt": "router", "weights": [0.5, 0.5], "rule": "hash", "n": 10}
    assert router.metadata.saved_input_example_info is not None


def test_the_router_is_a_model_of_the_training_and_its_experiment(registry):
    made = registry.get_model_version_by_alias("router", "router")
    (training,) = {version.run_id for version in aliased_versions().values()}
    model = registry.get_logged_model(made.source.removeprefix("models:/"))
    assert (model.source_run_id, model.status) == (training, "READY")
    assert model.experiment_id == registry.get_run(training).info.experiment_id != "0"


def test_modulo_sends_even_users_to_policy_a(registry):
    answers = route([10, 11, 12, 13], rule="modulo", n=1)
    assert answers["policy"].tolist() == ["PolicyA", "PolicyB", "PolicyA", "PolicyB"]


def test_all_weight_on_one_policy(registry):
    assert set(route(range(50), weights=[0, 1], n=1)["policy"]) == {"PolicyB"}


def test_a_first_item_without_score_is_null_in_json(registry, history, monkeypatch):
    class Unranked:
        def predict(self, users, params):
            n = params["n"]
            return pd.DataFrame({"item_id": np.tile(np.arange(n), len(users)), "score": -np.inf})

    router = mlflow.pyfunc.load_model("models:/router@router")
    router.unwrap_python_model().models = [Unranked(), Unranked()]
    answers = router.predict(pd.DataFrame({"user_id": [1]}), params={"n": 2})
    assert '"score":null' in answers.to_json(orient="records")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weights": [1.0]}, "one for each of PolicyA, PolicyB"),
        ({"weights": [1.0, -1.0]}, "numbers of at least 0"),
        ({"salt": ""}, "salt = ''"),
        ({"rule": "random"}, "hash or modulo"),
        ({"rule": "modulo", "weights": [0.3, 0.7]}, "all equal for modulo"),
        ({"n": 0}, "n >= 1"),
        ({"n": 21}, "n = 21"),
        ({"user_ids": []}, "one user or more"),
    ],
)
def test_bad_input_is_armlifts_own_error(registry, arguments, message):
    with pytest.raises(ParameterError, match=message):
        route(**{"user_ids": [1, 2], **arguments})


def test_http_clients_are_told_what_is_wrong(router):
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match="numbers of at least 0") as raised:
        router.predict(pd.DataFrame({"user_id": [1]}), params={"weights": [1.0, -1.0]})
    assert raised.value.get_http_status_code() == 400


def test_without_a_router_the_error_says_how_to_get_one(store):
    with pytest.raises(TrackingError, match=r"router@router is not registered\. Train first"):
        route([1])


def test_slates_of_aliases_and_names_are_for_all_users_of_the_history_and_a_new_one(registry, arms, history):
    made = alias_slates(3, -1)
    assert {arm: str(version) for arm, version in made.arms.items()} == {
        "champion": "logistic_regression (version 1)",
        "challenger": "lightgbm (version 2)",
        "PolicyA": "logistic_regression (version 1)",
        "PolicyB": "lightgbm (version 2)",
        "logistic_regression": "logistic_regression (version 1)",
        "lightgbm": "lightgbm (version 2)",
        "svd": "svd (version 3)",
    }
    for alias, name in [("champion", "logistic_regression"), ("PolicyB", "lightgbm"), ("svd", "svd")]:
        slates = made.table[made.table["arm"] == alias].drop(columns="arm").reset_index(drop=True)
        pd.testing.assert_frame_equal(slates, arms[name].recommend([-1, 1, 2, 3], 3, history))


def test_an_empty_registry_has_no_slates(store):
    with pytest.raises(TrackingError, match="kedro run --pipelines=train"):
        alias_slates(3, -1)
