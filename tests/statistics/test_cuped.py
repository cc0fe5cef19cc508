import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import tea_tasting as tt
from calibration import assert_coverage
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from armlift.errors import ParameterError
from armlift.statistics.cuped import cuped, variance_reduction
from armlift.statistics.effects import difference, relative_difference
from armlift.statistics.moments import CovariateMean, CovariateRatio, Estimate, Mean


def users(rng, shape, effect=0.0):
    """Outcome and covariate with correlation 0.8, squared 0.64."""
    past = rng.normal(size=shape)
    return 5.0 + effect + 0.8 * past + 0.6 * rng.normal(size=shape), 2.0 + past


def sessions(rng, shape, rate=0.2):
    """Clicks and views, now and before, of users who keep their habits."""
    habit = rng.beta(4.0, 16.0, shape)
    activity = rng.gamma(5.0, 1.0, shape)
    views, past_views = (1.0 + rng.poisson(activity) for _ in range(2))
    clicks = rng.binomial(views.astype(int), habit * rate / 0.2)
    return clicks.astype(float), views, rng.binomial(past_views.astype(int), habit).astype(float), past_views


def test_means_agree_with_a_regression_on_arm_and_covariate():
    rng = np.random.default_rng(0)
    treated, control = users(rng, 300, 0.4), users(rng, 200)
    arm = np.repeat([1.0, 0.0], [300, 200])
    outcome, covariate = (np.concatenate(pair) for pair in zip(treated, control, strict=True))
    regression = sm.OLS(outcome, sm.add_constant(np.column_stack([arm, covariate]))).fit()
    adjusted = cuped(CovariateMean.from_columns(*treated), CovariateMean.from_columns(*control))
    effect = difference(*adjusted)
    assert effect.estimate == pytest.approx(regression.params[1], rel=1e-10)
    # Regression divides by N - 3 over both arms and counts the covariate's imbalance.
    assert effect.standard_error == pytest.approx(regression.bse[1], rel=0.05)


def tea_result(columns, metric):
    names = ["outcome", "per", "past", "past_per"] if len(columns[0]) == 4 else ["outcome", "past"]
    frames = [
        pd.DataFrame(dict(zip(names, arm, strict=True))).assign(variant=1 - k)
        for k, arm in enumerate(columns)
    ]
    return tt.Experiment(metric=metric).analyze(pd.concat(frames))["metric"]


@pytest.mark.parametrize(
    ("kind", "draw", "metric"),
    [
        (CovariateMean, users, tt.Mean("outcome", "past", use_t=False)),
        (CovariateRatio, sessions, tt.RatioOfMeans("outcome", "per", "past", "past_per", use_t=False)),
    ],
)
def test_agrees_with_tea_tasting_where_theta_does(kind, draw, metric):
    """tea-tasting takes theta over all units as one sample, ours inside the arms.

    With the same users in both arms both are one number; with different users they differ by chance.
    """
    rng = np.random.default_rng(1)
    arm, other = draw(rng, 3000), draw(rng, 3000)
    same, near = ((arm, (arm[0] * 1.0, *arm[1:])), 1e-9), ((arm, other), 5e-3)
    for columns, tolerance in (same, near):
        theirs = tea_result(columns, metric)
        arms = cuped(*(kind.from_columns(*rows) for rows in columns))
        effect = difference(*arms)
        size = float(theirs.effect_size_ci_upper - theirs.effect_size_ci_lower)
        np.testing.assert_allclose(
            [effect.estimate, effect.low, effect.high],
            [theirs.effect_size, theirs.effect_size_ci_lower, theirs.effect_size_ci_upper],
            atol=tolerance * size,
        )
        values = [float(one.value) for one in arms]
        np.testing.assert_allclose(values, [theirs.treatment, theirs.control], atol=tolerance * size)
        relative = relative_difference(*arms)
        assert relative.estimate == pytest.approx(theirs.rel_effect_size, abs=tolerance * size)


rows = arrays(float, (2, 6), elements=st.integers(-20, 20).map(float))


