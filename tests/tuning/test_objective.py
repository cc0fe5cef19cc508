import logging

import numpy as np
import pytest

from armlift.datasets import generate_sample, temporal_split
from armlift.errors import ParameterError
from armlift.tuning import Criterion, Objective
from armlift.tuning import objective as module


@pytest.fixture
def objective():
    sample = generate_sample(seed=3, n_users=40, n_items=60, n_ratings=800)
    return Objective("popularity", {}, (temporal_split(sample.ratings),), sample.items, Criterion(), 0)


def failing(monkeypatch, error):
    class Failing:
        def fit(self, history, items, *, seed):
            raise error

    monkeypatch.setattr(module, "create_recommender", lambda name, **params: Failing())


def test_a_trial_that_works_has_a_value_and_no_error(objective):
    measured = objective.measure({}, 1)
    assert 0 <= measured.value <= 1
    assert measured.error == ""


@pytest.mark.parametrize("error", [TypeError("no such argument"), KeyError("rating"), AssertionError("odd")])
def test_a_fault_of_the_program_fails_the_trial_and_is_logged_with_its_traceback(
    objective, monkeypatch, caplog, error
):
    failing(monkeypatch, error)
    with caplog.at_level(logging.ERROR):
        measured = objective.measure({}, 1)
    assert np.isnan(measured.value)
    assert measured.error.startswith(f"{type(error).__name__}: {error} (test_objective.py, line ")
    (record,) = caplog.records
    assert "popularity with {} fails by a fault of the program" in record.getMessage()
    assert record.exc_info[1] is error


@pytest.mark.parametrize(
    "error",
    [
        ParameterError("n", 9, "n <= 3", "Choose less."),
        MemoryError("9 TB"),
        ValueError("NaN"),
        OverflowError("inf"),
    ],
)
def test_unlucky_hyper_parameters_fail_the_trial_with_the_reason_alone(objective, monkeypatch, caplog, error):
    failing(monkeypatch, error)
    with caplog.at_level(logging.ERROR):
        measured = objective.measure({}, 1)
    assert str(error) in measured.error
    assert not caplog.records
