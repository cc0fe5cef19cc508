import numpy as np
import pytest
import tea_tasting
from calibration import assert_rate
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import NormalIndPower, TTestIndPower
from statsmodels.stats.proportion import samplesize_proportions_2indep_onetail
from tea_tasting.aggr import Aggregates

from armlift.errors import ParameterError
from armlift.statistics.comparison import Baseline, Comparison
from armlift.statistics.effects import difference
from armlift.statistics.moments import Mean, Proportion, Ratio
from armlift.statistics.power import duration, minimum_detectable_effect, power, sample_size

alternatives = st.sampled_from(["two-sided", "greater", "less"])
comparisons = st.builds(
    Comparison,
    alpha=st.floats(0.001, 0.2),
    alternative=alternatives,
    weights=st.lists(st.floats(0.1, 5.0), min_size=2, max_size=6).map(tuple),
    variance_reduction=st.floats(0.0, 0.9),
)
baselines = st.one_of(
    st.floats(0.1, 0.9).map(Baseline.proportion),
    st.builds(Baseline.mean, st.floats(-5, 5), st.floats(0.1, 50)),
)


@pytest.mark.parametrize("alternative", ["two-sided", "larger", "smaller"])
@pytest.mark.parametrize("ratio", [1.0, 0.25, 3.0])
def test_means_agree_with_statsmodels(alternative, ratio):
    ours = {"larger": "greater", "smaller": "less"}.get(alternative, alternative)
    comparison = Comparison(alpha=0.03, alternative=ours, weights=(1.0, ratio))
    baseline, effect, n = Baseline.mean(5.0, 8.0), -0.4 if ours == "less" else 0.4, 3_000
    peer = NormalIndPower()
    exact = peer.power(effect / 8.0, n, 0.03, ratio, alternative)
    assert power(baseline, effect, n * (1.0 + ratio), comparison) == pytest.approx(exact, abs=1e-12)
    size = peer.solve_power(effect / 8.0, alpha=0.03, power=0.9, ratio=ratio, alternative=alternative)
    arms = sample_size(baseline, effect, comparison, power=0.9).arms
    assert arms[0] == np.ceil(size)
    assert arms[1] == np.ceil(size * ratio)


def test_proportions_agree_with_statsmodels_at_unpooled_variance():
    """Statsmodels takes the standard deviation; Cohen's h, its usual effect size, is another convention."""
    p, q = 0.1, 0.12
    sd = np.sqrt((p * (1 - p) + q * (1 - q)) / 2)
    exact = NormalIndPower().power((q - p) / sd, 3_000, 0.05)
    assert power(Baseline.proportion(p), q - p, 6_000) == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize(("effect", "ratio"), [(0.02, 1.0), (-0.03, 2.0), (0.05, 0.5)])
def test_the_pooled_convention_differs_by_the_variance_under_the_null(effect, ratio):
    """Statsmodels plans the pooled test: z of alpha with the pooled deviation, z of power with the unpooled.

    Its sample 1 is the treatment, and it leaves the far tail of the two-sided test out, as 1e-9 allows here.
    """
    p, moved = 0.1, 0.1 + effect
    z_alpha, z_power = stats.norm.ppf(0.975), stats.norm.ppf(0.8)
    mean = (moved + ratio * p) / (1 + ratio)
    pooled = np.sqrt(mean * (1 - mean) * (1 + 1 / ratio))
    unpooled = np.sqrt(moved * (1 - moved) + p * (1 - p) / ratio)
    peer = samplesize_proportions_2indep_onetail(effect, p, 0.8, ratio=ratio, alpha=0.05)
    assert peer == pytest.approx(((z_alpha * pooled + z_power * unpooled) / effect) ** 2, rel=1e-9)
    ours = sample_size(Baseline.proportion(p), effect, Comparison(weights=(ratio, 1.0))).arms[1]
    assert ours == np.ceil(
        peer * ((z_alpha + z_power) * unpooled / (z_alpha * pooled + z_power * unpooled)) ** 2
    )


