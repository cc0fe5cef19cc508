import numpy as np
import pytest
from scipy.stats import chisquare

from armlift.bandits import ThompsonSampling
from armlift.errors import ParameterError
from armlift.experiments.allocation import Sums, bandit_state, live_experiment
from armlift.experiments.assignment import assign
from armlift.experiments.brief import Brief

BRIEF = {
    "id": "films",
    "objective": "more clicks",
    "hypothesis": "personal slates get more clicks",
    "primary_metric": {"id": "ctr", "baseline": 0.1, "mde": 0.1},
    "guardrails": [{"metric": "error_rate", "at_most": 0.005}],
    "variants": ["popularity", "svd", "random"],
    "control": "popularity",
    "strategies": [
        {"id": "split", "share": 0.5, "allocation": "fixed"},
        {"id": "bandit", "share": 0.5, "allocation": "thompson", "floor": 0.05},
    ],
    "minimum_sample": 1000,
    "daily_users": 5000,
    "maximum_duration_days": 28,
}
SUMS = (Sums(100, 90, 9.0, 9.0), Sums(120, 100, 20.0, 20.0), Sums(80, 80, 4.0, 4.0))


def experiment(**changes):
    versions = {"split": 3, "bandit": 7}
    return live_experiment(Brief(**{**BRIEF, **changes}), "running", None, versions, {"bandit": SUMS})


def test_users_are_split_between_strategies_and_then_between_arms():
    live, users = experiment(), [str(user) for user in range(4000)]
    strategies = assign(users, "films/strategies", [0.5, 0.5])
    arms = assign(users, "films", [1 / 3] * 3)
    for user, strategy, arm in zip(users, strategies, arms, strict=True):
        belongs = live.strategy_of(user)
        assert belongs.id == ("split", "bandit")[strategy]
        if belongs.id == "split":
            assert belongs.assign(user, 0.5) == ("split", BRIEF["variants"][arm], pytest.approx(1 / 3), 3)
    # Knowing the strategy says nothing about the arm.
    table = [[np.sum((strategies == s) & (arms == a)) for a in range(3)] for s in range(2)]
    assert chisquare(table[0], f_exp=[sum(table[0]) / 3] * 3).pvalue > 1e-4


def test_a_bandit_draws_from_the_policys_own_allocation():
    bandit = experiment().strategy("bandit")
    policy = ThompsonSampling(floor=0.05)
    exact = policy.allocation(bandit_state(SUMS))[0]
    assert bandit.probabilities == tuple(exact)
    assert min(bandit.probabilities) >= 0.05
    draws = np.random.default_rng(1).random(100_000)
    chosen = [bandit.assign("anyone", draw) for draw in draws]
    counts = [sum(choice.arm_id == arm for choice in chosen) for arm in BRIEF["variants"]]
    assert chisquare(counts, exact * len(draws)).pvalue > 1e-4
    assert {choice.arm_id: choice.propensity for choice in chosen} == dict(
        zip(BRIEF["variants"], exact, strict=True)
    )


@pytest.mark.parametrize("draw", [0.0, np.nextafter(1.0, 0.0)])
def test_the_ends_of_the_unit_interval_are_arms_too(draw):
    assert experiment().strategy("bandit").assign("u", draw).arm_id in BRIEF["variants"]


def test_the_state_of_a_live_bandit_is_that_of_the_simulated_one():
    policy, rng = ThompsonSampling(), np.random.default_rng(4)
    state = policy.initial_state(3)
    sums = [[0, 0.0, 0.0] for _ in range(3)]
    for _ in range(500):
        arm, reward = int(rng.integers(3)), float(rng.random() < 0.3)
        state = policy.update(state, np.array([arm]), np.array([reward]))
        sums[arm][0] += 1
        sums[arm][1] += reward
        sums[arm][2] += reward * reward
    live = bandit_state([Sums(n, n, total, squares) for n, total, squares in sums])
    for name in ("n", "total", "squares", "observed", "time"):
        np.testing.assert_array_equal(getattr(live, name), getattr(state, name))
    np.testing.assert_array_equal(policy.allocation(live), policy.allocation(state))


def test_without_stickiness_a_fixed_split_is_drawn_each_time():
    live = experiment(quality={"sticky": False})
    split = live.strategy("split")
    assert not live.remembers
    assert {split.assign("one user", draw).arm_id for draw in (0.1, 0.5, 0.9)} == set(BRIEF["variants"])


def test_only_a_sticky_bandit_needs_a_memory():
    assert experiment().remembers
    fixed = [{"id": "split", "allocation": "fixed"}]
    assert not experiment(strategies=fixed).remembers


def test_an_audience_admits_whom_it_names_and_nobody_unknown():
    audience, exclusions = {"device": ["mobile"], "channel": ["search"]}, {"category": ["refurbished"]}
    live = experiment(audience=audience, exclusions=exclusions)
    inside = {"device": "mobile", "channel": "search", "category": "phones"}
    assert live.admits(inside)
    assert not live.admits({**inside, "device": "desktop"})
    assert not live.admits({**inside, "category": "refurbished"})
    assert not live.admits({"device": "mobile"})
    assert experiment().admits({})


def test_what_is_shown_when_nothing_is_decided():
    brief = Brief(**BRIEF)
    assert live_experiment(brief, "hold", None, {}, {}).settled_arm == "popularity"
    assert live_experiment(brief, "completed", "svd", {}, {}).settled_arm == "svd"


def test_a_contextual_bandit_is_refused_with_the_remedy():
    with pytest.raises(ParameterError, match="Choose thompson"):
        experiment(strategies=[{"id": "c", "allocation": "contextual"}])


def test_ucb_plays_every_arm_and_keeps_the_floor():
    live = experiment(strategies=[{"id": "bandit", "allocation": "ucb", "floor": 0.1}])
    assert sorted(live.strategy("bandit").probabilities) == pytest.approx([0.1, 0.1, 0.8])
