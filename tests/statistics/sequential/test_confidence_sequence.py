import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from armlift.statistics.moments import Estimate, Mean, Proportion
from armlift.statistics.sequential import confidence_sequence


def half_width(t, rho, alpha, two_sided=True):
    """Waudby-Smith et al. (2021), theorem 2.2 and its one-sided version, at standard deviation 1."""
    x = t * rho**2
    log = np.log(np.sqrt(x + 1) / alpha) if two_sided else np.log(1 + np.sqrt(x + 1) / (2 * alpha))
    return np.sqrt(2 * (x + 1) / (t * x) * log)


@pytest.mark.parametrize(
    ("alternative", "alpha"), [("two-sided", 0.05), ("two-sided", 0.001), ("less", 0.05)]
)
def test_the_formula_with_the_best_rho(alternative, alpha):
    tuned_at, n = 3000.0, np.array([100.0, 3000.0, 50_000.0])
    # One-sided, the paper tunes the two-sided width at twice alpha.
    tuning = alpha if alternative == "two-sided" else 2 * alpha
    best = minimize_scalar(
        lambda log_rho: half_width(tuned_at, np.exp(log_rho), tuning),
        bounds=(-12, 0),
        options={"xatol": 1e-10},
    )
    arms = Estimate(n, np.full(3, 5.0), np.full(3, 4.0)), Estimate(n, np.full(3, 4.5), np.full(3, 5.0))
    effect = confidence_sequence(*arms, confidence=1 - alpha, alternative=alternative, tuned_at=tuned_at)
    expected = 3.0 * half_width(n, np.exp(best.x), alpha, alternative == "two-sided")
    np.testing.assert_allclose(effect.high - 0.5, expected, rtol=1e-7)


def test_unequal_arms_count_by_information():
    treatment, control = Mean([2000.0], [[1.0]], [[[1999.0 * 9.0]]]), Mean([500.0], [[0.0]], [[[499.0]]])
    effect = confidence_sequence(treatment, control, tuned_at=1000.0)
    t = (9.0 + 1.0) / (9.0 / 2000.0 + 1.0 / 500.0)
    alike = confidence_sequence(
        Estimate(np.array([t]), np.ones(1), np.full(1, 9.0)),
        Estimate(np.array([t]), np.zeros(1), np.ones(1)),
        tuned_at=1000.0,
    )
    np.testing.assert_allclose([effect.low, effect.high], [alike.low, alike.high], rtol=1e-12)


@pytest.mark.parametrize("confidence", [0.9, 0.99])
def test_it_is_tightest_where_it_was_tuned(confidence):
    arms = Proportion(5000, 500), Proportion(5000, 520)
    tunings = np.array([1000.0, 4000.0, 5000.0, 6000.0, 20_000.0])
    widths = []
    for tuned_at in tunings:
        effect = confidence_sequence(*arms, confidence=confidence, tuned_at=tuned_at)
        widths.append(effect.high - effect.low)
    assert np.argmin(widths) == 2


def test_the_relative_effect_by_the_delta_method():
    treatment, control = Proportion(4000, 480), Proportion(3000, 300)
    relative = confidence_sequence(treatment, control, tuned_at=4000, relative=True)
    error = np.hypot(np.sqrt(0.12 * 0.88 / 4000) / 0.1, 1.2 * np.sqrt(0.1 * 0.9 / 3000) / 0.1)
    assert relative.estimate == pytest.approx(0.2)
    assert relative.standard_error == pytest.approx(error)


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_the_unit_of_the_metric_does_not_matter(unit):
    rows = np.random.default_rng(0).gamma(2.0, 3.0, (2, 400))
    plain = confidence_sequence(*map(Mean.from_columns, rows), tuned_at=1000)
    scaled = confidence_sequence(*map(Mean.from_columns, rows * unit), tuned_at=1000)
    np.testing.assert_allclose(scaled.low, plain.low * unit)
    np.testing.assert_allclose(scaled.p_value, plain.p_value)


def test_the_price_of_looking_is_half_as_much_again():
    """At the tuned size the interval is 3.04 / 1.96 as wide as the one for a single look."""
    effect = confidence_sequence(Proportion(5000, 500), Proportion(5000, 500), tuned_at=5000)
    assert effect.high / effect.standard_error == pytest.approx(3.0351, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("tuned_at", {"tuned_at": 0}),
        ("confidence", {"tuned_at": 9, "alternative": "less", "confidence": 0.5}),
    ],
)
def test_bad_arguments_are_refused(name, question):
    with pytest.raises(ValueError, match=name):
        confidence_sequence(Proportion(10, 1), Proportion(10, 2), **question)
