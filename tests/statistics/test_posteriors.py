import numpy as np
import pytest
from calibration import assert_rate
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from armlift.errors import ParameterError
from armlift.statistics.moments import Estimate, Mean, Proportion
from armlift.statistics.posteriors import (
    beta_posterior,
    credible_interval,
    normal_posterior,
    probability_beats,
    probability_best,
)

counts = st.integers(0, 10_000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))
numbers = st.floats(-50, 50)


def mean_of(n, value, variance):
    """A `Mean` with given moments."""
    n = np.asarray(n, float)
    scatter = np.asarray(variance, float) * np.maximum(n - 1.0, 0.0)
    return Mean(n, np.asarray(value, float)[..., None], scatter[..., None, None])


@given(counts, counts)
def test_two_proportions_agree_with_the_best_of_two(first, second):
    treatment, control = Proportion(*first), Proportion(*second)
    pair = Proportion([first[0], second[0]], [first[1], second[1]])
    assert probability_beats(treatment, control) == pytest.approx(probability_best(pair)[0], abs=2e-9)


@given(counts, counts, st.floats(0.5, 20), st.floats(0.5, 20))
def test_a_prior_counts_as_data(first, second, a, b):
    """Successes and failures of the prior are worth as many observed ones."""
    treatment, control = Proportion(*first), Proportion(*second)
    extra = Proportion(a + b, a)
    with_prior = probability_beats(treatment, control, prior=(a + 1.0, b + 1.0))
    assert with_prior == pytest.approx(probability_beats(treatment + extra, control + extra), abs=1e-10)


@given(counts, counts, counts)
def test_more_successes_raise_an_arm(first, second, extra):
    treatment, control = Proportion(*first), Proportion(*second)
    better = Proportion(treatment.n + extra[0], treatment.successes + extra[0])
    assert probability_beats(better, control) >= probability_beats(treatment, control) - 1e-11


@given(numbers, numbers, st.floats(0.01, 9), st.floats(0.01, 9), st.integers(2, 900), st.integers(2, 900))
def test_two_means_in_closed_form_and_as_the_best_of_two(x, y, first, second, n, m):
    got = probability_beats(mean_of(n, x, first), mean_of(m, y, second))
    assert got == pytest.approx(stats.norm.cdf((x - y) / np.sqrt(first / n + second / m)), abs=1e-12)
    best = probability_best(mean_of([n, m], [x, y], [first, second]))
    assert best == pytest.approx([got, 1.0 - got], abs=1e-8)


@given(st.floats(-5, 5), st.floats(0.1, 10), st.floats(0.1, 5), st.integers(2, 500), numbers)
def test_the_normal_posterior_is_the_product_of_prior_and_likelihood(centre, sd, variance, n, value):
    mean, width = normal_posterior(mean_of(n, value, variance), prior=(centre, sd))
    precision = 1 / sd**2 + n / variance
    assert width == pytest.approx(precision**-0.5, rel=1e-9)
    assert mean == pytest.approx((centre / sd**2 + n * value / variance) / precision, rel=1e-9, abs=1e-9)


def test_a_wide_normal_prior_is_flat():
    arm = mean_of(100, 3.0, 4.0)
    flat, wide = normal_posterior(arm), normal_posterior(arm, prior=(0.0, 1e6))
    assert (flat.mean, flat.sd) == (3.0, 0.2)
    assert np.array(wide) == pytest.approx(np.array(flat), rel=1e-10)


def test_shifting_and_scaling_the_metric_changes_nothing():
    rng = np.random.default_rng(5)
    n, value, variance = rng.integers(2, 90, (4, 6)), rng.normal(0, 0.1, (4, 6)), rng.uniform(0.5, 2, (4, 6))
    before = probability_best(mean_of(n, value, variance))
    after = probability_best(mean_of(n, 1e6 + 1e-3 * value, 1e-6 * variance))
    assert after == pytest.approx(before, abs=1e-6)  # the shifted values have ten digits left
    assert before.sum(axis=-1) == pytest.approx(1.0, abs=1e-13)


@pytest.mark.parametrize("n_arms", [2, 10, 100])
def test_equal_arms_share_equally(n_arms):
    for arms in (Proportion(np.full(n_arms, 500), 50), mean_of(np.full(n_arms, 500), np.ones(n_arms), 2.0)):
        assert probability_best(arms) == pytest.approx(np.full(n_arms, 1 / n_arms), abs=1e-8)


def test_a_hundred_arms_with_leading_axes():
    rng = np.random.default_rng(1)
    arms = Proportion(np.full((3, 2, 100), 2000), rng.binomial(2000, 0.1, (3, 2, 100)))
    got = probability_best(arms)
    assert got.shape == (3, 2, 100)
    assert got.sum(axis=-1) == pytest.approx(1.0, abs=1e-13)
    assert (got[1, 1] == probability_best(arms[1, 1])).all()


