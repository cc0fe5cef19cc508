import math

import numpy as np
import pytest

from armlift.bandits import KLUCB, UCB1
from armlift.errors import ParameterError

BOTH = pytest.mark.parametrize("policy", [UCB1(), KLUCB()], ids=lambda policy: policy.id)


def after(policy, *rewards, n_arms=2):
    """The state after (arm, reward) pairs."""
    state = policy.initial_state(n_arms)
    for arm, reward in rewards:
        state = policy.update(state, np.array([arm]), np.array([float(reward)]))
    return state


def chosen(policy, state):
    allocation = policy.allocation(state)[0]
    assert sorted(allocation) == [0.0] * (len(allocation) - 1) + [1.0]
    return int(allocation.argmax())


def test_ucb1_index_counts_all_rewards_observed_so_far():
    policy = UCB1()
    state = after(policy, (0, 1), (1, 0), (0, 0), (0, 1), (1, 1))
    confidence = 2 * math.log(5)
    assert policy.index(state)[0] == pytest.approx(
        [2 / 3 + math.sqrt(confidence / 3), 1 / 2 + math.sqrt(confidence / 2)]
    )
    assert chosen(policy, state) == 1


def test_kl_ucb_index_spends_ln_t_on_divergence():
    policy = KLUCB()
    state = after(policy, (0, 1), (1, 0), (0, 0), (0, 1), (1, 1))
    for arm, (n, mean) in enumerate([(3, 2 / 3), (2, 1 / 2)]):
        q = policy.index(state)[0, arm]
        spent = mean * math.log(mean / q) + (1 - mean) * math.log((1 - mean) / (1 - q))
        assert n * spent == pytest.approx(math.log(5))


def test_rewards_that_are_out_do_not_count_as_time():
    policy = UCB1()
    state = after(policy, (0, 1), (1, 1), (1, 0))
    index = policy.index(state)
    late = policy.record(policy.record(state, np.array([0])), np.array([1]))
    assert (policy.index(late) == index).all()


@BOTH
def test_every_arm_is_played_once_in_turn_even_when_no_reward_is_known(policy):
    state = policy.initial_state(4)
    for arm in range(4):
        assert chosen(policy, state) == arm
        state = policy.record(state, np.array([arm]))
    assert chosen(policy, state) == 0  # nothing is known of any arm, and ties go to the lowest


@BOTH
def test_the_index_is_frozen_for_the_rest_of_a_batch(policy):
    state = after(policy, (0, 0), (1, 1), (2, 1), n_arms=3)
    for _ in range(5):
        assert chosen(policy, state) == 1
        state = policy.record(state, np.array([1]))


@BOTH
def test_ties_go_to_the_lowest_arm(policy):
    assert chosen(policy, after(policy, (2, 1), (1, 1), (0, 0), n_arms=3)) == 1
    assert chosen(policy, after(policy, (0, 1), (1, 1), (2, 1), n_arms=3)) == 0


@BOTH
def test_an_arm_whose_first_reward_is_out_is_as_good_as_can_be(policy):
    state = after(policy, (0, 1), (1, 1), n_arms=3)
    assert policy.index(state)[0, 2] == np.inf
    state = policy.record(state, np.array([2]))
    assert chosen(policy, state) == 2


@BOTH
def test_replicates_do_not_mix(policy):
    rng = np.random.default_rng(1)
    arms, rewards = rng.integers(0, 3, (40, 5)), rng.integers(0, 2, (40, 5)).astype(float)
    together = policy.initial_state(3, replicates=5)
    for arm, reward in zip(arms, rewards, strict=True):
        together = policy.update(together, arm, reward)
    for row in range(5):
        alone = after(policy, *zip(arms[:, row], rewards[:, row], strict=True), n_arms=3)
        assert (policy.index(together)[row] == policy.index(alone)[0]).all()
        assert (policy.allocation(together)[row] == policy.allocation(alone)[0]).all()


def test_kl_ucb_takes_fractional_rewards_near_one():
    policy = KLUCB()
    state = after(policy, (0, 0.999), *[(1, 0.5)] * 800)
    assert policy.index(state)[0, 0] == 1.0
    assert chosen(policy, state) == 0


@BOTH
@pytest.mark.parametrize("reward", [-0.01, 1.01, math.nan, math.inf])
def test_rewards_outside_the_unit_interval_are_refused(policy, reward):
    with pytest.raises(ParameterError, match=r"0 <= reward <= 1.*thompson_gaussian"):
        after(policy, (0, reward))
