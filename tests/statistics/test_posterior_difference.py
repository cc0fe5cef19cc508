from itertools import pairwise

import numpy as np
import pytest
from calibration import assert_rate
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from armlift.errors import ParameterError
from armlift.statistics.moments import Estimate, Proportion
from armlift.statistics.posterior_difference import difference_interval, probability_above
from armlift.statistics.posteriors import probability_beats

counts = st.integers(0, 5_000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))
priors = st.tuples(st.floats(0.5, 4), st.floats(0.5, 4))


def estimate(mean, sd):
    mean, sd = np.broadcast_arrays(np.asarray(mean, float), np.asarray(sd, float))
    return Estimate(np.full(mean.shape, 100.0), mean, 100.0 * sd**2)


def above_line(a, b, c, d, slope, shift):
    """P(x > slope y + shift) by QUADPACK, cut where either posterior moves; parameters at least 1."""
    x, y = stats.beta(a, b), stats.beta(c, d)
    widths = np.arange(-12, 13, 2)
    landmarks = [(x.mean() + widths * x.std() - shift) / slope, y.mean() + widths * y.std()]
    edges = [0.0, 1.0, -shift / slope, (1.0 - shift) / slope]
    cuts = np.unique(np.clip(np.concatenate([edges, *landmarks]), 0.0, 1.0))

    def density(at):
        return y.pdf(at) * special.betaincc(a, b, min(max(slope * at + shift, 0.0), 1.0))

    return sum(integrate.quad(density, *ends, epsabs=1e-13, epsrel=1e-11)[0] for ends in pairwise(cuts))


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize(
    ("first", "second", "threshold"),
    [
        ((0, 0), (0, 0), 0.3),
        ((0, 0), (0, 0), -0.3),
        ((3, 1), (7, 5), 0.2),
        ((40, 39), (35, 31), 0.05),
        ((1000, 120), (1000, 100), 0.01),
        ((1_000_000, 100_500), (900_000, 90_000), 0.0004),
        ((20, 1), (100_000, 4_000), -0.01),
        ((100_000, 4_000), (20, 1), 0.02),
        ((5000, 4990), (4000, 3980), 0.002),
    ],
)
def test_proportions_against_adaptive_quadrature(first, second, threshold, relative):
    got = probability_above(Proportion(*first), Proportion(*second), threshold, relative=relative)
    (n, s), (m, r) = first, second
    slope, shift = (1.0 + threshold, 0.0) if relative else (1.0, threshold)
    exact = above_line(1.0 + s, 1.0 + n - s, 1.0 + r, 1.0 + m - r, slope, shift)
    assert got == pytest.approx(exact, abs=1e-9)


@given(counts, counts, priors)
def test_at_zero_it_is_the_probability_to_beat(first, second, prior):
    arms = Proportion(*first), Proportion(*second)
    beats = pytest.approx(probability_beats(*arms, prior=prior), abs=1e-9)
    assert probability_above(*arms, prior=prior) == beats
    assert probability_above(*arms, relative=True, prior=prior) == beats


def test_two_uniforms_in_closed_form():
    nothing, d = Proportion(0, 0), np.linspace(0.0, 1.0, 11)
    assert probability_above(nothing, nothing, d) == pytest.approx((1.0 - d) ** 2 / 2.0, abs=1e-10)
    assert probability_above(nothing, nothing, d, relative=True) == pytest.approx(0.5 / (1.0 + d), abs=1e-10)
    low, high = difference_interval(nothing, nothing)
    assert (low, high) == pytest.approx((np.sqrt(0.05) - 1.0, 1.0 - np.sqrt(0.05)), abs=1e-9)
    low, high = difference_interval(nothing, nothing, relative=True)
    assert (low, high) == pytest.approx((0.05 - 1.0, 1.0 / 0.05 - 1.0), rel=1e-8)


