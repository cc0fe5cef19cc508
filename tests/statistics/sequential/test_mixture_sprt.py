import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from armlift.statistics.moments import Estimate, Proportion
from armlift.statistics.sequential import confidence_sequence, mixing_variance, mixture_sprt


@pytest.mark.parametrize("margin", [0.0, 0.03])
def test_the_p_value_is_one_over_the_mixed_likelihood_ratio(margin):
    treatment, control, tau = Proportion(3000, 390), Proportion(2000, 200), 0.02
    effect = mixture_sprt(treatment, control, mixing_variance=tau**2, margin=margin)
    error = np.sqrt(0.13 * 0.87 / 3000 + 0.1 * 0.9 / 2000)

    def weighed(theta):
        likelihoods = norm.pdf(0.03, theta, error) / norm.pdf(0.03, margin, error)
        return likelihoods * norm.pdf(theta, margin, tau)

    mixed = quad(weighed, -0.3, 0.3, points=[0.0, 0.03], epsabs=1e-12, epsrel=1e-10)[0]
    assert effect.p_value == pytest.approx(min(1.0, 1.0 / mixed), rel=1e-8)


def test_the_interval_of_confidence_one_less_p_touches_the_margin():
    arms = Proportion(3000, 390), Proportion(2000, 200)
    for alternative in ("two-sided", "greater"):
        p_value = float(
            mixture_sprt(*arms, mixing_variance=4e-4, alternative=alternative, margin=0.01).p_value
        )
        touching = mixture_sprt(*arms, mixing_variance=4e-4, alternative=alternative, confidence=1 - p_value)
        assert touching.low == pytest.approx(0.01, rel=1e-9)


def test_one_sided_is_a_bound_on_the_folded_mixture():
    """The p-value is above 1 / Lambda of the half-normal mixture, and not by much where it matters."""
    for distance in (0.02, 0.03, 0.04):
        arms = Proportion(3000, 300 + 3000 * distance), Proportion(3000, 300)
        effect = mixture_sprt(*arms, mixing_variance=4e-4, alternative="greater")
        error = effect.standard_error

        def weighed(theta, error=error, distance=distance):
            likelihoods = norm.pdf(distance, theta, error) / norm.pdf(distance, 0.0, error)
            return 2.0 * likelihoods * norm.pdf(theta, 0.0, 0.02)

        exact = 1.0 / quad(weighed, 0.0, 0.3, points=[distance], epsabs=1e-12, epsrel=1e-10)[0]
        assert min(exact, 1.0) <= effect.p_value <= 1.12 * exact


def test_it_is_the_confidence_sequence_in_other_words():
    n, ones = np.array([500.0, 5000.0]), np.ones(2)
    arms = Estimate(n, 0.1 * ones, ones), Estimate(n, 0.0 * ones, ones)
    signal = 8.21197  # 1 + x = log(1 + x) + 1 - 2 log 0.05
    sprt = mixture_sprt(*arms, mixing_variance=signal * 2.0 / 3000.0)
    sequence = confidence_sequence(*arms, tuned_at=3000.0)
    np.testing.assert_allclose(sprt.low, sequence.low, rtol=1e-4)


def test_the_rule_for_the_mixing_variance_finds_its_effect_soon():
    """Twice or half the rule's standard deviation costs at most a sixth more units to find the effect."""
    rng = np.random.default_rng(5)
    n = 50.0 * np.arange(1, 101)
    walk = rng.normal(0.1 * 50.0, np.sqrt(2.0 * 50.0), (4000, 100)).cumsum(-1) / n
    arms = Estimate(n, walk, np.ones_like(walk)), Estimate(n, np.zeros_like(walk), np.ones_like(walk))
    units = {}
    for factor in (0.1, 0.5, 1.0, 2.0, 10.0):
        found = mixture_sprt(*arms, mixing_variance=mixing_variance(0.1 * factor)).low > 0.0
        units[factor] = np.where(found.any(-1), n[found.argmax(-1)], n[-1]).mean()
    assert max(units[0.5], units[2.0]) < 1.17 * units[1.0]
    assert min(units[0.1], units[10.0]) > 1.3 * units[1.0]


@pytest.mark.parametrize("variance", [0.0, -1.0, np.inf, np.nan])
def test_a_bad_mixing_variance_is_refused(variance):
    with pytest.raises(ValueError, match="mixing_variance"):
        mixture_sprt(Proportion(10, 1), Proportion(10, 2), mixing_variance=variance)


def test_no_effect_has_no_mixing_variance():
    with pytest.raises(ValueError, match="minimum_detectable_effect"):
        mixing_variance(0.0)