def test_arms_of_which_nothing_is_known():
    nothing = mean_of([0, 1, 50], [0.0, 9.0, 2.0], [0.0, 0.0, 1.0])
    assert probability_best(nothing).tolist() == pytest.approx([0.375, 0.375, 0.25])
    assert probability_best(nothing[:2]).tolist() == [0.5, 0.5]
    assert probability_beats(nothing[0], nothing[2]) == 0.5
    assert credible_interval(nothing[0]) == (-np.inf, np.inf)
    assert credible_interval(nothing[1]) == (-np.inf, np.inf)
    assert probability_beats(Proportion(0, 0), Proportion(0, 0)) == pytest.approx(0.5, abs=1e-12)
    assert normal_posterior(nothing, prior=(4.0, 2.0)).mean[:2].tolist() == [4.0, 4.0]
    assert normal_posterior(nothing, prior=(4.0, 2.0)).sd[:2].tolist() == [2.0, 2.0]


def test_constant_arms_are_certain():
    arms = mean_of([9, 9, 9], [1.0, 1.0, 2.0], [0.0, 0.0, 0.0])
    assert probability_beats(arms[2], arms[0]) == 1.0
    assert probability_beats(arms[0], arms[2]) == 0.0
    assert probability_beats(arms[0], arms[1]) == 0.5
    assert probability_best(arms).tolist() == [0.0, 0.0, 1.0]
    assert probability_best(arms[:2]) == pytest.approx([0.5, 0.5], abs=1e-8)
    assert credible_interval(arms[2]) == (2.0, 2.0)
    noisy = mean_of([9, 9], [1.0, 1.0], [0.0, 4.0])
    assert probability_best(noisy) == pytest.approx([0.5, 0.5], abs=1e-8)


def test_an_estimate_is_compared_as_normal():
    arms = [Estimate(np.asarray(100.0), np.asarray(value), np.asarray(4.0)) for value in (1.5, 1.0)]
    assert probability_beats(*arms) == pytest.approx(stats.norm.cdf(0.5 / np.sqrt(0.08)), abs=1e-14)


@given(counts, st.floats(0.5, 0.999))
def test_the_interval_holds_its_share_of_the_posterior(arm, confidence):
    a, b = beta_posterior(Proportion(*arm))
    low, high = credible_interval(Proportion(*arm), confidence=confidence)
    assert stats.beta.cdf(low, a, b) == pytest.approx((1 - confidence) / 2, abs=1e-9)
    assert stats.beta.sf(high, a, b) == pytest.approx((1 - confidence) / 2, abs=1e-9)


def covered(prior, seed=7, runs=20_000):
    """Whether intervals hold the truth when the truth is drawn from Beta(4, 30) and 40 units are seen."""
    rng = np.random.default_rng(seed)
    truth = rng.beta(4.0, 30.0, runs)
    low, high = credible_interval(Proportion(40, rng.binomial(40, truth)), prior=prior)
    return (low <= truth) & (truth <= high)


def test_coverage_under_the_prior():
    """20,000 truths from the prior, seed 7."""
    assert_rate(covered(prior=(4.0, 30.0)), 0.95)


def test_coverage_fails_with_a_wrong_prior():
    with pytest.raises(AssertionError):
        assert_rate(covered(prior=(30.0, 30.0)), 0.95)


def chances(sampler, seed=8, runs=20_000):
    """P(beats), and whether treatment was really better, both arms from one prior."""
    rng = np.random.default_rng(seed)
    first, second = rng.beta(4.0, 30.0, (2, runs))
    treatment, control = (Proportion(60, rng.binomial(60, truth)) for truth in (first, second))
    return sampler(treatment, control), first > second


def test_probabilities_come_true_as_often_as_they_say():
    """Of 20,000 pairs, seed 8: the better arm wins at the stated rate wherever that rate lies."""
    probability, better = chances(lambda *arms: probability_beats(*arms, prior=(4.0, 30.0)))
    assert_calibrated(probability, better)


def test_calibration_fails_without_the_prior_knowledge():
    probability, better = chances(lambda *arms: probability_beats(*arms, prior=(0.5, 0.5)))
    with pytest.raises(AssertionError):
        assert_calibrated(probability, better)


def assert_calibrated(probability, better):
    for low in np.arange(0.0, 1.0, 0.1):
        inside = (probability >= low) & (probability < low + 0.1)
        gap = better[inside].mean() - probability[inside].mean()
        noise = np.sqrt((probability[inside] * (1 - probability[inside])).sum()) / inside.sum()
        assert abs(gap) <= 4.0 * noise


@pytest.mark.parametrize("prior", [(0.0, 1.0), (1.0, -1.0), (1e-9, 1.0), (np.nan, 1.0), (1.0, np.inf)])
def test_bad_beta_priors(prior):
    with pytest.raises(ParameterError, match="prior"):
        probability_beats(Proportion(5, 2), Proportion(5, 2), prior=prior)


@pytest.mark.parametrize("prior", [(np.inf, 1.0), (0.0, 0.0), (0.0, np.inf)])
def test_bad_normal_priors(prior):
    with pytest.raises(ParameterError, match="prior"):
        probability_best(mean_of([5, 5], [0.0, 1.0], 1.0), prior=prior)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0, float("nan")])
def test_bad_confidence(confidence):
    with pytest.raises(ParameterError, match="confidence"):
        credible_interval(Proportion(5, 2), confidence=confidence)