@given(rows, rows, st.floats(-50.0, 50.0), st.floats(-50.0, 50.0), st.floats(0.1, 10.0))
def test_shifts_and_units_pass_through(one, other, effect, moved, scale):
    """A constant effect moves the estimate by itself; the covariate's origin and unit do not matter."""
    arms = CovariateMean.from_columns(*one), CovariateMean.from_columns(*other)
    treated = CovariateMean.from_columns(one[0] + effect, one[1])
    plain, shifted = difference(*cuped(*arms)), difference(*cuped(treated, arms[1]))
    assert shifted.estimate == pytest.approx(plain.estimate + effect, abs=1e-6)
    assert shifted.standard_error == pytest.approx(plain.standard_error, abs=1e-6)
    rescaled = [CovariateMean.from_columns(arm[0], arm[1] * scale + moved) for arm in (one, other)]
    again = cuped(*rescaled)
    for before, after in zip(cuped(*arms), again, strict=True):
        np.testing.assert_allclose([after.value, after.variance], [before.value, before.variance], atol=1e-6)
    assert variance_reduction(*rescaled) == pytest.approx(variance_reduction(*arms), abs=1e-6)


@given(rows, rows)
def test_the_pooled_variance_never_grows(one, other):
    arms = CovariateMean.from_columns(*one), CovariateMean.from_columns(*other)
    before, after = (sum(arm.variance for arm in group) for group in (arms, cuped(*arms)))
    assert after <= before * (1.0 + 1e-9)
    assert 1.0 - variance_reduction(*arms) == pytest.approx(after / before if before else 1.0, abs=1e-9)


def test_merging_days_equals_adjusting_the_pool():
    rng = np.random.default_rng(2)
    days = [[CovariateRatio.from_columns(*sessions(rng, 50)) for _ in range(2)] for _ in range(3)]
    outcome = [sum(arm[1:], start=arm[0]) for arm in zip(*days, strict=True)]
    backwards = [sum(arm[:-1], start=arm[-1]) for arm in zip(*days, strict=True)]
    for one, other in zip(cuped(*outcome), cuped(*backwards), strict=True):
        np.testing.assert_allclose([one.value, one.variance], [other.value, other.variance], rtol=1e-10)


def test_a_covariate_without_variance_changes_nothing():
    rng = np.random.default_rng(3)
    for past in (0.0, 0.1, 1e9):
        arms = [CovariateMean.from_columns(rng.normal(size=n), np.full(n, past)) for n in (7, 11)]
        merged = [arm + arm for arm in arms]
        raw = [CovariateMean.from_sums(m.n, m.n * m.mean, raw_products(m)) for m in merged]
        for group in (arms, merged, raw):
            assert variance_reduction(*group) == 0.0
            for plain, adjusted in zip(group, cuped(*group), strict=True):
                assert adjusted.value == pytest.approx(plain.value)
                assert adjusted.variance == pytest.approx(plain.variance)


def raw_products(moments):
    return moments.scatter + moments.n * np.multiply.outer(moments.mean, moments.mean)


def test_a_constant_ratio_of_the_past_changes_nothing():
    rng = np.random.default_rng(4)
    arms = []
    for n in (50, 60):
        clicks, views, _, past = sessions(rng, n)
        arms.append(CovariateRatio.from_columns(clicks, views, past * 0.3, past))
    for plain, adjusted in zip(arms, cuped(*arms), strict=True):
        assert adjusted.value == pytest.approx(plain.value)
        assert adjusted.variance == pytest.approx(plain.variance)


def test_arms_without_data_stay_without():
    some = CovariateMean.from_columns(*users(np.random.default_rng(5), 20))
    none = CovariateMean.from_columns([], [])
    adjusted = cuped(none, some)
    assert (adjusted[0].n, adjusted[0].value, adjusted[0].variance) == (0, 0, 0)
    assert adjusted[1].value == pytest.approx(some.value)
    assert [arm.n for arm in cuped(none, none)] == [0, 0]


