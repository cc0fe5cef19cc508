import numpy as np
import pytest

from armlift.errors import ParameterError
from armlift.recommenders.bounds import real_number, whole_number


def test_values_within_the_bound_come_back_as_plain_numbers() -> None:
    assert type(whole_number("n", np.int64(3), low=3)) is int
    assert type(real_number("rate", 1, low=0, high=1)) is float


@pytest.mark.parametrize("value", [0, 1.0, True, "1", None])
def test_no_whole_number_of_at_least_one(value: object) -> None:
    with pytest.raises(ParameterError, match="n >= 1, an integer"):
        whole_number("n", value, low=1)


@pytest.mark.parametrize("value", [0, -1.0, 1.5, float("nan"), float("inf"), False, "0.5", None])
def test_no_number_above_zero_up_to_one(value: object) -> None:
    with pytest.raises(ParameterError, match="0 < rate <= 1"):
        real_number("rate", value, low=0, high=1, above=True)