@given(counts, counts, st.floats(-0.9, 0.9), st.floats(-0.9, 0.9))
def test_a_higher_threshold_is_less_likely(first, second, one, other):
    arms = Proportion(*first), Proportion(*second)
    for relative in (False, True):
        low, high = probability_above(*arms, np.sort([one, other]), relative=relative)
        assert high <= low + 1e-9


@given(counts, counts, st.floats(-1, 1))
def test_exchanging_arms_turns_the_sign(first, second, threshold):
    arms = Proportion(*first), Proportion(*second)
    other_way = probability_above(arms[1], arms[0], -threshold)
    assert probability_above(*arms, threshold) == pytest.approx(1.0 - other_way, abs=1e-9)


@given(counts, counts, st.sampled_from([0.5, 0.95, 0.999]), st.booleans())
@settings(max_examples=60)
def test_intervals_leave_equal_tails(first, second, confidence, relative):
    arms = Proportion(*first), Proportion(*second)
    low, high = difference_interval(*arms, confidence=confidence, relative=relative)
    above = probability_above(*arms, np.array([low, high]), relative=relative)
    assert above == pytest.approx([(1 + confidence) / 2, (1 - confidence) / 2], abs=1e-8)


@given(st.floats(5, 9), st.floats(5, 9), st.floats(0.1, 1), st.floats(0.1, 1))
def test_normals_in_closed_form(x, y, first, second):
    arms = estimate(x, first), estimate(y, second)
    margin = 1.959963984540054 * np.hypot(first, second)
    assert difference_interval(*arms) == pytest.approx((x - y - margin, x - y + margin), abs=1e-12)
    assert probability_above(*arms, 0.5) == pytest.approx(
        stats.norm.sf((0.5 - x + y) / np.hypot(first, second))
    )
    ends = np.array(difference_interval(*arms, relative=True))  # Fieller: y is positive beyond its noise
    assert probability_above(*arms, ends, relative=True) == pytest.approx([0.975, 0.025], abs=1e-9)


def test_a_ratio_to_nothing_is_unbounded():
    assert difference_interval(estimate(1.0, 0.1), estimate(0.1, 0.1), relative=True) == (-np.inf, np.inf)
    unknown = Estimate(np.zeros(()), np.zeros(()), np.zeros(()))
    for relative in (False, True):
        assert difference_interval(unknown, estimate(1.0, 0.1), relative=relative) == (-np.inf, np.inf)


def test_many_rewards_approach_the_normal_interval():
    arms = Proportion(4_000_000, 401_000), Proportion(4_000_000, 400_000)
    normal = [Estimate(arm.n, arm.value, arm.variance) for arm in arms]
    got, limit = (np.array(difference_interval(*pair)) for pair in (arms, normal))
    assert got == pytest.approx(limit, abs=1e-7)


def covered(relative, prior, seed=11, runs=200):
    """Whether intervals hold the true difference; truths from Beta(4, 30), 60 units an arm."""
    rng = np.random.default_rng(seed)
    first, second = rng.beta(4.0, 30.0, (2, runs))
    arms = [Proportion(60, rng.binomial(60, truth)) for truth in (first, second)]
    low, high = difference_interval(*arms, relative=relative, prior=prior)
    truth = first / second - 1.0 if relative else first - second
    return (low <= truth) & (truth <= high)


@pytest.mark.parametrize("relative", [False, True])
def test_coverage_under_the_prior(relative):
    """200 pairs of truths from the prior, seed 11; a wrong prior fails."""
    assert_rate(covered(relative, (4.0, 30.0)), 0.95)
    with pytest.raises(AssertionError):
        assert_rate(covered(relative, (400.0, 3000.0)), 0.95)


@pytest.mark.parametrize(("threshold", "relative"), [(-1.0, True), (np.nan, False), (np.inf, False)])
def test_bad_thresholds(threshold, relative):
    with pytest.raises(ParameterError, match="threshold"):
        probability_above(Proportion(5, 2), Proportion(5, 2), threshold, relative=relative)
