"""What holds for every policy: allocation, floor, first pulls, selection, and the algebra of states."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from armlift.bandits import POLICIES, UCB1, BanditState, EpsilonGreedy, ThompsonSampling, create_policy
from armlift.errors import ParameterError

#: Short memories, so that short histories are forgotten.
QUICK = {"thompson_discounted": {"discount": 0.8}, "thompson_window": {"window": 4}}
every_policy = pytest.mark.parametrize("policy_id", POLICIES)


def make(policy_id, **parameters):
    return create_policy(policy_id, **QUICK.get(policy_id, {}), **parameters)


@st.composite
def histories(draw):
    """(number of arms, arms in turn, their rewards) of some replicates; eighths sum without rounding."""
    n_arms, replicates, length = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(0, 14))
    played = draw(arrays(np.int64, (length, replicates), elements=st.integers(0, n_arms - 1)))
    rewards = draw(arrays(np.int64, (length, replicates), elements=st.integers(0, 8)))
    return n_arms, played, rewards / 8


def follow(policy, state, played, rewards):
    for arm, reward in zip(played, rewards, strict=True):
        state = policy.update(state, arm, reward)
    return state


def same(one: BanditState, other: BanditState) -> bool:
    """Counts alike to the last, sums up to rounding."""
    for field in fields(BanditState):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if left is None or right is None:
            assert left is right, field.name
        elif left.dtype == np.int64:
            assert (left == right).all(), field.name
        else:
            assert left == pytest.approx(right, rel=1e-12, abs=1e-12), field.name
    return True


def copied(state: BanditState) -> BanditState:
    values = {field.name: getattr(state, field.name) for field in fields(BanditState)}
    return BanditState(**{name: None if value is None else value.copy() for name, value in values.items()})


@every_policy
@given(history=histories(), floor=st.floats(0.0, 0.25), min_pulls=st.integers(0, 3))
@settings(max_examples=25)
def test_allocation_is_a_distribution_that_keeps_the_floor(policy_id, history, floor, min_pulls):
    n_arms, played, rewards = history
    policy = make(policy_id, floor=floor, min_pulls=min_pulls)
    state = follow(policy, policy.initial_state(n_arms, played.shape[1]), played, rewards)
    allocation = policy.allocation(state)
    assert allocation.shape == (played.shape[1], n_arms)
    assert allocation.sum(axis=1) == pytest.approx(1.0, abs=1e-12)
    assert (allocation >= floor).all()
    short = state.pulls.min(axis=1) < policy.first_pulls
    own = policy.weights(state)
    for row in range(len(allocation)):
        w = np.eye(n_arms)[state.pulls[row].argmin()] if short[row] else own[row]
        assert allocation[row] == pytest.approx(floor + (1 - n_arms * floor) * w)


@every_policy
def test_select_returns_the_probability_of_its_choice_and_follows_it(policy_id):
    policy = make(policy_id, floor=0.1)
    state = policy.initial_state(3, replicates=4000)
    history = [(0, 1.0), (1, 0.0), (2, 1.0), (2, 0.0), (1, 1.0), (0, 0.0), (0, 1.0)]
    for arm, reward in history:
        state = policy.update(state, np.full(4000, arm), np.full(4000, reward))
    allocation = policy.allocation(state)
    arms, propensities = policy.select(state, np.random.default_rng(5))
    assert arms.shape == propensities.shape == (4000,)
    assert (propensities == allocation[np.arange(4000), arms]).all()
    seen = np.bincount(arms, minlength=3)
    assert stats.chisquare(seen, 4000 * allocation[0] / allocation[0].sum()).pvalue > 1e-5
    again, _ = policy.select(state, np.random.default_rng(5))
    assert (again == arms).all()


@pytest.mark.parametrize("min_pulls", [0, 1, 3])
@every_policy
def test_first_pulls_go_round_inside_a_batch_before_any_arm_is_judged(policy_id, min_pulls):
    policy = make(policy_id, min_pulls=min_pulls)
    turns = max(min_pulls, 1) if policy_id in ("ucb1", "kl_ucb") else min_pulls
    state, rng = policy.initial_state(3), np.random.default_rng(1)
    taken = []
    for _ in range(3 * turns):
        arm, propensity = policy.select(state, rng)
        assert propensity[0] == 1.0
        state = policy.record(state, arm)
        taken.append(int(arm[0]))
    assert taken == [0, 1, 2] * turns
    assert policy.allocation(state) == pytest.approx(policy.weights(state))


def test_first_pulls_fill_up_the_arm_that_has_fewest():
    policy = EpsilonGreedy(0.0, min_pulls=2)
    state = follow(policy, policy.initial_state(3), [np.array([2])] * 2 + [np.array([0])], [np.ones(1)] * 3)
    taken = []
    for _ in range(4):
        arm = policy.allocation(state).argmax(axis=1)
        taken.append(int(arm[0]))
        state = policy.record(state, arm)
    assert taken == [1, 0, 1, 1]  # the last is the greedy arm, 1: its first rewards are still out


@every_policy
@given(history=histories())
@settings(max_examples=25)
def test_updates_and_merges_leave_their_arguments_alone(policy_id, history):
    n_arms, played, rewards = history
    policy = make(policy_id)
    state = policy.initial_state(n_arms, played.shape[1])
    for arm, reward in zip(played, rewards, strict=True):
        before = copied(state)
        after = policy.update(policy.record(state, arm), arm, reward)
        policy.merge(state, after)
        policy.allocation(after)
        assert same(state, before)
        state = after


@every_policy
@given(history=histories(), cut=st.floats(0, 1), another=st.floats(0, 1))
@settings(max_examples=30)
def test_merging_deltas_is_the_same_as_updating_in_sequence(policy_id, history, cut, another):
    n_arms, played, rewards = history
    policy, replicates = make(policy_id), played.shape[1]
    first, second = sorted(round(where * len(played)) for where in (cut, another))
    whole = follow(policy, policy.initial_state(n_arms, replicates), played, rewards)
    parts = [
        follow(
            policy,
            policy.initial_state(n_arms, replicates, time=start),
            played[start:end],
            rewards[start:end],
        )
        for start, end in ((0, first), (first, second), (second, len(played)))
    ]
    one, two, three = parts
    assert same(policy.merge(policy.merge(one, two), three), whole)
    assert same(policy.merge(one, policy.merge(two, three)), whole)


@every_policy
@given(data=st.data())
@settings(max_examples=30)
def test_merge_is_associative_and_commutative_for_states_of_any_age(policy_id, data):
    policy, n_arms, replicates = make(policy_id), 3, 2
    states = []
    for _ in range(3):
        length, age = data.draw(st.integers(0, 6)), data.draw(st.integers(0, 9))
        played = data.draw(arrays(np.int64, (length, replicates), elements=st.integers(0, n_arms - 1)))
        rewards = data.draw(arrays(np.int64, (length, replicates), elements=st.integers(0, 1))).astype(float)
        states.append(follow(policy, policy.initial_state(n_arms, replicates, time=age), played, rewards))
    one, two, three = states
    assert same(policy.merge(one, two), policy.merge(two, one))
    assert same(policy.merge(policy.merge(one, two), three), policy.merge(one, policy.merge(two, three)))


@every_policy
def test_an_empty_delta_of_the_same_age_changes_nothing(policy_id):
    policy = make(policy_id)
    state = follow(policy, policy.initial_state(2), [np.array([0]), np.array([1])], [np.ones(1)] * 2)
    assert same(policy.merge(state, policy.initial_state(2, time=2)), state)


@every_policy
@given(history=histories())
@settings(max_examples=25)
def test_additive_parts_of_a_state_are_counts_of_the_history(policy_id, history):
    n_arms, played, rewards = history
    policy = make(policy_id)
    state = follow(policy, policy.initial_state(n_arms, played.shape[1]), played, rewards)
    for row in range(played.shape[1]):
        assert state.observed[row].tolist() == np.bincount(played[:, row], minlength=n_arms).tolist()
        if policy_id in QUICK:
            continue
        for power, sums in enumerate((state.n, state.total, state.squares)):
            expected = np.bincount(played[:, row], weights=rewards[:, row] ** power, minlength=n_arms)
            assert (sums[row] == expected).all()
    assert (state.time == len(played)).all()
    assert (state.pending == 0).all()
    with np.errstate(all="raise"):
        mean = state.mean
    assert (np.isnan(mean) == (state.n == 0)).all()


@every_policy
def test_decisions_wait_as_pending_until_their_reward_arrives(policy_id):
    policy = make(policy_id)
    state = policy.initial_state(2, replicates=2)
    arms = [np.array([0, 1]), np.array([0, 0]), np.array([1, 0])]
    for arm in arms:
        state = policy.record(state, arm)
    assert state.pending.tolist() == [[2, 1], [2, 1]]
    assert state.pulls.tolist() == [[2, 1], [2, 1]]
    assert state.observed.sum() == 0
    for arm in reversed(arms):  # rewards may arrive in any order
        state = policy.update(state, arm, np.ones(2))
    assert state.pending.tolist() == [[0, 0], [0, 0]]
    assert state.pulls.tolist() == state.observed.tolist() == [[2, 1], [2, 1]]
    state = policy.update(state, np.array([0, 0]), np.ones(2))  # a reward nobody announced
    assert state.pending.tolist() == [[0, 0], [0, 0]]
    assert state.pulls.tolist() == [[3, 1], [3, 1]]


@every_policy
@pytest.mark.parametrize("floor", [-0.01, 1.01, float("nan")])
def test_floor_outside_its_bound_is_refused(policy_id, floor):
    with pytest.raises(ParameterError, match=r"floor = .*0 <= floor <= 1 / number of arms.*Try 0\.05"):
        make(policy_id, floor=floor)


@every_policy
def test_floor_must_leave_room_for_all_arms(policy_id):
    policy = make(policy_id, floor=0.26)
    assert policy.initial_state(3).n_arms == 3
    with pytest.raises(ParameterError, match=r"floor = 0\.26: .*4 arms x floor <= 1\. Use at most 0\.25"):
        policy.initial_state(4)


@pytest.mark.parametrize("n_arms", [2, 3, 6, 7, 10, 49])
@every_policy
def test_a_floor_of_one_over_the_number_of_arms_is_a_uniform_draw(policy_id, n_arms):
    policy = make(policy_id, floor=1 / n_arms)
    allocation = policy.allocation(policy.initial_state(n_arms))
    assert allocation == pytest.approx(np.full((1, n_arms), 1 / n_arms), abs=1e-12)


@every_policy
def test_negative_min_pulls_are_refused(policy_id):
    with pytest.raises(ParameterError, match=r"min_pulls = -1: must satisfy min_pulls >= 0, whole\. Use 0"):
        make(policy_id, min_pulls=-1)


@every_policy
def test_no_arms_are_refused(policy_id):
    with pytest.raises(ParameterError, match=r"n_arms = 0: must satisfy n_arms >= 1"):
        make(policy_id).initial_state(0)


@every_policy
@pytest.mark.parametrize("reward", [float("nan"), float("inf"), -float("inf")])
def test_a_reward_that_is_no_number_is_refused_and_leaves_the_state_as_it_was(policy_id, reward):
    policy = make(policy_id)
    state = policy.initial_state(2, replicates=2)
    before = copied(state)
    with pytest.raises(ParameterError, match=r"reward = .*(finite|0 <= reward <= 1)"):
        policy.update(state, np.array([0, 1]), np.array([1.0, reward]))
    assert same(state, before)


@given(history=histories())
@settings(max_examples=25)
def test_the_order_of_rewards_does_not_matter_to_policies_that_remember_everything(history):
    n_arms, played, rewards = history
    for policy in (UCB1(), ThompsonSampling()):
        start = policy.initial_state(n_arms, played.shape[1])
        forth = follow(policy, start, played, rewards)
        back = follow(policy, start, played[::-1], rewards[::-1])
        assert same(forth, back)
        assert (policy.allocation(forth) == policy.allocation(back)).all()
