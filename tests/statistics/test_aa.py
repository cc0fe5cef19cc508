"""A/A tests: where nothing differs p-values are uniform, formula by formula and through the whole pipe."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from calibration import assert_rate
from scipy import stats

from armlift.bandits import FixedSplit
from armlift.simulation import World, equal_arms_world, simulate
from armlift.simulation.events import arrival_times, decision_table, event_table
from armlift.statistics.chi_square import chi_square
from armlift.statistics.cuped import cuped
from armlift.statistics.effects import difference, relative_difference
from armlift.statistics.moments import CovariateMean, Mean, Proportion, Ratio
from armlift.statistics.sample_ratio import propensity_ratio_test, sample_ratio_test

EXPERIMENTS = 4000


def assert_uniform(p_values):
    """Kolmogorov and Smirnov's distance is one that 999 of 1,000 uniform samples have, and 5 % reject."""
    assert stats.kstest(p_values, "uniform").pvalue > 0.001
    assert_rate(p_values < 0.05, 0.05)


@cache
def proportions(seed):
    rng, n = np.random.default_rng(seed), np.array([20_000, 30_000])
    return Proportion(np.broadcast_to(n, (EXPERIMENTS, 2)), rng.binomial(n, 0.1, (EXPERIMENTS, 2)))


@cache
def means(seed):
    return Mean.from_columns(np.random.default_rng(seed).gamma(2.0, 5.0, (EXPERIMENTS, 2, 800)))


@cache
def ratios(seed):
    rng = np.random.default_rng(seed)
    views = 1.0 + rng.poisson(4.0, (EXPERIMENTS, 2, 800))
    return Ratio.from_columns(rng.binomial(views.astype(int), rng.beta(2.0, 8.0, views.shape)), views)


def adjusted(rng):
    before = rng.normal(10.0, 3.0, (EXPERIMENTS, 2, 500))
    arms = CovariateMean.from_columns(before + rng.normal(0.0, 2.0, before.shape), before)
    return cuped(arms[:, 0], arms[:, 1])


@pytest.mark.parametrize("comparison", [difference, relative_difference])
@pytest.mark.parametrize("metric", [proportions, means, ratios])
@pytest.mark.parametrize("alternative", ["two-sided", "greater"])
def test_two_arms(comparison, metric, alternative):
    arms = metric(1)
    assert_uniform(comparison(arms[:, 0], arms[:, 1], alternative=alternative).p_value)


def test_cuped():
    assert_uniform(difference(*adjusted(np.random.default_rng(2))).p_value)


def test_several_arms():
    rng = np.random.default_rng(3)
    clicks = rng.binomial(20_000, 0.1, (EXPERIMENTS, 4))
    assert_uniform(chi_square(Proportion(np.full(clicks.shape, 20_000), clicks)).p_value)


def test_sample_ratio():
    counts = np.random.default_rng(4).multinomial(100_000, [0.5, 0.3, 0.2], EXPERIMENTS)
    assert_uniform(sample_ratio_test(counts, [5, 3, 2]).p_value)
    with pytest.raises(AssertionError):  # every 200th unit of an arm is lost
        assert_uniform(sample_ratio_test(counts * [1.0, 1.0, 0.995], [5, 3, 2]).p_value)


def test_sample_ratio_of_changing_allocations():
    rng = np.random.default_rng(5)
    allocations = rng.dirichlet(np.full(3, 5.0), (EXPERIMENTS, 20))
    counts = rng.multinomial(1000, allocations).sum(axis=1)
    assert_uniform(propensity_ratio_test(counts, allocations, np.full(20, 1000)).p_value)


def test_the_check_refuses_errors_that_are_too_small():
    arms = means(1)
    shrunk = difference(arms[:, 0], arms[:, 1])
    with pytest.raises(AssertionError):
        assert_uniform(2.0 * stats.norm.sf(np.abs(shrunk.estimate / (0.9 * shrunk.standard_error))))


# The whole pipe: world -> fixed split -> decisions and events -> sufficient statistics -> test.

USERS, DECISIONS = 150, 1500


def aa_world():
    """The A/A version of a world of users who differ: what `world.kind=aa` is made by."""
    rng = np.random.default_rng(7)
    rates = rng.beta(0.6, 2.4, (USERS, 2))
    everyone = np.full(USERS, "everyone")
    shares = rng.dirichlet(np.full(USERS, 3.0))
    return equal_arms_world(World("movielens", ("A", "B"), np.arange(USERS), shares, everyone, rates))


def days(seeds):
    """Decisions with their rewards, one table for each seed, read from the event log."""
    world = aa_world()
    for seed in seeds:
        run = simulate(
            FixedSplit(), world, horizon=DECISIONS, replicates=1, seed=seed, workers=1, traced=True
        )
        times = arrival_times(DECISIONS, start=pd.Timestamp("2024-01-01", tz="UTC"), per_day=500, seed=seed)
        decisions = decision_table(run, world, times)
        events = event_table(run, world, decisions)
        clicked = events.loc[events["event_type"] == "click_detail", "decision_id"]
        yield decisions.assign(reward=decisions["decision_id"].isin(clicked).astype(float), seed=seed)


def arms_by_decision(log):
    """Clicks of decisions, seeds by arms."""
    sums = log.pivot_table(index="seed", columns="arm_id", values="reward", aggfunc=["size", "sum"])
    return Proportion(sums["size"].to_numpy(), sums["sum"].to_numpy())


def arms_by_user(log):
    """Clicks per decision of users, seeds by arms."""
    users = log.groupby(["seed", "arm_id", "user_key"])["reward"].agg(["sum", "size"])
    parts = [Ratio.from_columns(part["sum"], part["size"]) for _, part in users.groupby(["seed", "arm_id"])]
    shape = (-1, 2)
    return Ratio(
        np.array([part.n for part in parts]).reshape(shape),
        np.array([part.mean for part in parts]).reshape(*shape, 2),
        np.array([part.scatter for part in parts]).reshape(*shape, 2, 2),
    )


def compared(arms):
    return difference(arms[:, 1], arms[:, 0]).p_value


@pytest.fixture(scope="module")
def log():
    return pd.concat(days(range(400)), ignore_index=True)


@pytest.fixture(scope="module")
def sticky(log):
    """The same visits with arms by user: in an A/A world an arm changes nothing but its name."""
    users = np.random.default_rng(8).integers(0, 2, (log["seed"].nunique(), USERS))
    number = log["user_key"].str.removeprefix("user-").astype(int)
    return log.assign(arm_id=np.array(["A", "B"])[users[log["seed"], number]])


@pytest.mark.slow
def test_the_whole_pipe(log):
    arms = arms_by_decision(log)
    assert_uniform(compared(arms))
    assert_uniform(sample_ratio_test(arms.n, [1, 1]).p_value)


@pytest.mark.slow
def test_the_pipe_with_users_as_units(sticky):
    assert_uniform(compared(arms_by_user(sticky)))


@pytest.mark.slow
def test_clicks_counted_twice_are_found_out(log):
    # A broken beacon: every fifth click of arm B comes in a second time, as a decision of its own.
    twice = (log["arm_id"] == "B") & (log["reward"] > 0)
    again = log[twice].sample(frac=0.2, random_state=9)
    arms = arms_by_decision(pd.concat([log, again]))
    with pytest.raises(AssertionError):
        assert_uniform(compared(arms))


@pytest.mark.slow
def test_the_wrong_unit_is_found_out(sticky):
    # Arms are given to users, who come back: visits are not independent units.
    with pytest.raises(AssertionError):
        assert_uniform(compared(arms_by_decision(sticky)))
