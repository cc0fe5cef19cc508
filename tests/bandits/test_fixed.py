import numpy as np
import pytest

from armlift.bandits import FixedSplit
from armlift.errors import ParameterError


def test_weights_are_normalised_and_rewards_do_not_move_them():
    policy = FixedSplit([1, 3, 0])
    state = policy.initial_state(3, replicates=2)
    for _ in range(20):
        state = policy.update(state, np.array([0, 1]), np.array([1.0, 0.0]))
    assert policy.allocation(state).tolist() == [[0.25, 0.75, 0.0]] * 2


def test_equal_split_by_default():
    policy = FixedSplit()
    for n_arms in (1, 2, 7):
        assert policy.allocation(policy.initial_state(n_arms)) == pytest.approx(
            np.full((1, n_arms), 1 / n_arms)
        )


def test_floor_lifts_an_arm_without_weight():
    policy = FixedSplit([1, 0, 0], floor=0.1)
    assert policy.allocation(policy.initial_state(3)) == pytest.approx(np.array([[0.8, 0.1, 0.1]]))


def test_an_arm_without_weight_is_never_drawn():
    policy = FixedSplit([0, 1, 0])
    arms, propensities = policy.select(policy.initial_state(3, 5000), np.random.default_rng(0))
    assert (arms == 1).all()
    assert (propensities == 1.0).all()


@pytest.mark.parametrize(
    "weights", [[], [1, -1], [0, 0], [1, float("nan")], [1, float("inf")], [[1, 2]], 3], ids=str
)
def test_bad_weights_are_refused(weights):
    with pytest.raises(ParameterError, match=r"weights = .*finite, >= 0, sum > 0.*Give one for each arm"):
        FixedSplit(weights)


@pytest.mark.parametrize("n_arms", [1, 3])
def test_another_number_of_arms_is_refused(n_arms):
    with pytest.raises(ParameterError, match=f"weights = .*one for each of {n_arms} arms.*Add or remove"):
        FixedSplit([1, 2]).initial_state(n_arms)
