import numpy as np
import pytest
import tea_tasting as tt
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest
from statsmodels.stats.proportion import test_proportions_2indep as proportions_2indep
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from armlift.errors import ParameterError
from armlift.statistics.effect import Effect, Reason
from armlift.statistics.effects import difference, non_inferiority, reasons, relative_difference
from armlift.statistics.moments import CovariateMean, Mean, Proportion, Ratio

BOTH = [difference, relative_difference]
ALTERNATIVES = ["two-sided", "greater", "less"]
FIELDS = ["estimate", "standard_error", "low", "high", "p_value"]


@st.composite
def proportions(draw):
    n = draw(st.integers(2, 10**5))
    return Proportion(n, draw(st.integers(0, n)))


@st.composite
def means(draw):
    mean = draw(st.floats(-100.0, 100.0).filter(lambda x: abs(x) > 1e-3))
    sd = draw(st.floats(0.01, 100.0))
    n = draw(st.integers(2, 10**5))
    return Mean(n, [mean], [[sd * sd * (n - 1)]])


pairs = st.tuples(proportions(), proportions()) | st.tuples(means(), means())


def close(one, other):
    for name in FIELDS:
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-7, atol=1e-9)


# Golden values


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize("confidence", [0.9, 0.99])
def test_means_agree_with_scipy_s_welch_test(alternative, confidence):
    rng = np.random.default_rng(0)
    x, y = rng.exponential(1.0, 12), rng.exponential(1.4, 75)
    expected = stats.ttest_ind(y, x, equal_var=False, alternative=alternative)
    interval = expected.confidence_interval(confidence)
    for kind, columns in ((Mean, (y, x)), (CovariateMean, ([y, y], [x, x]))):
        arms = [kind.from_columns(*np.atleast_2d(rows)) for rows in columns]
        effect = difference(*arms, confidence=confidence, alternative=alternative)
        np.testing.assert_allclose(
            [effect.p_value, effect.low, effect.high], [expected.pvalue, *interval], rtol=1e-12
        )
        assert effect.estimate / effect.standard_error == pytest.approx(expected.statistic, rel=1e-12)


def test_a_margin_shifts_the_null_as_in_statsmodels():
    rng = np.random.default_rng(1)
    x, y = rng.normal(5.0, 1.0, 30), rng.normal(5.2, 2.0, 40)
    compare = CompareMeans(DescrStatsW(y), DescrStatsW(x))
    for ours, theirs in zip(ALTERNATIVES, ("two-sided", "larger", "smaller"), strict=True):
        p_value = compare.ttest_ind(alternative=theirs, usevar="unequal", value=-0.3)[1]
        effect = difference(Mean.from_columns(y), Mean.from_columns(x), alternative=ours, margin=-0.3)
        assert effect.p_value == pytest.approx(p_value, rel=1e-12)


@pytest.mark.parametrize(("control", "treatment"), [((1000, 100), (1200, 150)), ((30, 4), (25, 7))])
def test_proportions_agree_with_statsmodels(control, treatment):
    (n, x), (m, y) = control, treatment
    effect = difference(Proportion(m, y), Proportion(n, x))
    interval = confint_proportions_2indep(y, m, x, n, method="wald", compare="diff")
    np.testing.assert_allclose([effect.low, effect.high], interval, rtol=1e-12)
    for ours, theirs in zip(ALTERNATIVES, ("two-sided", "larger", "smaller"), strict=True):
        expected = proportions_2indep(
            y, m, x, n, value=-0.02, method="wald", compare="diff", alternative=theirs
        )
        tested = difference(Proportion(m, y), Proportion(n, x), alternative=ours, margin=-0.02)
        assert tested.p_value == pytest.approx(expected.pvalue, rel=1e-9)


def test_pooled_and_unpooled_proportions_agree_where_the_arms_do():
    """`proportions_ztest` pools the variance: the same for equal shares, smaller p-values elsewhere."""
    n, x, y = 10**6, 100_000, 100_300
    pooled = proportions_ztest([y, x], [n, n])[1]
    assert difference(Proportion(n, y), Proportion(n, x)).p_value == pytest.approx(pooled, abs=1e-6)


def tea_table():
    rng = np.random.default_rng(2)
    views = 1.0 + rng.poisson(8.0, 4000)
    variant = np.arange(4000) % 2
    clicks = rng.binomial(views.astype(int), 0.2 + 0.02 * variant).astype(float)
    return variant, clicks, views


