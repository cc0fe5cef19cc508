"""The fused loop and the vectorised path play the same bandit; workers and seeds; paired replicates."""

import copy
import math

import numpy as np
import pytest
from scipy import stats

from armlift.bandits import (
    KLUCB,
    POLICIES,
    UCB1,
    BanditState,
    EpsilonGreedy,
    FixedSplit,
    Softmax,
    ThompsonSampling,
    create_policy,
)
from armlift.simulation import World, bernoulli_world, run_bernoulli, simulate

MEANS = (0.35, 0.6, 0.5)
#: Short memories, so that forgetting shows within the horizon.
QUICK = {"thompson_discounted": {"discount": 0.9}, "thompson_window": {"window": 9}}
#: A window of more than 50 rewards has buckets of two.
WIDE = {"thompson_discounted": {"discount": 0.97}, "thompson_window": {"window": 60}}


def vectorised(policy):
    """The same policy without a rule for the fused loop."""
    plain = copy.copy(policy)
    plain.__class__ = type("Plain", (type(policy),), {"rule": lambda self, n_arms: None})
    return plain


def two_users() -> World:
    """A world where the arms' ranks depend on who arrives."""
    return World(
        kind="bernoulli",
        arms=("one", "two", "three"),
        user_ids=np.array([7, 9]),
        arrival_shares=np.array([0.25, 0.75]),
        segments=np.array(["new", "old"]),
        click_probability=np.array([[0.9, 0.1, 0.5], [0.2, 0.6, 0.5]]),
    )


def alike(policy, replicates, horizon, batch_size):
    """Two-sample tests on the pulls of each arm: means, variances, and the distribution in ten bins."""
    world = bernoulli_world(MEANS)
    run = {"horizon": horizon, "replicates": replicates, "batch_size": batch_size}
    one = simulate(policy, world, seed=21, **run).pulls[:, -1].astype(float)
    other = simulate(vectorised(policy), world, seed=22, **run).pulls[:, -1].astype(float)
    noise = np.sqrt((one.var(axis=0) + other.var(axis=0)) / replicates)
    assert (np.abs(one.mean(axis=0) - other.mean(axis=0)) <= 4 * noise).all()
    squares, squares_too = (one - one.mean(axis=0)) ** 2, (other - other.mean(axis=0)) ** 2
    noise = np.sqrt((squares.var(axis=0) + squares_too.var(axis=0)) / replicates)
    assert (np.abs(squares.mean(axis=0) - squares_too.mean(axis=0)) <= 4 * noise).all()
    for arm in range(len(MEANS)):
        both = np.concatenate([one[:, arm], other[:, arm]])
        edges = np.unique(np.quantile(both, np.linspace(0, 1, 11)[1:-1]))
        table = np.array(
            [np.bincount(np.searchsorted(edges, x[:, arm]), minlength=len(edges) + 1) for x in (one, other)]
        )
        table = table[:, table.sum(axis=0) > 0]
        if table.shape[1] > 1:
            assert stats.chi2_contingency(table).pvalue > 1e-5


@pytest.mark.parametrize("policy_id", POLICIES)
@pytest.mark.parametrize(
    ("batch_size", "more"), [(1, {}), (7, {"floor": 0.05, "min_pulls": 3})], ids=["plain", "batched"]
)
def test_both_paths_have_the_same_distribution_of_pulls(policy_id, batch_size, more):
    policy = create_policy(policy_id, **QUICK.get(policy_id, {}), **more)
    alike(policy, replicates=400, horizon=50, batch_size=batch_size)


@pytest.mark.slow
@pytest.mark.parametrize("policy_id", POLICIES)
@pytest.mark.parametrize(
    ("batch_size", "forgetting", "more"),
    [(1, QUICK, {}), (7, WIDE, {"floor": 0.05, "min_pulls": 3}), (40, WIDE, {})],
    ids=["each reward", "short batches, floor", "long batches"],
)
def test_both_paths_have_the_same_distribution_of_pulls_closely(policy_id, batch_size, forgetting, more):
    policy = create_policy(policy_id, **forgetting.get(policy_id, {}), **more)
    alike(policy, replicates=1000, horizon=120, batch_size=batch_size)


