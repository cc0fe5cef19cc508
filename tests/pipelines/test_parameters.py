import pytest
from pydantic import ValidationError

from armlift.pipelines.parameters import (
    DataParameters,
    PlanningParameters,
    PolicyParameters,
    SimulationParameters,
    TrainingParameters,
    WorldParameters,
)

TWO = {"popularity": {}, "random": {}}


def test_floor_and_first_turns_are_not_the_fixed_splits():
    policies = PolicyParameters(
        floor=0.05, min_pulls=3, play={"fixed": {}, "ucb1": {}, "thompson": {"floor": 0.1}}
    )
    assert policies.of_each_policy() == {
        "fixed": {},
        "ucb1": {"floor": 0.05, "min_pulls": 3},
        "thompson": {"floor": 0.1, "min_pulls": 3},
    }


@pytest.mark.parametrize(
    ("model", "values", "words"),
    [
        (DataParameters, {"source": "sample", "seed": -1}, "greater than or equal to 0"),
        (DataParameters, {}, "Field required"),
        (TrainingParameters, {"recommenders": {"random": {}}}, "at least 2 items"),
        (TrainingParameters, {"recommenders": TWO | {"nobody": {}}}, "recommender = 'nobody'.*one of"),
        (TrainingParameters, {"recommenders": TWO | {"svd": {"n_epochs": 0}}}, "n_epochs = 0"),
        (WorldParameters, {"means": [0.5]}, "at least 2 items"),
        (WorldParameters, {"means": [0.1, 0.2], "click_rate": 1.0}, "less than 1"),
        (WorldParameters, {"means": [0.1, 0.2], "withheld_share": 1.0}, "less than 1"),
        (WorldParameters, {"means": [0.1, 0.2], "taste_weight": -0.5}, "greater than or equal to 0"),
        (WorldParameters, {"means": [0.1, 0.2], "examination_decay": -0.5}, "greater than or equal to 0"),
        (SimulationParameters, {"replicates": 0}, "greater than or equal to 1"),
        (SimulationParameters, {"workers": 0}, "greater than or equal to 1"),
        (SimulationParameters, {"decisions_per_day": 0.0}, "greater than 0"),
        (SimulationParameters, {"batchsize": 5}, "Extra inputs are not permitted"),
        (PlanningParameters, {"brief": None}, "without a brief, rule and baseline must be given"),
        (PlanningParameters, {"brief": "x.yml", "rule": "nobody"}, "rule = 'nobody'.*one of fixed_horizon"),
        (PlanningParameters, {"brief": "x.yml", "baseline": 1.0}, "less than 1"),
        (PlanningParameters, {"brief": "x.yml", "replicates": 1}, "greater than or equal to 2"),
        (PolicyParameters, {"play": {}}, "at least 1 item"),
        (PolicyParameters, {"play": {"ucb1": {}}, "floor": 1.5}, "less than or equal to 1"),
        (PolicyParameters, {"play": {"softmax": {"temperature": -1}}}, "temperature = -1"),
        (PolicyParameters, {"play": {"thompson": {"window": 5}}}, "These make it thompson_window"),
    ],
)
def test_values_out_of_bounds_are_refused_by_name(model, values, words):
    with pytest.raises(ValidationError, match=f"(?s){words}"):
        model(**values)


def test_what_is_null_stays_as_the_brief_says():
    planning = PlanningParameters(brief="x.yml", looks=7, alpha=0.1)
    assert planning.overrides == {"looks": 7, "alpha": 0.1}
