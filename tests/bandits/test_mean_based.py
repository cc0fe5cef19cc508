import math

import numpy as np
import pytest

from armlift.bandits import EpsilonGreedy, Softmax
from armlift.errors import ParameterError


def after(policy, *rewards, n_arms=3):
    """The state after (arm, reward) pairs."""
    state = policy.initial_state(n_arms)
    for arm, reward in rewards:
        state = policy.update(state, np.array([arm]), np.array([float(reward)]))
    return state


@pytest.mark.parametrize(
    ("rewards", "greedy"),
    [
        ([], 0),
        ([(0, 1)], 1),  # an arm that was never played comes before the best mean
        ([(1, 1)], 0),
        ([(0, 0), (1, 1), (2, 1)], 1),
        ([(0, 1), (1, 1), (2, 1)], 0),
        ([(0, 0), (1, 0), (2, 1), (2, 0)], 2),
        ([(0, 1), (0, 0), (1, 0), (1, 1), (1, 1), (1, 0), (2, 0)], 0),  # 1/2 and 2/4
        ([(0, -3), (1, -2), (2, -4)], 1),
    ],
)
def test_epsilon_greedy_mixes_the_greedy_arm_with_a_draw_over_all_arms(rewards, greedy):
    policy = EpsilonGreedy(0.3)
    expected = np.full(3, 0.1)
    expected[greedy] = 0.8
    assert policy.allocation(after(policy, *rewards))[0] == pytest.approx(expected)


def test_epsilon_greedy_takes_unplayed_arms_in_turn_inside_a_batch():
    policy = EpsilonGreedy(0.0)
    state = policy.initial_state(3)
    for arm in (0, 1, 2):
        assert policy.allocation(state)[0].argmax() == arm
        state = policy.record(state, np.array([arm]))
    assert policy.allocation(state)[0].tolist() == [1.0, 0.0, 0.0]


def test_epsilon_of_0_and_1():
    state = after(EpsilonGreedy(), (0, 0), (1, 1), (2, 0))
    assert EpsilonGreedy(0.0).allocation(state)[0].tolist() == [0.0, 1.0, 0.0]
    assert EpsilonGreedy(1.0).allocation(state)[0] == pytest.approx(np.full(3, 1 / 3))


def test_softmax_by_hand():
    policy = Softmax(0.5)
    state = after(policy, (0, 1), (1, 0), (1, 1), (2, 0))
    odds = [math.exp(2.0), math.exp(1.0), 1.0]
    assert policy.allocation(state)[0] == pytest.approx([w / sum(odds) for w in odds])


def test_softmax_shares_equally_among_arms_without_rewards():
    policy = Softmax()
    assert policy.allocation(after(policy))[0] == pytest.approx(np.full(3, 1 / 3))
    assert policy.allocation(after(policy, (1, 1)))[0].tolist() == [0.5, 0.0, 0.5]
    late = policy.record(after(policy, (1, 1)), np.array([0]))
    assert policy.allocation(late)[0].tolist() == [0.5, 0.0, 0.5]


def test_softmax_temperatures_from_cold_to_hot():
    state = after(Softmax(), (0, 0), (1, 1), (2, 1), (2, 0))
    assert Softmax(1e-12).allocation(state)[0].tolist() == [0.0, 1.0, 0.0]
    assert Softmax(1e12).allocation(state)[0] == pytest.approx(np.full(3, 1 / 3))
    huge = after(Softmax(), (0, 1e6), (1, -1e6), (2, 1e6))
    assert Softmax(0.1).allocation(huge)[0].tolist() == [0.5, 0.0, 0.5]


@pytest.mark.parametrize("epsilon", [-0.1, 1.5, float("nan")])
def test_bad_epsilon_is_refused(epsilon):
    with pytest.raises(ParameterError, match=r"epsilon = .*0 <= epsilon <= 1\. Try 0\.1"):
        EpsilonGreedy(epsilon)


@pytest.mark.parametrize("temperature", [0, -1.0, float("inf"), float("nan")])
def test_bad_temperature_is_refused(temperature):
    with pytest.raises(ParameterError, match=r"temperature = .*0 < temperature < infinity\. Try 0\.1"):
        Softmax(temperature)