def test_means_need_about_one_unit_more_under_student():
    comparison = Comparison()
    for effect in (0.2, 0.5, 1.0):
        normal = sample_size(Baseline.mean(0.0, 1.0), effect, comparison).arms[0]
        student = TTestIndPower().solve_power(effect, alpha=0.05, power=0.8)
        assert 0.0 < student - normal + 1.0 < 2.1


def test_tea_tasting_agrees():
    data = Aggregates(count_=10_000, mean_={"x": 12.0}, var_={"x": 900.0}, cov_={})
    metric = tea_tasting.Mean(
        "x", use_t=False, equal_var=False, alpha=0.02, ratio=2, alternative="greater", rel_effect_size=0.1
    )
    comparison = Comparison(alpha=0.02, alternative="greater", weights=(1.0, 2.0))
    baseline = Baseline.mean(12.0, 30.0)
    peer = metric.solve_power(data, "power")[0]
    assert power(baseline, 0.1, 10_000, comparison, relative=True) == pytest.approx(peer.power, abs=1e-9)
    peer = metric.solve_power(data, "effect_size")[0]
    effect = minimum_detectable_effect(baseline, 10_000, comparison)
    assert effect == pytest.approx(peer.effect_size, rel=1e-6)
    peer = metric.solve_power(data, "n_obs")[0]
    assert sample_size(baseline, 1.2, comparison).total == pytest.approx(peer.n_obs, abs=2)


@given(baselines, st.floats(0.005, 0.09), comparisons, st.floats(0.3, 0.99))
def test_the_sample_size_suffices_and_not_by_much(baseline, size, comparison, wanted):
    effect = -size if comparison.alternative == "less" else size
    needed = sample_size(baseline, effect, comparison, power=wanted)
    assert needed.arms.sum() == needed.total
    assert power(baseline, effect, needed.total, comparison) >= wanted
    fewer = needed.total - 2.0 * len(comparison.weights)
    assume(fewer > 0)
    assert power(baseline, effect, fewer, comparison) < wanted + 1e-9


@given(baselines, st.integers(5_000, 10**7), comparisons, st.floats(0.3, 0.99))
def test_the_detectable_effect_has_the_wanted_power(baseline, units, comparison, wanted):
    effect = minimum_detectable_effect(baseline, units, comparison, power=wanted)
    assume(np.isfinite(effect))
    assert power(baseline, effect, units, comparison) == pytest.approx(wanted, abs=1e-9)
    assert (effect < 0) == (comparison.alternative == "less")


@given(baselines, st.floats(0.005, 0.09), comparisons)
def test_power_rises_with_units_and_falls_with_stricter_tests(baseline, size, comparison):
    effect = -size if comparison.alternative == "less" else size
    units = 10.0 ** np.arange(2, 8)
    found = power(baseline, effect, units, comparison)
    assert (np.diff(found) >= 0.0).all()
    stricter = Comparison(
        comparison.alpha / 2,
        comparison.alternative,
        comparison.weights,
        variance_reduction=comparison.variance_reduction,
    )
    assert (power(baseline, effect, units, stricter) <= found).all()


@given(st.floats(-5, 5), st.floats(0.1, 50), st.floats(0.005, 2), comparisons, st.floats(0.01, 100))
def test_the_unit_of_a_mean_does_not_matter(value, sd, size, comparison, scale):
    effect = -size if comparison.alternative == "less" else size
    first = sample_size(Baseline.mean(value, sd), effect, comparison).total
    second = sample_size(Baseline.mean(value * scale, sd * scale), effect * scale, comparison).total
    assert abs(first - second) <= len(comparison.weights)


def test_without_effect_power_is_the_false_winner_rate():
    for alternative in ("two-sided", "greater", "less"):
        comparison = Comparison(0.05, alternative, weights=(1, 1, 1, 1))
        assert power(Baseline.proportion(0.1), 0.0, 500, comparison) == pytest.approx(0.05 / 3, abs=1e-12)