@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_ratios_and_means_agree_with_tea_tasting(alternative):
    import pandas as pd

    variant, clicks, views = tea_table()
    table = pd.DataFrame({"variant": variant, "clicks": clicks, "views": views})
    result = tt.Experiment(
        rate=tt.RatioOfMeans("clicks", "views", use_t=False, alternative=alternative),
        clicks=tt.Mean("clicks", alternative=alternative),
    ).analyze(table)
    arms = {
        "rate": [Ratio.from_columns(clicks[variant == k], views[variant == k]) for k in (1, 0)],
        "clicks": [Mean.from_columns(clicks[variant == k]) for k in (1, 0)],
    }
    for name, expected in result.items():
        effect = difference(*arms[name], alternative=alternative)
        np.testing.assert_allclose(
            [effect.estimate, effect.low, effect.high, effect.p_value],
            [
                expected.effect_size,
                expected.effect_size_ci_lower,
                expected.effect_size_ci_upper,
                expected.pvalue,
            ],
            rtol=1e-9,
        )
        relative = relative_difference(*arms[name], alternative=alternative)
        assert relative.estimate == pytest.approx(expected.rel_effect_size, rel=1e-9)
        assert relative.p_value == pytest.approx(expected.pvalue, rel=1e-9)


def test_tea_tasting_s_relative_interval_is_the_delta_method_s_on_the_log_scale():
    """Ours is Fieller's; with the same standard error in their convention both agree."""
    import pandas as pd

    variant, clicks, views = tea_table()
    table = pd.DataFrame({"variant": variant, "clicks": clicks, "views": views})
    theirs = tt.Experiment(rate=tt.RatioOfMeans("clicks", "views", use_t=False)).analyze(table)["rate"]
    effect = relative_difference(
        *(Ratio.from_columns(clicks[variant == k], views[variant == k]) for k in (1, 0))
    )
    ratio = 1.0 + effect.estimate
    factor = np.exp(stats.norm.ppf(0.975) * effect.standard_error / ratio)
    expected = [theirs.rel_effect_size_ci_lower, theirs.rel_effect_size_ci_upper]
    np.testing.assert_allclose([ratio / factor - 1.0, ratio * factor - 1.0], expected, rtol=1e-9)
    np.testing.assert_allclose([effect.low, effect.high], expected, atol=0.01 * (effect.high - effect.low))


def test_the_relative_interval_solves_fieller_s_equation():
    treatment, control = Proportion(300, 45), Proportion(200, 20)
    effect = relative_difference(treatment, control)
    z = stats.norm.ppf(0.975)
    for end in (effect.low, effect.high):
        ratio = 1.0 + end
        noise = treatment.variance / 300 + ratio**2 * control.variance / 200
        assert (treatment.value - ratio * control.value) ** 2 == pytest.approx(z**2 * noise, rel=1e-12)


def test_the_delta_interval_is_symmetric_and_agrees_with_its_p_value():
    treatment, control = Proportion(1000, 130), Proportion(1000, 100)
    effect = relative_difference(treatment, control, method="delta")
    variance = 0.13 * 0.87 / 1000 / 0.1**2 + 1.3**2 * 0.1 * 0.9 / 1000 / 0.1**2
    expected = stats.norm(0.3, np.sqrt(variance))
    np.testing.assert_allclose([effect.low, effect.high], expected.interval(0.95), rtol=1e-12)
    assert effect.p_value == pytest.approx(2.0 * stats.norm.sf(0.3 / np.sqrt(variance)), rel=1e-12)
    at_the_end = relative_difference(treatment, control, method="delta", margin=effect.low)
    assert at_the_end.p_value == pytest.approx(0.05, rel=1e-9)


def test_an_unknown_method_is_refused():
    with pytest.raises(ParameterError, match="fieller"):
        relative_difference(Proportion(10, 1), Proportion(10, 2), method="log")


def test_the_relative_standard_error_is_the_delta_method_s():
    treatment, control = Proportion(3000, 450), Proportion(2000, 200)
    drawn = np.random.default_rng(3).multivariate_normal(
        [0.15, 0.1], np.diag([treatment.variance / 3000, control.variance / 2000]) / 1e4, 200_000
    )
    error = (drawn[:, 0] / drawn[:, 1]).std() * 100.0
    assert relative_difference(treatment, control).standard_error == pytest.approx(error, rel=0.01)


# Properties


@pytest.mark.parametrize("compare", BOTH)
@given(arms=pairs, alternative=st.sampled_from(ALTERNATIVES), margin=st.floats(-0.5, 0.5))
def test_the_interval_leaves_the_margin_out_exactly_where_it_is_rejected(compare, arms, alternative, margin):
    effect = compare(*arms, alternative=alternative, margin=margin)
    if min(abs(effect.low - margin), abs(effect.high - margin), abs(effect.p_value - 0.05)) > 1e-9:
        assert (effect.p_value < 0.05) == (margin < effect.low or effect.high < margin)


