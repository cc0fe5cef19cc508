import mlflow
import pandas as pd
import pytest

from armlift.recommenders import create_recommender
from armlift.tracking import log_recommenders

USERS = pd.DataFrame({"user_id": [2, 1]})


@pytest.fixture
def recommender(history):
    items = pd.DataFrame(
        {"item_id": range(1, 21), "title": "", "year": pd.array([2000] * 20, "Int64"), "genres": ""}
    )
    return create_recommender("popularity").fit(history, items, seed=0)


def load(store, run_id, arm):
    """The model that a later process would load, by run and arm."""
    outputs = store.get_run(run_id).outputs.model_outputs
    models = [store.get_logged_model(output.model_id) for output in outputs]
    return mlflow.pyfunc.load_model(next(model.model_uri for model in models if model.name == arm))


def test_a_logged_model_recommends_as_the_recommender_does(store, run_id, recommender, history):
    log_recommenders(run_id, {"popularity": recommender}, history)
    slates = load(store, run_id, "popularity").predict(USERS, params={"n": 3})
    pd.testing.assert_frame_equal(slates, recommender.recommend(USERS["user_id"], 3, history))


def test_without_a_history_nothing_is_left_out(store, run_id, recommender, history):
    log_recommenders(run_id, {"popularity": recommender})
    slates = load(store, run_id, "popularity").predict(USERS)
    pd.testing.assert_frame_equal(slates, recommender.recommend(USERS["user_id"], 10, history.head(0)))


def test_a_logged_model_says_what_it_takes_and_needs(store, run_id, recommender):
    log_recommenders(run_id, {"popularity": recommender})
    metadata = load(store, run_id, "popularity").metadata
    assert metadata.signature.inputs.input_names() == ["user_id"]
    assert metadata.signature.outputs.input_names() == ["user_id", "position", "item_id", "score"]
    assert [parameter.name for parameter in metadata.signature.params] == ["n"]
    assert metadata.saved_input_example_info is not None


def test_every_arm_gets_its_own_model_of_that_run(store, run_id, recommender):
    logged = log_recommenders(run_id, {"popularity": recommender, "PolicyA": recommender})
    run = store.get_run(run_id)
    models = [store.get_logged_model(output.model_id) for output in run.outputs.model_outputs]
    assert {model.name: model.model_id for model in models} == logged
    assert logged.keys() == {"popularity", "PolicyA"}
    assert run.info.status == "RUNNING"  # nothing but the model was touched
