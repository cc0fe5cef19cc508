import numpy as np
import pytest
from calibration import assert_rate, assert_rate_at_most
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.meta_analysis import combine_effects

from armlift.errors import ParameterError
from armlift.statistics.effect import Reason
from armlift.statistics.effects import difference, relative_difference
from armlift.statistics.moments import Proportion
from armlift.statistics.multiplicity import adjust
from armlift.statistics.segments import heterogeneity, segment_effects


@st.composite
def segments(draw):
    n = draw(st.lists(st.integers(50, 5000), min_size=2, max_size=6))
    return Proportion(n, [draw(st.integers(5, size - 5)) for size in n])


pairs = (
    segments()
    .flatmap(
        lambda one: st.tuples(
            st.just(one),
            st.just(one.n).flatmap(lambda n: st.tuples(*(st.integers(5, int(m) - 5) for m in n))),
        )
    )
    .map(lambda pair: (pair[0], Proportion(pair[0].n, np.array(pair[1]))))
)


@given(pairs)
def test_heterogeneity_agrees_with_statsmodels(arms):
    effect = difference(*arms)
    ours = heterogeneity(effect)
    # Their random-effects part divides by 0 where effects are equal; only the fixed part is compared.
    with np.errstate(all="ignore"):
        theirs = combine_effects(effect.estimate, effect.standard_error**2, method_re="chi2")
    assert ours.statistic == pytest.approx(theirs.q, rel=1e-9, abs=1e-9)
    assert ours.p_value == pytest.approx(theirs.test_homogeneity().pvalue, rel=1e-6, abs=1e-12)
    # statsmodels lets I squared go below 0 where Q is smaller than its expectation.
    assert ours.i_squared == pytest.approx(max(theirs.i2, 0.0), abs=1e-9)
    assert ours.pooled == pytest.approx(theirs.mean_effect_fe, rel=1e-9, abs=1e-12)


@given(pairs, st.randoms())
def test_the_order_of_segments_does_not_matter(arms, random):
    order = list(range(arms[0].n.size))
    random.shuffle(order)
    plain, shuffled = segment_effects(*arms), segment_effects(arms[0][order], arms[1][order])
    np.testing.assert_allclose(shuffled.adjusted_p_value, plain.adjusted_p_value[order])
    assert shuffled.heterogeneity.statistic == pytest.approx(plain.heterogeneity.statistic, abs=1e-9)


@given(pairs)
def test_segments_that_agree_do_not_differ(arms):
    one, other = arms[0][:1], arms[1][:1]
    copies = [Proportion(np.repeat(arm.n, 4), np.repeat(arm.successes, 4)) for arm in (one, other)]
    test = segment_effects(*copies).heterogeneity
    assert test.statistic == pytest.approx(0.0, abs=1e-9)
    assert (test.i_squared, test.degrees_of_freedom) == (pytest.approx(0.0, abs=1e-9), 3)
    assert test.p_value == pytest.approx(1.0)


@pytest.mark.parametrize("correction", ["bonferroni", "holm", "hochberg", "benjamini_hochberg"])
@pytest.mark.parametrize(("relative", "compare"), [(False, difference), (True, relative_difference)])
def test_each_segment_is_compared_and_corrected(correction, relative, compare):
    rng = np.random.default_rng(0)
    n = rng.integers(100, 900, (3, 5, 2))
    arms = Proportion(n, rng.binomial(n, 0.3))
    result = segment_effects(arms[..., 0], arms[..., 1], relative=relative, correction=correction)
    plain = compare(arms[..., 0], arms[..., 1], confidence=0.99)
    np.testing.assert_array_equal(result.effect.low, plain.low)
    np.testing.assert_array_equal(result.adjusted_p_value, adjust(plain.p_value, correction))
    assert result.effect.confidence == pytest.approx(1.0 - 0.05 / 5)
    assert result.heterogeneity.p_value.shape == (3,)
    assert result.correction == correction


