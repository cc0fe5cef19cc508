"""Rating errors by hand and against scikit-learn."""

import numpy as np
import pytest

from armlift.errors import ParameterError
from armlift.evaluation.ratings import mae, rmse


def test_errors_by_hand() -> None:
    assert rmse([4.0, 3.0, 5.0], [3.0, 3.0, 3.0]) == pytest.approx(np.sqrt(5 / 3), abs=1e-15)
    assert mae([4.0, 3.0, 5.0], [3.0, 3.0, 3.0]) == 1.0


def test_errors_are_scikit_learns() -> None:
    from sklearn.metrics import mean_absolute_error, root_mean_squared_error

    truth, guess = np.random.default_rng(0).uniform(1, 5, (2, 1000))
    assert rmse(truth, guess) == pytest.approx(root_mean_squared_error(truth, guess), abs=1e-12)
    assert mae(truth, guess) == pytest.approx(mean_absolute_error(truth, guess), abs=1e-12)


@pytest.mark.parametrize("guess", [[], [1.0, 2.0]])
def test_every_rating_must_be_predicted(guess: list[float]) -> None:
    with pytest.raises(ParameterError, match="Predict every rating"):
        rmse([1.0], guess)
    with pytest.raises(ParameterError, match="not empty"):
        mae([], [])