@pytest.mark.parametrize("prior", [(0.5, 0.5), (3.0, 0.7), (1.5, 4.0), (20.0, 20.0)])
def test_both_paths_take_any_prior(prior):
    alike(ThompsonSampling(prior), replicates=400, horizon=20, batch_size=2)
    alike(ThompsonSampling(prior, "gaussian"), replicates=400, horizon=20, batch_size=2)


@pytest.mark.parametrize("batch_size", [1, 2, 7, 100])
@pytest.mark.parametrize(
    "policy",
    [
        UCB1(),
        UCB1(min_pulls=3),
        KLUCB(),
        KLUCB(min_pulls=3),
        EpsilonGreedy(0.0),
        EpsilonGreedy(0.0, min_pulls=4),
        FixedSplit([0, 0, 1], min_pulls=2),
    ],
    ids=lambda policy: f"{policy.id} {policy.min_pulls}",
)
def test_without_chance_in_the_policy_both_paths_decide_alike(policy, batch_size):
    run = {"horizon": 150, "replicates": 45, "seed": 4, "batch_size": batch_size, "checkpoints": 10}
    one = simulate(policy, two_users(), **run, traced=True)
    other = simulate(vectorised(policy), two_users(), **run, traced=True)
    assert (one.pulls == other.pulls).all()
    assert (one.rewards == other.rewards).all()
    for field in ("arms", "users", "draws", "propensities", "batches"):
        assert (getattr(one.trace, field) == getattr(other.trace, field)).all(), field
    for field in ("n", "total", "observed", "time"):
        assert (getattr(one.trace.states, field) == getattr(other.trace.states, field)).all(), field


@pytest.mark.parametrize("policy_id", POLICIES)
@pytest.mark.parametrize("path", [copy.copy, vectorised], ids=["fused", "vectorised"])
def test_workers_do_not_change_the_result_and_seeds_do(policy_id, path):
    policy = path(create_policy(policy_id, **QUICK.get(policy_id, {}), floor=0.05))
    runs = [
        simulate(policy, two_users(), horizon=40, replicates=50, seed=seed, batch_size=3, workers=workers)
        for seed, workers in ((1, 1), (1, 2), (1, 4), (2, 2))
    ]
    for run in runs[1:3]:
        assert (run.pulls == runs[0].pulls).all()
        assert (run.rewards == runs[0].rewards).all()
    assert (runs[3].pulls != runs[0].pulls).any()


@pytest.mark.parametrize("policy_id", POLICIES)
def test_a_replicate_does_not_depend_on_how_many_there_are(policy_id):
    policy = create_policy(policy_id, **QUICK.get(policy_id, {}))
    few, many = (run_bernoulli(policy, MEANS, 50, replicates, seed=3) for replicates in (7, 45))
    assert (many.pulls[:7] == few.pulls).all()
    assert (many.cumulative_reward[:7] == few.cumulative_reward).all()


def test_replicates_are_not_copies_of_each_other():
    pulls = run_bernoulli(ThompsonSampling(), MEANS, 200, 60).pulls
    assert len(np.unique(pulls, axis=0)) > 50


@pytest.mark.parametrize("batch_size", [1, 6])
def test_policies_meet_the_same_users_and_the_same_answers(batch_size):
    run = {"horizon": 80, "replicates": 25, "seed": 6, "checkpoints": 80}
    always_first = simulate(FixedSplit([1, 0, 0]), two_users(), **run)
    for policy in (EpsilonGreedy(1.0), UCB1(), Softmax(0.2), vectorised(ThompsonSampling())):
        other = simulate(policy, two_users(), **run, batch_size=batch_size)
        played = np.diff(other.pulls[:, :, 0], axis=1, prepend=0)
        rewards = np.diff(other.rewards[:, :, 0], axis=1, prepend=0)
        paired = np.diff(always_first.rewards[:, :, 0], axis=1, prepend=0)
        assert played.sum() > 100
        assert (rewards == played * paired).all()


def test_checkpoints_cut_the_same_run():
    run = {"horizon": 100, "replicates": 5, "seed": 6, "batch_size": 7}
    every, some = (simulate(UCB1(), two_users(), **run, checkpoints=points) for points in (100, 9))
    assert every.decisions.tolist() == list(range(1, 101))
    assert every.pulls.sum(axis=2).tolist() == [list(range(1, 101))] * 5
    assert some.decisions[-1] == 100
    assert len(some.decisions) == 9
    assert (some.pulls == every.pulls[:, some.decisions - 1]).all()
    assert (some.rewards == every.rewards[:, some.decisions - 1]).all()


