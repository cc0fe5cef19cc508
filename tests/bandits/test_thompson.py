import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from armlift.bandits import ThompsonSampling
from armlift.errors import ParameterError


def after(policy, history, n_arms=3, time=0):
    """The state after (arm, reward) pairs."""
    state = policy.initial_state(n_arms, time=time)
    for arm, reward in history:
        state = policy.update(state, np.array([arm]), np.array([float(reward)]))
    return state


#: Arms and rewards in turn; eighths sum without rounding.
EIGHTHS = st.integers(0, 8).map(lambda eighths: eighths / 8)
EVENTS = st.lists(st.tuples(st.integers(0, 2), EIGHTHS), max_size=40)


def test_posterior_of_clicks_is_prior_plus_successes_and_failures():
    policy = ThompsonSampling(prior=(2, 3))
    posterior = policy.posterior(after(policy, [(0, 1), (0, 1), (0, 0), (1, 0.25)]))
    assert posterior.first[0] == pytest.approx([4, 2.25, 2])
    assert posterior.second[0] == pytest.approx([4, 3.75, 3])


def test_two_arms_by_hand():
    policy = ThompsonSampling()
    assert policy.allocation(after(policy, [], 2))[0] == pytest.approx([0.5, 0.5])
    assert policy.allocation(after(policy, [(0, 1)], 2))[0] == pytest.approx([2 / 3, 1 / 3])
    assert policy.allocation(after(policy, [(0, 1), (1, 0)], 2))[0] == pytest.approx([5 / 6, 1 / 6])


def test_gaussian_posterior_is_that_of_pseudo_observations():
    """The prior is `weight` observations of its mean, and one more of variance 1 beside the arm's own."""
    policy = ThompsonSampling(prior=(10.0, 2.0), model="gaussian")
    rewards = [12.0, 9.0, 14.0]
    mean, sd = policy.posterior(after(policy, [(1, reward) for reward in rewards]))
    sample = np.array([10.0, 10.0, *rewards])
    variance = (1.0 + ((sample - sample.mean()) ** 2).sum()) / (1 + len(rewards))
    assert mean[0] == pytest.approx([10.0, sample.mean(), 10.0])
    assert sd[0] == pytest.approx([math.sqrt(1 / 2), math.sqrt(variance / 5), math.sqrt(1 / 2)])


def test_gaussian_posterior_takes_any_unit_and_narrows():
    policy = ThompsonSampling(prior=(0.0, 1.0), model="gaussian")
    rng = np.random.default_rng(0)
    state = policy.initial_state(2)
    for _ in range(400):
        state = policy.update(state, np.array([0]), rng.normal(-500.0, 30.0, 1))
        state = policy.update(state, np.array([1]), rng.normal(-480.0, 30.0, 1))
    mean, sd = policy.posterior(state)
    assert mean[0] == pytest.approx([-500.0, -480.0], abs=8)
    assert ((sd[0] > 1.0) & (sd[0] < 3.0)).all()
    z = (mean[0, 0] - mean[0, 1]) / math.hypot(*sd[0])
    assert policy.allocation(state)[0, 0] == pytest.approx(special.ndtr(z), abs=1e-9)


@given(history=EVENTS, discount=st.sampled_from([0.5, 0.9, 0.999]))
@settings(max_examples=60)
def test_discounted_sums_by_brute_force(history, discount):
    policy = ThompsonSampling(discount=discount)
    state = after(policy, history)
    sums = np.zeros((3, 3))
    for age, (arm, reward) in enumerate(reversed(history)):
        sums[:, arm] += discount**age * np.array([1.0, reward, reward**2])
    for got, expected in zip((state.n, state.total, state.squares), sums, strict=True):
        assert got[0] == pytest.approx(expected, rel=1e-12, abs=1e-12)
    first, second = policy.posterior(state)
    assert first[0] == pytest.approx(1 + sums[1])
    assert second[0] == pytest.approx(1 + sums[0] - sums[1])


