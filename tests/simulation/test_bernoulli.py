"""`run_bernoulli` against exact distributions, and against facts known of these policies."""

import math
from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats
from simulation import exact

from armlift.bandits import KLUCB, UCB1, EpsilonGreedy, FixedSplit, Policy, Softmax, ThompsonSampling
from armlift.errors import ParameterError
from armlift.simulation import run_bernoulli


class Case(NamedTuple):
    """A policy, its independent counterpart, and a bandit small enough to solve."""

    policy: Policy
    reference: exact.Reference
    means: tuple[float, ...]
    horizon: int
    batch_size: int = 1


PAIR, THREE = (0.7, 0.5), (0.4, 0.6, 0.5)
KL_UCB_OF_2, UCB1_OF_3 = exact.index_policy(2, exact.kl_ucb_index), exact.index_policy(3, exact.ucb1_index)

CASES = {
    "fixed": Case(FixedSplit([3, 1]), exact.fixed((0.75, 0.25)), PAIR, 12),
    "fixed, floor": Case(
        FixedSplit([1, 0, 0], floor=0.1), exact.with_floor(exact.fixed((1.0, 0.0, 0.0)), 0.1), THREE, 10
    ),
    "epsilon-greedy": Case(EpsilonGreedy(0.2), exact.epsilon_greedy(2, 0.2), PAIR, 25),
    "epsilon-greedy, batches of 3": Case(EpsilonGreedy(0.2), exact.epsilon_greedy(3, 0.2), THREE, 10, 3),
    "epsilon-greedy, floor and first pulls": Case(
        EpsilonGreedy(0.1, floor=0.05, min_pulls=2),
        exact.with_floor(exact.with_first_pulls(exact.epsilon_greedy(3, 0.1), 2), 0.05),
        THREE,
        10,
        4,
    ),
    "greedy, arms without luck": Case(EpsilonGreedy(0.0), exact.epsilon_greedy(3, 0.0), (0.0, 0.5, 0.5), 12),
    "softmax": Case(Softmax(0.3), exact.softmax(2, 0.3), PAIR, 20),
    "softmax, batches of 4": Case(Softmax(0.2), exact.softmax(3, 0.2), THREE, 10, 4),
    "ucb1": Case(UCB1(), exact.index_policy(2, exact.ucb1_index), PAIR, 30),
    "ucb1, three arms": Case(UCB1(), UCB1_OF_3, THREE, 12),
    "ucb1, batches of 2": Case(UCB1(), UCB1_OF_3, THREE, 12, 2),  # the first turns cross two batches
    "ucb1, batches of 5": Case(UCB1(), UCB1_OF_3, THREE, 13, 5),
    "ucb1, floor and first pulls": Case(
        UCB1(floor=0.1, min_pulls=2),
        exact.with_floor(exact.with_first_pulls(UCB1_OF_3, 2), 0.1),
        THREE,
        10,
        3,
    ),
    "kl-ucb": Case(KLUCB(), KL_UCB_OF_2, PAIR, 25),
    "kl-ucb, sure and hopeless arms": Case(
        KLUCB(), exact.index_policy(3, exact.kl_ucb_index), (0.0, 1.0, 0.5), 12
    ),
    "kl-ucb, batches of 3": Case(KLUCB(), KL_UCB_OF_2, PAIR, 16, 3),
    "thompson": Case(ThompsonSampling(), exact.thompson(), PAIR, 25),
    "thompson, rare clicks": Case(ThompsonSampling(), exact.thompson(), (0.05, 0.1), 25),
    "thompson, batches of 3": Case(ThompsonSampling(), exact.thompson(), PAIR, 14, 3),
    "thompson, one batch": Case(ThompsonSampling(), exact.thompson(), PAIR, 12, 40),
    "thompson, floor": Case(
        ThompsonSampling(floor=0.2), exact.with_floor(exact.thompson(), 0.2), (0.9, 0.2), 20
    ),
    "thompson, first pulls": Case(
        ThompsonSampling(min_pulls=3), exact.with_first_pulls(exact.thompson(), 3), (0.9, 0.2), 20
    ),
    "thompson, floor, first pulls and batches": Case(
        ThompsonSampling(floor=0.1, min_pulls=2),
        exact.with_floor(exact.with_first_pulls(exact.thompson(), 2), 0.1),
        PAIR,
        14,
        3,
    ),
    "gaussian thompson": Case(
        ThompsonSampling((1, 1), "gaussian"), exact.thompson_gaussian(), (0.9, 0.4), 20
    ),
    "gaussian thompson, batches of 4": Case(
        ThompsonSampling((1, 1), "gaussian"), exact.thompson_gaussian(), PAIR, 13, 4
    ),
    "windowed thompson": Case(ThompsonSampling(window=3), exact.thompson_window(3), (0.9, 0.2), 9),
    "windowed thompson, batches of 2": Case(
        ThompsonSampling(window=3), exact.thompson_window(3), (0.9, 0.2), 8, 2
    ),
    "discounted thompson": Case(
        ThompsonSampling(discount=0.6), exact.thompson_discounted(0.6), (0.9, 0.2), 5
    ),
    "discounted thompson, batches of 2": Case(
        ThompsonSampling(discount=0.5), exact.thompson_discounted(0.5), (0.9, 0.2), 5, 2
    ),
}