@pytest.mark.parametrize("checkpoints", [4, 5, 7, 8, 20, 1000])
@pytest.mark.parametrize("path", [copy.copy, vectorised], ids=["fused", "vectorised"])
def test_more_checkpoints_than_decisions_keep_every_decision(checkpoints, path):
    run = simulate(path(UCB1()), two_users(), horizon=4, replicates=3, seed=1, checkpoints=checkpoints)
    assert run.decisions.tolist() == [1, 2, 3, 4]
    assert run.pulls.sum(axis=2).tolist() == [[1, 2, 3, 4]] * 3


def replay(policy, trace, batch_size):
    """Propensities of a trace from the policy's public interface, decision by decision."""
    state, late, propensities = policy.initial_state(3), [], []
    world = two_users()
    for t, (arm, user, draw) in enumerate(zip(trace.arms, trace.users, trace.draws, strict=True)):
        if len(late) == batch_size:
            for known, reward in late:
                state = policy.update(state, known, reward)
            late.clear()
        if t % batch_size == 0:
            kept = trace.states
            assert (kept.observed[t // batch_size] == state.observed[0]).all()
            assert kept.n[t // batch_size] == pytest.approx(state.n[0])
            assert kept.total[t // batch_size] == pytest.approx(state.total[0])
        propensities.append(policy.allocation(state)[0, arm])
        state = policy.record(state, np.array([arm]))
        late.append((np.array([arm]), np.array([float(draw < world.click_probability[user, arm])])))
    return propensities


@pytest.mark.parametrize("policy_id", POLICIES)
@pytest.mark.parametrize("more", [{}, {"min_pulls": 3}, {"min_pulls": 3, "floor": 0.1}], ids=str)
@pytest.mark.parametrize("batch_size", [1, 7, 40])
@pytest.mark.parametrize("path", [copy.copy, vectorised], ids=["fused", "vectorised"])
def test_trace_holds_the_probability_of_each_choice(policy_id, more, batch_size, path):
    policy = path(create_policy(policy_id, **QUICK.get(policy_id, {}), **more))
    run = simulate(policy, two_users(), horizon=45, replicates=2, seed=8, batch_size=batch_size, traced=True)
    trace = run.trace
    assert trace.propensities == pytest.approx(replay(policy, trace, batch_size), abs=1e-9)
    assert (trace.propensities > 0).all()
    assert (trace.batches == np.arange(45) // batch_size).all()
    assert (np.bincount(trace.arms, minlength=3) == run.pulls[0, -1]).all()
    clicks = trace.draws < two_users().click_probability[trace.users, trace.arms]
    assert (np.bincount(trace.arms, weights=clicks, minlength=3) == run.rewards[0, -1]).all()
    assert isinstance(trace.states, BanditState)


def test_tracing_changes_nothing_and_is_off_by_default():
    run = {"horizon": 60, "replicates": 21, "seed": 2, "batch_size": 4}
    policy = ThompsonSampling(floor=0.05)
    plain, traced = simulate(policy, two_users(), **run), simulate(policy, two_users(), **run, traced=True)
    assert plain.trace is None
    assert (plain.pulls == traced.pulls).all()


def test_users_arrive_by_their_shares():
    trace = simulate(UCB1(), two_users(), horizon=20_000, replicates=1, seed=5, traced=True).trace
    assert trace.users.mean() == pytest.approx(0.75, abs=4 * math.sqrt(0.75 * 0.25 / 20_000))
    assert stats.kstest(trace.draws, "uniform").pvalue > 1e-5
    assert abs(np.corrcoef(trace.users, trace.draws)[0, 1]) < 4 / math.sqrt(20_000)
    assert abs(np.corrcoef(trace.draws[1:], trace.draws[:-1])[0, 1]) < 4 / math.sqrt(20_000)


def test_inverse_propensities_recover_the_mean_of_an_arm_that_was_rarely_played():
    policy = ThompsonSampling(floor=0.05)
    errors = []
    for seed in range(40):
        trace = simulate(policy, two_users(), horizon=500, replicates=1, seed=seed, traced=True).trace
        clicks = trace.draws < two_users().click_probability[trace.users, trace.arms]
        errors.append(np.mean((trace.arms == 0) * clicks / trace.propensities) - two_users().means[0])
    assert abs(np.mean(errors)) < 4 * np.std(errors) / math.sqrt(40)
