from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
from calibration import assert_rate_at_most

from armlift.bandits import create_policy
from armlift.errors import ParameterError
from armlift.experiments.rules import Design
from armlift.simulation.allocation_costs import allocation_costs
from armlift.simulation.batch_scores import batch_score_sums
from armlift.simulation.planning_worlds import Scenario
from armlift.statistics.adaptive import arm_scores

STATED = Design(baseline=0.1, looks=30, users_per_look=1000, mde=0.06)
AA, MDE = Scenario("aa", 0.0), Scenario("mde", 0.06)


def test_a_fixed_split_costs_the_gap_times_the_worse_arms_users():
    (cost,) = allocation_costs({"fixed": create_policy("fixed")}, STATED, MDE, replicates=500)
    assert cost.users_worse_arm == pytest.approx(30_000, abs=4 * sqrt(15_000 / 500))
    assert cost.expected_regret == pytest.approx(0.006 * cost.users_worse_arm)
    assert cost.regret_by_look[-1] == pytest.approx(cost.expected_regret)
    assert cost.users == 60_000


def test_thompson_sampling_costs_less_and_never_more_than_its_floor_allows():
    policies = {name: create_policy(name, floor=0.05) for name in ("thompson", "ucb1")}
    thompson, ucb = allocation_costs(policies, STATED, Scenario("mde", 0.5), replicates=200)
    for cost in (thompson, ucb):
        assert 0.05 * 60_000 * 0.95 < cost.users_worse_arm < 15_000
        assert cost.regret_error > 0.0
    (none,) = allocation_costs({"fixed": create_policy("fixed")}, STATED, AA, replicates=10)
    assert (none.expected_regret, none.users_worse_arm) == (0.0, 0.0)


def test_an_allocation_by_batches_agrees_with_the_simulator_of_single_decisions():
    from armlift.simulation import run_bernoulli

    policy = create_policy("thompson", floor=0.05)
    design = Design(baseline=0.2, looks=10, users_per_look=50, mde=0.5)
    (cost,) = allocation_costs({"thompson": policy}, design, Scenario("mde", 0.5), replicates=2000)
    single = run_bernoulli(policy, [0.2, 0.3], 1000, replicates=2000, seed=5, batch_size=100)
    regret = single.cumulative_regret
    error = sqrt(regret.var() / 2000 + cost.regret_error**2)
    assert cost.expected_regret == pytest.approx(regret.mean(), abs=4 * error)


def test_a_policy_that_cannot_serve_the_arms_is_refused():
    with pytest.raises(ParameterError, match="floor"):
        allocation_costs({"x": create_policy("thompson", floor=0.6)}, STATED, MDE, replicates=10)


def test_scores_of_a_batch_are_those_of_its_users():
    rng = np.random.default_rng(0)
    p, m = np.array([0.2, 0.5, 0.3]), np.array([0.1, 0.4, 0.0])
    arms = rng.choice(3, 200, p=p)
    rewards = rng.binomial(1, 0.3, 200).astype(float)
    rows = m + (arms[:, None] == np.arange(3)) * (rewards[:, None] - m) / p
    users = np.bincount(arms, minlength=3).astype(float)
    conversions = np.bincount(arms, rewards, minlength=3)
    sums, products = batch_score_sums(users[None], conversions[None], p[None], m[None])
    assert np.allclose(sums[0], rows.sum(0))
    assert np.allclose(products[0], rows.T @ rows)
    whole = arm_scores(rows)
    assert np.allclose(type(whole).from_sums([200.0], sums, products).covariance[0], whole.covariance)


@pytest.mark.parametrize("name", ["fixed", "thompson", "ucb1"])
@pytest.mark.parametrize("any_arm", [False, True])
def test_weighted_winners_on_a_bandits_users_keep_alpha(name, any_arm):
    policy = create_policy(name) if name == "fixed" else create_policy(name, floor=0.05)
    design = replace(STATED, any_arm=any_arm)
    (cost,) = allocation_costs({name: policy}, design, AA, replicates=1000)
    assert_rate_at_most(np.arange(1000) < 1000 * cost.declared_winner_rate, 0.05)


def test_weighted_winners_are_found():
    (cost,) = allocation_costs(
        {"thompson": create_policy("thompson", floor=0.05)}, STATED, Scenario("mde", 0.5), replicates=200
    )
    assert cost.declared_winner_rate > 0.95


def test_a_fixed_splits_weighted_winners_are_nearly_those_of_its_plain_counts():
    from armlift.experiments.rules import RULES
    from armlift.simulation.operating_characteristics import operating_characteristics

    (cost,) = allocation_costs({"fixed": create_policy("fixed")}, STATED, MDE, replicates=2000)
    plain = operating_characteristics(RULES["always_valid"], STATED, MDE, replicates=2000)
    assert cost.declared_winner_rate == pytest.approx(plain.declared_winner_rate, abs=4 * sqrt(0.5 / 2000))


def test_the_same_seed_gives_the_same_costs_whatever_is_beside_them():
    policy = create_policy("thompson", floor=0.05)
    (alone,) = allocation_costs({"x": policy}, STATED, MDE, replicates=100)
    beside = allocation_costs({"fixed": create_policy("fixed"), "x": policy}, STATED, MDE, replicates=100)[1]
    assert alone.expected_regret == beside.expected_regret