def agree(case: Case, replicates: int, seed: int) -> None:
    """Mean regret and pulls within 4 standard errors, and the whole distribution by a chi-square test."""
    result = run_bernoulli(
        case.policy, case.means, case.horizon, replicates, seed, batch_size=case.batch_size
    )
    expected = exact.distribution_of_pulls(case.reference, case.means, case.horizon, case.batch_size)
    error = result.cumulative_regret.std() / math.sqrt(replicates)
    regret = exact.expected_regret(expected, case.means)
    assert result.cumulative_regret.mean() == pytest.approx(regret, abs=4 * error + 1e-9)

    vectors, odds = np.array(list(expected)), np.array(list(expected.values()))
    spread = np.sqrt(odds @ vectors**2 - (odds @ vectors) ** 2 + 1e-12)
    noise = spread / math.sqrt(replicates)
    assert (np.abs(result.pulls.mean(axis=0) - odds @ vectors) <= 4 * noise).all()

    rewards = result.cumulative_reward - result.pulls @ np.array(case.means)  # a martingale
    assert abs(rewards.mean()) <= 4 * rewards.std() / math.sqrt(replicates) + 1e-9

    seen, times = np.unique(result.pulls, axis=0, return_counts=True)
    observed = dict(zip(map(tuple, seen.tolist()), times.tolist(), strict=True))
    assert set(observed) <= set(expected)
    common = [pulls for pulls, p in expected.items() if p * replicates >= 10]
    if len(common) > 1:
        counts = np.array([observed.get(pulls, 0) for pulls in common], dtype=float)
        hoped = replicates * np.array([expected[pulls] for pulls in common])
        rest, rest_hoped = replicates - counts.sum(), replicates - hoped.sum()
        chi_square = ((counts - hoped) ** 2 / hoped).sum()
        degrees = len(common) - 1
        if rest_hoped >= 10:
            chi_square, degrees = chi_square + (rest - rest_hoped) ** 2 / rest_hoped, degrees + 1
        assert stats.chi2.sf(chi_square, degrees) > 1e-5


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_pulls_and_regret_have_their_exact_distribution(case):
    agree(case, replicates=20_000, seed=11)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_pulls_and_regret_have_their_exact_distribution_closely(case):
    agree(case, replicates=100_000, seed=12)


def test_the_oracle_knows_a_bandit_solved_by_hand():
    # Thompson, means 1 and 0: P(arm 0) is 1/2, then 2/3 after either pull; after two pulls of the same arm it
    # is 3/4, of both arms P(Beta(2, 1) > Beta(1, 2)) = 5/6.
    pulls = exact.distribution_of_pulls(exact.thompson(), (1.0, 0.0), 3)
    assert pulls[3, 0] == pytest.approx(1 / 2 * 2 / 3 * 3 / 4)
    assert pulls[2, 1] == pytest.approx(1 / 3 * 1 / 4 + (1 / 2 * 1 / 3 + 1 / 2 * 2 / 3) * 5 / 6)
    assert exact.expected_regret({(2, 1): 0.5, (1, 2): 0.5}, (0.7, 0.5)) == pytest.approx(0.3)


def test_a_batch_as_long_as_the_horizon_learns_nothing():
    frozen = run_bernoulli(ThompsonSampling(), [0.9, 0.1], 50, 2000, seed=3, batch_size=50)
    assert frozen.pulls[:, 0].mean() == pytest.approx(25, abs=4 * math.sqrt(12.5 / 2000))
    turns = run_bernoulli(UCB1(), [0.1, 0.9, 0.5], 10, 5, seed=3, batch_size=10)
    assert turns.pulls.tolist() == [[8, 1, 1]] * 5  # in turn; then nothing is known and arm 0 comes first