def test_arms_weights_and_comparisons():
    baseline = Baseline.mean(0.0, 1.0)
    one, three = sample_size(baseline, 0.1), sample_size(baseline, 0.1, Comparison(weights=(1, 1, 1, 1)))
    z = stats.norm.ppf([1 - 0.025, 1 - 0.025 / 3]) + stats.norm.ppf(0.8)
    assert three.arms[0] / one.arms[0] == pytest.approx((z[1] / z[0]) ** 2, abs=2e-3)
    assert three.arms.shape == (4,)
    same = sample_size(baseline, 0.1, Comparison(weights=(1, 1, 1, 1), comparisons=1))
    assert same.arms[0] == one.arms[0]
    uneven = sample_size(baseline, 0.1, Comparison(weights=(2, 1, 4), comparisons=1))
    assert uneven.arms[0] == pytest.approx(
        one.arms[0] * 1.5, abs=1
    )  # 1/2 + 1 against 1 + 1, in units of arm 1
    assert uneven.arms[2] == pytest.approx(2 * uneven.arms[0], abs=2)


def test_cuped_saves_its_share():
    whole = sample_size(Baseline.mean(3.0, 2.0), 0.01).total
    adjusted = sample_size(Baseline.mean(3.0, 2.0), 0.01, Comparison(variance_reduction=0.7**2)).total
    assert adjusted / whole == pytest.approx(0.51, abs=1e-4)


def test_a_margin_is_the_difference_of_the_null():
    """Non-inferiority: no true difference, against a loss of 0.01."""
    baseline = Baseline.proportion(0.1)
    comparison = Comparison(alternative="greater", margin=-0.01)
    needed = sample_size(baseline, 0.0, comparison, power=0.9)
    z = stats.norm.ppf(0.95) + stats.norm.ppf(0.9)
    assert needed.arms[0] == np.ceil(z**2 * 0.18 / 0.01**2)
    assert minimum_detectable_effect(baseline, needed.total, comparison, power=0.9) == pytest.approx(
        0, abs=1e-5
    )


def test_ratios_plan_with_the_variance_of_the_linearised_metric():
    rng = np.random.default_rng(2)
    views = rng.poisson(5.0, 5_000) + 1.0
    clicks = rng.binomial(views.astype(int), 0.2)
    old = Ratio.from_columns(clicks, views)
    by_hand = Baseline.mean(
        clicks.sum() / views.sum(), np.std(clicks - old.value * views, ddof=1) / views.mean()
    )
    assert sample_size(Baseline.of(old), 0.01).total == sample_size(by_hand, 0.01).total
    assert Baseline.of(Proportion(100, 20)).sd is None


def test_a_detectable_effect_may_not_exist():
    assert minimum_detectable_effect(Baseline.proportion(0.9), 20) == np.inf
    assert minimum_detectable_effect(Baseline.proportion(0.1), 20, Comparison(alternative="less")) == -np.inf


def test_everything_is_vectorised():
    baseline = Baseline.proportion([[0.05], [0.1]])
    effect = np.array([0.01, 0.02, 0.03])
    needed = sample_size(baseline, effect, Comparison(weights=(1, 1, 1)))
    assert needed.total.shape == (2, 3)
    assert needed.arms.shape == (2, 3, 3)
    assert (
        needed.total[1, 2] == sample_size(Baseline.proportion(0.1), 0.03, Comparison(weights=(1, 1, 1))).total
    )
    assert power(baseline, effect, 1_000).shape == (2, 3)
    assert minimum_detectable_effect(baseline, [1_000, 2_000]).shape == (2, 2)
    relative = minimum_detectable_effect(baseline, [1_000, 2_000], relative=True)
    assert relative == pytest.approx(minimum_detectable_effect(baseline, [1_000, 2_000]) / baseline.value)