@pytest.mark.parametrize("compare", BOTH)
@given(arms=pairs, alternative=st.sampled_from(ALTERNATIVES), confidence=st.floats(0.01, 0.999))
def test_every_number_is_a_number_and_in_order(compare, arms, alternative, confidence):
    effect = compare(*arms, alternative=alternative, confidence=confidence)
    assert effect.low <= effect.high
    if alternative == "two-sided" or confidence > 0.5:  # a one-sided bound at 10 % lies beyond the estimate
        assert effect.low <= effect.estimate <= effect.high or effect.reason != Reason.NONE
    assert np.isfinite([effect.estimate, effect.standard_error]).all()
    assert 0.0 <= effect.p_value <= 1.0


@given(arms=pairs, alternative=st.sampled_from(ALTERNATIVES))
def test_swapping_the_arms_mirrors_the_difference(arms, alternative):
    mirrored = {"two-sided": "two-sided", "greater": "less", "less": "greater"}[alternative]
    effect, swapped = (
        difference(*arms, alternative=alternative),
        difference(*arms[::-1], alternative=mirrored),
    )
    np.testing.assert_allclose([swapped.low, swapped.high], [-effect.high, -effect.low], rtol=1e-12)
    assert swapped.p_value == pytest.approx(effect.p_value, rel=1e-9)


@given(means(), means(), st.floats(0.01, 100.0), st.floats(-100.0, 100.0))
def test_a_change_of_unit_scales_the_difference_and_leaves_the_relative_one(one, other, scale, shift):
    moved = [Mean(x.n, x.mean * scale + shift, x.scatter * scale**2) for x in (one, other)]
    before, after = difference(one, other), difference(*moved)
    size = scale * (abs(one.value) + abs(other.value)) + abs(shift)
    np.testing.assert_allclose(
        [after.low, after.high], [scale * before.low, scale * before.high], rtol=1e-7, atol=1e-10 * size
    )
    scaled = [Mean(x.n, x.mean * scale, x.scatter * scale**2) for x in (one, other)]
    close(relative_difference(*scaled), relative_difference(one, other))


@given(st.integers(20, 1000), st.floats(0.1, 0.9), st.floats(0.1, 0.9), st.integers(2, 10))
def test_more_of_the_same_data_narrows_the_interval(n, p, q, times):
    arms = Proportion(n, round(p * n)), Proportion(n, round(q * n))
    more = [Proportion(arm.n * times, arm.successes * times) for arm in arms]
    for compare in BOTH:
        small, large = compare(*arms), compare(*more)
        assert large.high - large.low < small.high - small.low or small.reason == Reason.WEAK_BASELINE
    assert difference(*more).standard_error == pytest.approx(difference(*arms).standard_error / times**0.5)


@pytest.mark.parametrize("compare", BOTH)
def test_leading_axes_are_experiments_of_their_own(compare):
    rng = np.random.default_rng(4)
    n = rng.integers(0, 6, (20, 3, 2)) * 10
    arms = Proportion(n, rng.binomial(n, 0.3))
    whole = compare(arms[..., 0], arms[..., 1])
    for index in np.ndindex(20, 3):
        one = compare(arms[(*index, 0)], arms[(*index, 1)])
        for name in [*FIELDS, "reason"]:
            assert getattr(one, name) == getattr(whole, name)[index]


@pytest.mark.parametrize("compare", BOTH)
def test_one_control_serves_many_treatments(compare):
    treatments, control = Proportion([100, 200, 0], [10, 30, 0]), Proportion([100], [12])
    effect = compare(treatments, control, margin=[0.0, 0.1, 0.0])
    assert all(getattr(effect, name).shape == (3,) for name in [*FIELDS, "reason"])
    assert effect.reason.dtype == np.int8


def test_non_inferiority_is_the_one_sided_test_against_the_margin():
    treatment, control = Proportion(10_000, 990), Proportion(10_000, 1000)
    close(
        non_inferiority(treatment, control, 0.01),
        difference(treatment, control, alternative="greater", margin=-0.01),
    )
    close(
        non_inferiority(treatment, control, 0.1, relative=True, better="lower"),
        relative_difference(treatment, control, alternative="less", margin=0.1),
    )


def test_what_improves_downward_mirrors_what_improves_upward():
    clicks, misses = Proportion([500, 400], [60, 50]), Proportion([500, 400], [440, 350])
    up = non_inferiority(clicks[0], clicks[1], 0.03)
    down = non_inferiority(misses[0], misses[1], 0.03, better="lower")
    assert down.p_value == pytest.approx(up.p_value)
    assert (down.low, up.high) == (-np.inf, np.inf)