def test_result_adds_up():
    result = run_bernoulli(KLUCB(), [0.3, 0.9, 0.9], 40, 30, seed=5, batch_size=3)
    assert result.pulls.shape == (30, 3)
    assert (result.pulls.sum(axis=1) == 40).all()
    assert result.cumulative_regret == pytest.approx(0.6 * result.pulls[:, 0])
    assert ((result.cumulative_reward >= 0) & (result.cumulative_reward <= 40)).all()


@pytest.mark.parametrize("means", [(0.0, 1.0), (1.0, 0.0, 0.0), (0.0, 0.0), (1.0, 1.0, 1.0), (0.3,)])
@pytest.mark.parametrize("policy", [KLUCB(), UCB1(), ThompsonSampling(), Softmax(), EpsilonGreedy()])
def test_sure_hopeless_and_single_arms(policy, means):
    result = run_bernoulli(policy, means, 60, 8)
    assert (result.pulls.sum(axis=1) == 60).all()
    if max(means) - min(means) == 1.0:
        assert (result.pulls[:, np.argmax(means)] > 30).all()
        assert (result.cumulative_reward == result.pulls[:, np.argmax(means)]).all()


@pytest.mark.parametrize("means", [(0.9, 0.8), (0.6, 0.5, 0.4), (0.2, 0.1)])
def test_ucb1_keeps_the_bound_of_its_authors(means):
    horizon = 3000
    regret = run_bernoulli(UCB1(), means, horizon, 200, seed=7).cumulative_regret.mean()
    gaps = max(means) - np.array(means[1:])
    bound = 8 * math.log(horizon) / gaps + (1 + math.pi**2 / 3) * gaps  # Auer et al. (2002), theorem 1
    assert 0 < regret <= bound.sum()


def test_kl_ucb_and_thompson_beat_ucb1_where_variances_are_small():
    regret = {
        policy.id: run_bernoulli(policy, [0.9, 0.8], 3000, 400, seed=8).cumulative_regret
        for policy in (UCB1(), KLUCB(), ThompsonSampling())
    }
    for winner in ("kl_ucb", "thompson"):
        ahead = regret["ucb1"] - regret[winner]  # replicates are paired
        assert ahead.mean() > 10 * ahead.std() / math.sqrt(len(ahead))


def lai_robbins(means: tuple[float, ...]) -> float:
    """The least growth of regret with ln T that a consistent policy can have (Lai and Robbins, 1985)."""
    best = max(means)
    return sum(
        (best - p) / (p * math.log(p / best) + (1 - p) * math.log((1 - p) / (1 - best)))
        for p in means
        if p < best
    )


@pytest.mark.slow
@pytest.mark.parametrize("policy", [ThompsonSampling(), KLUCB()], ids=lambda policy: policy.id)
def test_regret_grows_at_the_lai_robbins_rate(policy):
    means = (0.5, 0.35)
    early, late = (run_bernoulli(policy, means, t, 250, seed=9).cumulative_regret for t in (5_000, 50_000))
    growth = (late.mean() - early.mean()) / math.log(10)
    error = math.hypot(late.std(), early.std()) / math.sqrt(250) / math.log(10)
    assert 0.75 * lai_robbins(means) - 4 * error < growth < 1.35 * lai_robbins(means) + 4 * error


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("means", {"means": []}),
        ("means", {"means": [0.5, 1.1]}),
        ("means", {"means": [-0.1, 0.5]}),
        ("means", {"means": [0.5, float("nan")]}),
        ("means", {"means": [[0.5, 0.4]]}),
        ("horizon", {"horizon": 0}),
        ("replicates", {"replicates": 0}),
        ("batch_size", {"batch_size": 0}),
        ("seed", {"seed": -1}),
        ("workers", {"workers": 0}),
    ],
)
def test_bad_input_is_named_with_its_bound_and_a_remedy(name, arguments):
    with pytest.raises(ParameterError) as caught:
        run_bernoulli(UCB1(), **{"means": [0.5, 0.4], "horizon": 10, **arguments})
    assert caught.value.name == name
    assert str(caught.value).startswith(f"{name} = ")
    assert "must satisfy" in str(caught.value)
    assert caught.value.bound
    assert caught.value.remedy


@pytest.mark.parametrize("policy", [UCB1(floor=0.4), ThompsonSampling(floor=0.4), FixedSplit([1, 1])])
def test_a_policy_that_does_not_fit_the_arms_is_refused_before_anything_runs(policy):
    with pytest.raises(ParameterError, match="3 arms"):
        run_bernoulli(policy, [0.1, 0.2, 0.3], 10)
