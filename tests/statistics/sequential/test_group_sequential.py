import numpy as np
import pytest
from calibration import assert_rate
from scipy.stats import multivariate_normal, norm

from armlift.statistics.moments import Estimate, Proportion
from armlift.statistics.sequential import group_sequential, group_sequential_bounds

FIFTHS = np.arange(1, 6) / 5


@pytest.mark.parametrize(
    ("spending", "published"),
    [
        ("obrien_fleming", [4.877, 3.357, 2.680, 2.290, 2.031]),
        ("pocock", [2.438, 2.427, 2.410, 2.397, 2.386]),
    ],
)
def test_published_bounds(spending, published):
    """Five looks, 5 % two-sided, spending functions of Lan and DeMets (tables of `ldbounds`)."""
    bounds = group_sequential_bounds(FIFTHS, spending=spending)
    np.testing.assert_allclose(bounds.z, published, atol=5e-4)
    assert bounds.spent[-1] == pytest.approx(0.05)


def brownian(fractions, simulations, seed):
    steps = np.random.default_rng(seed).normal(size=(simulations, len(fractions)))
    paths = (steps * np.sqrt(np.diff(fractions, prepend=0.0))).cumsum(-1)
    return paths / np.sqrt(fractions)


PLANS = [np.array([1.0]), np.array([0.02, 0.05, 0.3, 0.31, 1.0]), np.array([0.1, 0.6]), np.arange(1, 41) / 40]


@pytest.mark.parametrize("fractions", PLANS)
@pytest.mark.parametrize("spending", ["obrien_fleming", "pocock"])
@pytest.mark.parametrize("alternative", ["two-sided", "greater"])
def test_alpha_is_crossed_as_planned(fractions, spending, alternative):
    """100,000 simulations of each plan."""
    bounds = group_sequential_bounds(fractions, alpha=0.1, spending=spending, alternative=alternative)
    z = brownian(fractions, 100_000, seed=6)
    crossed = np.maximum.accumulate((np.abs(z) if alternative == "two-sided" else z) > bounds.z, axis=-1)
    for look in (0, len(fractions) // 2, -1):
        if bounds.spent[look] > 1e-4:
            assert_rate(crossed[:, look], bounds.spent[look])


def test_too_low_bounds_fail_the_same_check():
    bounds = group_sequential_bounds(FIFTHS, alpha=0.1)
    crossed = (np.abs(brownian(FIFTHS, 100_000, seed=6)) > bounds.z - 0.05).any(-1)
    with pytest.raises(AssertionError):
        assert_rate(crossed, 0.1)


@pytest.mark.parametrize("alternative", ["two-sided", "greater"])
def test_against_the_multivariate_normal(alternative):
    fractions = np.array([0.2, 0.5, 0.9])
    bounds = group_sequential_bounds(fractions, spending="pocock", alternative=alternative)
    covariance = np.sqrt(np.minimum.outer(fractions, fractions) / np.maximum.outer(fractions, fractions))
    lower = -bounds.z if alternative == "two-sided" else np.full(3, -np.inf)
    inside = multivariate_normal(cov=covariance, abseps=2e-8, releps=1e-9, maxpts=1_000_000).cdf(
        bounds.z, lower_limit=lower, rng=np.random.default_rng(0)
    )
    assert 1.0 - inside == pytest.approx(0.05 * np.log1p((np.e - 1.0) * 0.9), abs=2e-7)


def test_one_look_is_the_fixed_test():
    assert group_sequential_bounds([1.0], alternative="greater").z == pytest.approx(norm.isf(0.05))
    assert group_sequential_bounds([1.0]).z == pytest.approx(norm.isf(0.025))


def test_the_first_looks_of_many_cannot_stop():
    bounds = group_sequential_bounds(np.arange(1, 201) / 200)
    assert np.isinf(bounds.z[0])
    assert np.isfinite(bounds.z[40:]).all()
    assert np.all(np.diff(bounds.z[40:]) < 0.0)


@pytest.mark.parametrize("spending", ["obrien_fleming", "pocock"])
@pytest.mark.parametrize("alternative", ["two-sided", "greater"])
def test_the_p_value_is_the_smallest_alpha_that_crosses(spending, alternative):
    plan = group_sequential_bounds(FIFTHS, spending=spending, alternative=alternative)
    for alpha in (3e-6, 4e-4, 0.012, 0.05, 0.3):
        other = group_sequential_bounds(FIFTHS, alpha=alpha, spending=spending, alternative=alternative)
        exact = other.z < 6.0  # beyond, the next level below has no bound at this look
        z = np.where(exact, other.z, 0.0)
        ones = np.ones(5)
        effect = group_sequential(
            Estimate(ones * 50, z * 0.2, ones), Estimate(ones * 50, 0.0 * ones, ones), plan
        )
        np.testing.assert_allclose(effect.p_value[exact], alpha, rtol=0.02)


def test_repeated_intervals_by_hand():
    plan = group_sequential_bounds([0.5, 1.0], alternative="greater")
    treatment, control = Proportion([500, 1000], [60, 125]), Proportion([500, 1000], [50, 100])
    effect = group_sequential(treatment, control, plan)
    error = np.sqrt(np.array([0.12 * 0.88 + 0.1 * 0.9, 0.125 * 0.875 + 0.1 * 0.9]) / [500, 1000])
    np.testing.assert_allclose(effect.low, np.array([0.02, 0.025]) - plan.z * error)
    assert np.isinf(effect.high).all()
    second = group_sequential(treatment[1], control[1], plan, look=1)
    assert (second.low, second.p_value) == (effect.low[1], effect.p_value[1])


def test_a_look_that_cannot_stop_says_nothing():
    plan = group_sequential_bounds(np.arange(1, 101) / 100)
    effect = group_sequential(Proportion(50, 40), Proportion(50, 5), plan, look=0)
    assert np.isinf([effect.low, effect.high]).all()
    assert effect.p_value > 0.05


@pytest.mark.parametrize("fractions", [[], [0.5, 0.4], [0.0, 1.0], [0.5, 1.2], [0.5, 0.5001], [[0.5, 1.0]]])
def test_bad_fractions_are_refused(fractions):
    with pytest.raises(ValueError, match="fractions"):
        group_sequential_bounds(fractions)


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("alpha", {"alpha": 0.6}),
        ("spending", {"spending": "haybittle"}),
        ("alternative", {"alternative": "x"}),
    ],
)
def test_bad_plans_are_refused(name, question):
    with pytest.raises(ValueError, match=name):
        group_sequential_bounds([0.5, 1.0], **question)


@pytest.mark.parametrize("look", [2, -1, 0.5])
def test_looks_that_were_not_planned_are_refused(look):
    plan = group_sequential_bounds([0.5, 1.0])
    with pytest.raises(ValueError, match="look"):
        group_sequential(Proportion(9, 1), Proportion(9, 2), plan, look=look)
    with pytest.raises(ValueError, match="looks"):
        group_sequential(Proportion([9] * 3, 1), Proportion(9, 2), plan)