@pytest.mark.parametrize("margin", [0.0, -0.1, np.nan, np.inf])
def test_a_margin_is_a_positive_loss(margin):
    with pytest.raises(ParameterError, match="margin"):
        non_inferiority(Proportion(10, 1), Proportion(10, 1), margin)


# Edge cases

EDGES = [
    (Proportion(0, 0), Proportion(0, 0), "NO_DATA"),
    (Proportion(0, 0), Proportion(9, 3), "EMPTY_ARM"),
    (Proportion(9, 3), Proportion(0, 0), "EMPTY_ARM"),
    (Proportion(1, 1), Proportion(9, 3), "TOO_FEW"),
    (Mean.from_columns([2.0]), Mean.from_columns([1.0, 3.0]), "TOO_FEW"),
    (Proportion(2, 2), Proportion(7, 7), "NO_VARIANCE"),
    (Mean.from_columns([0.1] * 3), Mean.from_columns([0.1] * 10), "NO_VARIANCE"),
    (
        Mean.from_columns(np.full((7, 3), 0.1)).sum(),
        Mean.from_columns(np.full((11, 9), 0.3)).sum(),
        "NO_VARIANCE",
    ),
]


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize("compare", BOTH)
@pytest.mark.parametrize(("treatment", "control", "reason"), EDGES)
def test_what_cannot_be_compared_has_a_reason(treatment, control, reason, compare, alternative):
    effect = compare(treatment, control, alternative=alternative)
    assert Reason(effect.reason[()]).name == reason
    assert (effect.low, effect.high, effect.p_value) == (-np.inf, np.inf, 1.0)
    assert effect.standard_error == 0.0
    assert reasons(treatment, control) == effect.reason


def test_a_control_at_0_has_a_difference_and_no_relative_one():
    arms = Proportion(100, 10), Proportion(100, 0)
    assert difference(*arms).reason == Reason.NONE
    effect = relative_difference(*arms)
    assert effect.reason == Reason.ZERO_BASELINE
    assert (effect.estimate, effect.low, effect.high, effect.p_value) == (0.0, -np.inf, np.inf, 1.0)


def test_a_control_within_its_noise_of_0_leaves_the_relative_effect_unbounded():
    effect = relative_difference(Proportion(1000, 40), Proportion(1000, 3))
    assert effect.reason == Reason.WEAK_BASELINE
    assert effect.estimate == pytest.approx(40 / 3 - 1)
    assert (effect.low, effect.high) == (-np.inf, np.inf)
    assert effect.p_value > 0.05
    bounded = relative_difference(Proportion(1000, 40), Proportion(1000, 3), confidence=0.9)
    assert bounded.reason == Reason.NONE
    assert bounded.low > 0.0


def test_one_constant_arm_is_compared_with_the_other_s_noise():
    effect = relative_difference(Mean.from_columns([4.0, 5.0, 6.0]), Mean.from_columns([2.0, 2.0]))
    assert effect.reason == Reason.NONE
    assert effect.estimate == 1.5
    low, high = stats.t.interval(0.95, 2, 5.0, np.sqrt(1 / 3))
    np.testing.assert_allclose([effect.low, effect.high], [low / 2 - 1, high / 2 - 1])


def test_a_control_below_0_turns_the_direction():
    loss, smaller_loss = Mean(1000, [-10.0], [[999.0]]), Mean(1000, [-9.0], [[999.0]])
    effect = relative_difference(smaller_loss, loss, alternative="less")
    assert effect.estimate == pytest.approx(-0.1)
    assert effect.p_value < 1e-6
    assert effect.low == -np.inf
    assert -0.1 < effect.high < 0.0


def test_every_reason_has_words():
    assert all(reason.text for reason in Reason if reason is not Reason.NONE)
    assert isinstance(difference(Proportion(2, 1), Proportion(2, 1)), Effect)


@pytest.mark.parametrize("compare", BOTH)
@pytest.mark.parametrize(
    "wrong",
    [
        {"confidence": 0.0},
        {"confidence": 95.0},
        {"confidence": np.nan},
        {"alternative": "up"},
        {"margin": np.nan},
    ],
)
def test_arguments_out_of_bounds_are_refused(compare, wrong):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        compare(Proportion(10, 1), Proportion(10, 2), **wrong)


def test_better_is_higher_or_lower():
    with pytest.raises(ParameterError, match="better"):
        non_inferiority(Proportion(10, 1), Proportion(10, 2), 0.1, better="up")
