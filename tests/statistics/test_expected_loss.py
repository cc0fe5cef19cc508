from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, special, stats

from armlift.statistics.expected_loss import expected_loss, expected_loss_between
from armlift.statistics.moments import Estimate, Proportion

counts = st.integers(0, 5_000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


def estimates(mean, sd):
    """Arms whose Normal posterior under a flat prior has this mean and standard deviation."""
    mean, sd = np.broadcast_arrays(np.asarray(mean, float), np.asarray(sd, float))
    return Estimate(np.full(mean.shape, 100.0), mean, 100.0 * sd**2)


def largest_beta(a, b):
    """E[max] = 1 - integral of the product of distribution functions, by QUADPACK."""
    mean, sd = stats.beta.mean(a, b), stats.beta.std(a, b)
    cuts = np.unique(
        np.clip(np.concatenate([[0, 1], *(mean + w * sd for w in (-12, -5, -2, 0, 2, 5, 12))]), 0, 1)
    )
    pieces = (
        integrate.quad(lambda x: special.betainc(a, b, x).prod(), *ends, epsabs=1e-13, epsrel=1e-12)[0]
        for ends in pairwise(cuts)
    )
    return 1.0 - sum(pieces)


@pytest.mark.parametrize(
    ("n", "successes"),
    [
        ([0, 0], [0, 0]),
        ([10, 12, 9], [1, 4, 9]),
        ([1000, 1000, 1000, 1000], [100, 110, 120, 90]),
        ([10**6, 10**6, 100], [100_000, 100_300, 20]),
        ([5000] * 30, list(range(480, 510))),
    ],
)
def test_proportions_against_adaptive_quadrature(n, successes):
    arms = Proportion(n, successes)
    a, b = 1.0 + arms.successes, 1.0 + arms.n - arms.successes
    assert expected_loss(arms) == pytest.approx(largest_beta(a, b) - a / (a + b), abs=1e-10)


@given(counts, counts)
def test_two_proportions_agree_with_the_shifted_probabilities(first, second):
    one, two = Proportion(*first), Proportion(*second)
    both = expected_loss(Proportion([first[0], second[0]], [first[1], second[1]]))
    assert expected_loss_between(one, two) == pytest.approx(both[0], abs=2e-9)
    assert expected_loss_between(two, one) == pytest.approx(both[1], abs=2e-9)


def test_two_uniforms_and_many_in_closed_form():
    """The larger of K uniforms has the mean K / (K + 1)."""
    nothing = Proportion(0, 0)
    assert expected_loss_between(nothing, nothing) == pytest.approx(1 / 6, abs=1e-11)
    for n_arms in (2, 10, 100):
        got = expected_loss(Proportion(np.zeros(n_arms), 0))
        assert got == pytest.approx(np.full(n_arms, n_arms / (n_arms + 1) - 0.5), abs=1e-9)


@given(st.floats(-5, 5), st.floats(-5, 5), st.floats(0.01, 5), st.floats(0.01, 5))
def test_two_normals_in_closed_form(x, y, first, second):
    """E[(y - x)+] of a Normal difference (the "unit normal loss" of Raiffa and Schlaifer, 1961)."""
    sd, gap = np.hypot(first, second), y - x
    exact = gap * stats.norm.cdf(gap / sd) + sd * stats.norm.pdf(gap / sd)
    arms = estimates([x, y], [first, second])
    between = expected_loss_between(estimates(x, first), estimates(y, second))
    assert between == pytest.approx(exact, abs=1e-12)
    assert expected_loss(arms)[0] == pytest.approx(exact, abs=1e-8 * (sd + abs(gap)))


@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(0.1, 3)), min_size=2, max_size=8), st.floats(-50, 50))
def test_shifting_scaling_and_reordering(arms, shift):
    mean, sd = np.array(arms).T
    loss = expected_loss(estimates(mean, sd))
    assert (loss >= 0.0).all()
    assert expected_loss(estimates(10 * mean + shift, 10 * sd)) == pytest.approx(10 * loss, abs=1e-6)
    assert expected_loss(estimates(mean[::-1], sd[::-1])) == pytest.approx(loss[::-1], abs=1e-9)


@given(st.lists(counts, min_size=2, max_size=6))
def test_losses_differ_by_the_means_and_the_best_mean_loses_least(arms):
    n, successes = np.array(arms).T
    loss = expected_loss(Proportion(n, successes))
    mean = (1.0 + successes) / (2.0 + n)
    assert loss + mean == pytest.approx(loss[0] + mean[0], abs=1e-12)
    assert loss.argmin() == mean.argmax()


def test_more_data_lower_the_loss():
    n = 10.0 ** np.arange(2, 7)
    loss = expected_loss_between(Proportion(n, 0.11 * n), Proportion(n, 0.1 * n))
    assert (np.diff(loss[:3]) < 0.0).all()
    assert (loss >= 0.0).all()
    assert (loss[3:] < 1e-11).all()


def test_unknown_and_constant_arms():
    unknown = Estimate(np.array([0.0, 50.0]), np.array([0.0, 2.0]), np.array([0.0, 1.0]))
    assert np.isinf(expected_loss(unknown)).all()
    known, other = (
        Estimate(*(field[i] for field in (unknown.n, unknown.value, unknown.variance))) for i in (1, 0)
    )
    assert expected_loss_between(known, other) == np.inf
    assert np.isfinite(expected_loss(unknown, prior=(0.0, 1.0))).all()
    assert expected_loss(estimates([1.0, 3.0], 0.0)) == pytest.approx([2.0, 0.0], abs=1e-6)
    assert expected_loss_between(estimates(1.0, 0.0), estimates(3.0, 0.0)) == 2.0
    assert expected_loss_between(estimates(3.0, 0.0), estimates(1.0, 0.0)) == 0.0


def test_leading_axes():
    rng = np.random.default_rng(4)
    arms = Proportion(np.full((3, 2, 5), 400), rng.binomial(400, 0.1, (3, 2, 5)))
    together = expected_loss(arms)
    assert together.shape == (3, 2, 5)
    assert (together[2, 1] == expected_loss(arms[2, 1])).all()
    pairs = expected_loss_between(arms[..., 1:], arms[..., :1])
    assert pairs.shape == (3, 2, 4)
    assert pairs[1, 1, 3] == expected_loss_between(arms[1, 1, 4], arms[1, 1, 0])


def realised_minus_expected(prior, seed=9, runs=20_000):
    """What choosing arm 0 of three really lost, less what was expected, in standard errors."""
    rng = np.random.default_rng(seed)
    truth = rng.beta(4.0, 30.0, (runs, 3))
    arms = Proportion(80, rng.binomial(80, truth))
    gap = truth.max(axis=-1) - truth[:, 0] - expected_loss(arms, prior=prior)[:, 0]
    return gap.mean() / (gap.std(ddof=1) / np.sqrt(runs))


def test_what_is_expected_happens_on_average():
    """20,000 truths from the prior, seed 9; a wrong prior fails."""
    assert abs(realised_minus_expected((4.0, 30.0))) <= 4.0
    assert abs(realised_minus_expected((1.0, 1.0))) > 4.0