def test_segments_that_cannot_be_compared_are_left_out_with_a_reason():
    treatment = Proportion([1000, 0, 500, 1], [100, 0, 60, 1])
    control = Proportion([1000, 50, 500, 80], [90, 5, 40, 8])
    result = segment_effects(treatment, control)
    assert result.effect.reason.tolist() == [Reason.NONE, Reason.EMPTY_ARM, Reason.NONE, Reason.TOO_FEW]
    assert result.adjusted_p_value[[1, 3]].tolist() == [1.0, 1.0]
    complete = segment_effects(treatment[[0, 2]], control[[0, 2]])
    assert result.heterogeneity.statistic == pytest.approx(complete.heterogeneity.statistic)
    assert result.heterogeneity.degrees_of_freedom == 1


def test_one_segment_is_the_plain_comparison_and_cannot_differ():
    arms = Proportion([1000], [130]), Proportion([1000], [100])
    result = segment_effects(*arms)
    assert result.effect.p_value == result.adjusted_p_value == difference(*arms).p_value
    assert (result.heterogeneity.statistic, result.heterogeneity.p_value) == (0.0, 1.0)


def test_no_data_at_all():
    none = Proportion([0, 0], [0, 0])
    test = segment_effects(none, none).heterogeneity
    assert (test.statistic, test.p_value, test.i_squared, test.pooled) == (0, 1, 0, 0)


def simulated(lifts, simulations=10_000, n=2000):
    rng = np.random.default_rng(1)
    base = np.array([0.05, 0.1, 0.2, 0.3, 0.4])
    shape = (simulations, 5)
    return [Proportion(np.full(shape, n), rng.binomial(n, share, shape)) for share in (base + lifts, base)]


def test_segments_with_one_effect_differ_as_often_as_alpha():
    """Five segments with the effect 0.02, n = 2,000 an arm, 10,000 experiments, seed 1."""
    test = segment_effects(*simulated(0.02)).heterogeneity
    for alpha in (0.01, 0.05, 0.2):
        assert_rate(test.p_value < alpha, alpha)
    assert test.pooled.mean() == pytest.approx(0.02, abs=5e-4)


def test_weights_that_ignore_the_noise_fail_the_same_check():
    effect = difference(*simulated(0.02))
    level = np.full_like(effect.standard_error, effect.standard_error.mean())
    broken = type(effect)(effect.estimate, level, effect.low, effect.high, effect.p_value, effect.reason)
    with pytest.raises(AssertionError):
        assert_rate(heterogeneity(broken).p_value < 0.05, 0.05)


def test_effects_that_differ_are_found():
    test = segment_effects(*simulated(np.array([0.03, 0.03, 0.03, 0.03, -0.03]))).heterogeneity
    assert (test.p_value < 0.05).mean() > 0.8
    assert 0.5 < test.i_squared.mean() < 0.95


def test_all_intervals_hold_at_once():
    """The intervals miss anywhere as often as one interval may; uncorrected ones do so far more often."""
    effect = segment_effects(*simulated(0.02)).effect
    assert_rate_at_most(((effect.low > 0.02) | (effect.high < 0.02)).any(axis=-1), 0.05)
    plain = difference(*simulated(0.02))
    with pytest.raises(AssertionError):
        assert_rate_at_most(((plain.low > 0.02) | (plain.high < 0.02)).any(axis=-1), 0.05)


def test_arguments_out_of_bounds_are_refused():
    arm = Proportion([10, 10], [5, 5])
    with pytest.raises(ParameterError, match="confidence"):
        segment_effects(arm, arm, confidence=1.0)
    with pytest.raises(ParameterError, match="correction"):
        segment_effects(arm, arm, correction="tukey")
    with pytest.raises(ParameterError, match="treatment, control"):
        segment_effects(Proportion(10, 5), Proportion(10, 5))