def test_days_are_rounded_up_once():
    assert duration(1_000, 100) == 10
    assert duration(1_001, 100) == 11
    assert duration(1_000, 100, whole_weeks=True) == 14
    assert duration(700, 100, whole_weeks=True) == 7
    assert duration(3, 0.1, traffic_share=0.1) == 300  # 3 / 0.01 is a hair above 300 in floating point
    assert duration([10, 20], [[10], [20]]).tolist() == [[1, 2], [1, 1]]
    assert duration(0, 5) == 0


def achieved(arms, effect, seed, runs=20_000, p=0.1, alternative="two-sided"):
    """Whether `difference` finds the effect, by simulated experiment."""
    rng = np.random.default_rng(seed)
    control = Proportion(arms[0], rng.binomial(arms[0], p, runs))
    treatment = Proportion(arms[1], rng.binomial(arms[1], p + effect, runs))
    found = difference(treatment, control, alternative=alternative).p_value < 0.05
    return found & (treatment.value > control.value)


@pytest.mark.parametrize(("weights", "alternative"), [((1, 1), "two-sided"), ((3, 1), "greater")])
def test_the_analysis_achieves_the_planned_power(weights, alternative):
    """20,000 experiments on proportions, seed 12; half the units fail."""
    comparison = Comparison(alternative=alternative, weights=weights)
    arms = sample_size(Baseline.proportion(0.1), 0.01, comparison, power=0.8).arms
    assert_rate(achieved(arms, 0.01, 12, alternative=alternative), 0.8)
    with pytest.raises(AssertionError):
        assert_rate(achieved(arms // 2, 0.01, 12, alternative=alternative), 0.8)


def test_the_analysis_of_means_achieves_the_planned_power():
    """4,000 experiments on Normal means, seed 13."""
    arms = sample_size(Baseline.mean(2.0, 3.0), 0.6, power=0.9).arms
    rng = np.random.default_rng(13)
    control = Mean.from_columns(rng.normal(2.0, 3.0, (4_000, arms[0])))
    treatment = Mean.from_columns(rng.normal(2.6, 3.0, (4_000, arms[1])))
    assert_rate(difference(treatment, control).p_value < 0.05, 0.9)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("value", lambda: Baseline.proportion(1.0)),
        ("value", lambda: Baseline.mean(np.nan, 1.0)),
        ("sd", lambda: Baseline.mean(1.0, 0.0)),
        ("alpha", lambda: Comparison(alpha=0.0)),
        ("alternative", lambda: Comparison(alternative="bigger")),
        ("weights", lambda: Comparison(weights=(1.0,))),
        ("weights", lambda: Comparison(weights=(1.0, 0.0))),
        ("comparisons", lambda: Comparison(comparisons=0)),
        ("variance_reduction", lambda: Comparison(variance_reduction=1.0)),
        ("power", lambda: sample_size(Baseline.proportion(0.1), 0.01, power=0.05)),
        ("power", lambda: minimum_detectable_effect(Baseline.proportion(0.1), 100, power=1.0)),
        ("effect", lambda: sample_size(Baseline.proportion(0.1), 0.0)),
        ("effect", lambda: sample_size(Baseline.proportion(0.1), 0.01, Comparison(alternative="less"))),
        ("effect", lambda: power(Baseline.proportion(0.1), np.nan, 100)),
        ("value \\+ effect", lambda: power(Baseline.proportion(0.5), 0.6, 100)),
        ("units", lambda: power(Baseline.proportion(0.5), 0.1, 0)),
        ("units", lambda: minimum_detectable_effect(Baseline.proportion(0.5), -1)),
        ("daily_units", lambda: duration(10, 0)),
        ("traffic_share", lambda: duration(10, 5, traffic_share=0.0)),
    ],
)
def test_bad_plans_are_refused(name, call):
    with pytest.raises(ParameterError, match=f"^{name} = "):
        call()