@pytest.mark.parametrize(("kind", "draw"), [(CovariateMean, users), (CovariateRatio, sessions)])
def test_leading_axes_are_experiments_of_their_own(kind, draw):
    rng = np.random.default_rng(6)
    arms = [kind.from_columns(*draw(rng, (4, 3, 30))) for _ in range(3)]
    whole, saved = cuped(*arms), variance_reduction(*arms)
    for index in np.ndindex(4, 3):
        part = [arm[index] for arm in arms]
        assert variance_reduction(*part) == pytest.approx(saved[index])
        for one, other in zip(cuped(*part), whole, strict=True):
            np.testing.assert_allclose(
                [one.n, one.value, one.variance],
                [other.n[index], other.value[index], other.variance[index]],
            )


def test_one_control_serves_an_axis_of_treatments():
    rng = np.random.default_rng(7)
    treatments = CovariateMean.from_columns(*users(rng, (5, 40)))
    control = CovariateMean.from_columns(*users(rng, (1, 40)))
    assert difference(*cuped(treatments, control)).estimate.shape == (5,)


def simulated(draw, kind, simulations=5000, n=200, **effect):
    rng = np.random.default_rng(8)
    treatment = kind.from_columns(*draw(rng, (simulations, n), **effect))
    return treatment, kind.from_columns(*draw(rng, (simulations, n)))


def test_adjusted_intervals_cover_the_truth_as_often_as_they_say():
    """Means with 64 % less variance, n = 200 an arm, 5,000 experiments."""
    arms = simulated(users, CovariateMean, effect=0.1)
    adjusted = difference(*cuped(*arms))
    assert_coverage(adjusted, 0.1)
    assert_coverage(relative_difference(*cuped(*arms)), 0.1 / 5.0)
    assert variance_reduction(*arms).mean() == pytest.approx(0.64, abs=0.01)
    shrunk = (adjusted.standard_error / difference(*arms).standard_error).mean()
    assert shrunk == pytest.approx(0.6, abs=0.01)


def test_adjusted_ratios_cover_the_truth_as_often_as_they_say():
    arms = simulated(sessions, CovariateRatio, n=400, rate=0.22)
    effect = difference(*cuped(*arms))
    assert_coverage(effect, 0.02)
    assert_coverage(relative_difference(*cuped(*arms)), 0.1)
    assert (effect.standard_error < difference(*arms).standard_error).mean() > 0.99


def test_the_variance_of_the_adjusted_mean_for_the_raw_one_fails_the_same_check():
    arms = simulated(users, CovariateMean, effect=0.1)
    broken = [
        Estimate(arm.n, arm.value, better.variance) for arm, better in zip(arms, cuped(*arms), strict=True)
    ]
    with pytest.raises(AssertionError):
        assert_coverage(difference(*broken), 0.1)


def test_adjusting_by_what_the_treatment_changed_fails_the_same_check():
    """The covariate must be from before: here the treatment moves it too."""
    rng = np.random.default_rng(9)
    outcome, during = users(rng, (2000, 200), effect=0.1)
    treatment = CovariateMean.from_columns(outcome, during + 0.1)
    control = CovariateMean.from_columns(*users(rng, (2000, 200)))
    with pytest.raises(AssertionError):
        assert_coverage(difference(*cuped(treatment, control)), 0.1)


def test_arms_are_two_or_more_of_one_kind():
    mean, ratio = CovariateMean.from_columns([1.0], [1.0]), CovariateRatio.from_columns(*[[1.0]] * 4)
    for arms in [(), (mean,), (mean, ratio)]:
        with pytest.raises(ParameterError, match="arms"):
            cuped(*arms)
        with pytest.raises(ParameterError, match="arms"):
            variance_reduction(*arms)


def test_without_adjustment_a_covariate_mean_is_a_mean():
    outcome, past = users(np.random.default_rng(10), (2, 50))
    plain, beside = Mean.from_columns(outcome), CovariateMean.from_columns(outcome, past)
    expected = difference(plain[0], plain[1]).p_value
    assert difference(beside[0], beside[1]).p_value == pytest.approx(expected, rel=1e-12)