def in_window(history, window):
    """The rewards that count: those of the newest buckets, of which the last may still be filling."""
    width = math.ceil(window / 50)
    newest = (len(history) - 1) // width
    oldest = newest - math.ceil(window / width) + 1
    return [event for place, event in enumerate(history) if place // width >= oldest]


@given(history=EVENTS, window=st.integers(1, 12))
@settings(max_examples=80)
def test_short_windows_hold_exactly_the_last_rewards(history, window):
    state = after(ThompsonSampling(window=window), history)
    assert in_window(history, window) == history[-window:]
    for arm in range(3):
        kept = [reward for played, reward in history[-window:] if played == arm]
        assert (state.n[0, arm], state.total[0, arm]) == (len(kept), sum(kept))
        assert state.squares[0, arm] == sum(reward**2 for reward in kept)


@pytest.mark.parametrize("window", [50, 51, 60, 100, 101, 130, 1000])
def test_long_windows_forget_a_bucket_at_a_time(window):
    policy, rng = ThompsonSampling(window=window), np.random.default_rng(window)
    width = math.ceil(window / 50)
    assert policy.buckets <= 50
    history, state = [], policy.initial_state(3)
    for _ in range(round(2.6 * window)):
        event = int(rng.integers(3)), float(rng.integers(2))
        history.append(event)
        state = policy.update(state, np.array([event[0]]), np.array([event[1]]))
        if len(history) % 7 == 0:
            kept = in_window(history, window)
            assert len(kept) == state.n.sum()
            if len(history) > window + width:
                assert window - width < len(kept) < window + width
            for arm in range(3):
                rewards = [reward for played, reward in kept if played == arm]
                assert (state.n[0, arm], state.total[0, arm]) == (len(rewards), sum(rewards))


@given(history=EVENTS, window=st.sampled_from([1, 3, 7, 60]), cut=st.integers(0, 40))
@settings(max_examples=60)
def test_a_window_forgets_while_only_another_process_learns(history, window, cut):
    policy, cut = ThompsonSampling(window=window), min(cut, len(history))
    whole = after(policy, history)
    delta = after(policy, history[cut:], time=cut)
    merged = policy.merge(after(policy, history[:cut]), delta)
    for field in ("n", "total", "squares", "observed", "time", "ring"):
        assert (getattr(merged, field) == getattr(whole, field)).all(), field


@pytest.mark.parametrize("forgetting", [{"discount": 0.9}, {"window": 5}], ids=str)
def test_what_is_forgotten_returns_to_the_prior(forgetting):
    policy = ThompsonSampling(**forgetting)
    state = after(policy, [(0, 1)] * 10 + [(1, 0)] * 400)
    first, second = policy.posterior(state)
    assert first[0, 0] == pytest.approx(1.0, abs=1e-9)
    assert second[0, 0] == pytest.approx(1.0, abs=1e-9)
    assert first[0] == pytest.approx(1.0)
    assert (second >= 1.0).all()
    assert state.observed[0].tolist() == [10, 400, 0]


@pytest.mark.parametrize(
    ("arguments", "policy_id"),
    [
        ({}, "thompson"),
        ({"model": "gaussian"}, "thompson_gaussian"),
        ({"discount": 0.5}, "thompson_discounted"),
        ({"window": 5}, "thompson_window"),
    ],
)
def test_the_id_names_the_kind(arguments, policy_id):
    assert ThompsonSampling(**arguments).id == policy_id


@pytest.mark.parametrize(
    ("name", "bound", "arguments"),
    [
        ("prior", "positive", {"prior": (0, 1)}),
        ("prior", "positive", {"prior": (1, -1)}),
        ("prior", "positive", {"prior": (1, float("inf"))}),
        ("prior", "positive", {"prior": (float("nan"), 1)}),
        ("prior", "two numbers", {"prior": (1,)}),
        ("prior", "two numbers", {"prior": (1, 1, 1)}),
        ("prior", "positive but for a gaussian mean", {"prior": (0, 0), "model": "gaussian"}),
        ("model", "bernoulli or gaussian", {"model": "poisson"}),
        ("discount", "0 < discount <= 1", {"discount": 0.0}),
        ("discount", "0 < discount <= 1", {"discount": 1.1}),
        ("discount", "0 < discount <= 1", {"discount": float("nan")}),
        ("window", "window >= 1", {"window": 0}),
        ("window", "window >= 1", {"window": -5}),
        ("window", "None when discount < 1", {"window": 5, "discount": 0.9}),
    ],
)
def test_bad_arguments_are_named_with_their_bound(name, bound, arguments):
    with pytest.raises(ParameterError, match=f"^{name} = .*: must satisfy .*{bound}") as caught:
        ThompsonSampling(**arguments)
    assert caught.value.remedy


def test_a_gaussian_prior_mean_may_be_negative():
    assert ThompsonSampling(prior=(-3.0, 1.0), model="gaussian").prior == (-3.0, 1.0)


@pytest.mark.parametrize("forgetting", [{}, {"discount": 0.9}, {"window": 5}], ids=str)
def test_clicks_outside_the_unit_interval_are_refused_whatever_is_forgotten(forgetting):
    for reward in (-0.5, 1.5, float("nan")):
        with pytest.raises(ParameterError, match=r"reward = .*0 <= reward <= 1"):
            after(ThompsonSampling(**forgetting), [(0, reward)])
    state = after(ThompsonSampling(model="gaussian", **forgetting), [(0, -20.0), (1, 30.0)])
    assert state.total[0] == pytest.approx([-20.0 * forgetting.get("discount", 1.0), 30.0, 0.0])
