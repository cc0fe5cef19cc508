import numpy as np
import pytest
from calibration import assert_coverage
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from armlift.errors import ParameterError
from armlift.statistics.effect import Reason
from armlift.statistics.effects import difference, relative_difference
from armlift.statistics.moments import Estimate, Mean, Proportion
from armlift.statistics.stratification import post_stratify

sizes = arrays(int, 3, elements=st.integers(2, 1000))


@st.composite
def strata(draw):
    n = draw(sizes)
    return Proportion(n, [draw(st.integers(0, size)) for size in n])


def test_by_hand():
    control = Mean([2, 4], [[1.0], [5.0]], [[[2.0]], [[12.0]]])
    treatment = Mean([3, 3], [[2.0], [6.0]], [[[4.0]], [[6.0]]])
    result = post_stratify(treatment, control, weights=[0.25, 0.75])
    values = [float(arm.value) for arm in result.arms]
    assert values == pytest.approx([0.25 * 2 + 0.75 * 6, 0.25 * 1 + 0.75 * 5])
    squared_errors = [float(arm.variance / arm.n) for arm in result.arms]
    expected = [0.25**2 * 2 / 3 + 0.75**2 * 3 / 3, 0.25**2 * 2 / 2 + 0.75**2 * 4 / 4]
    assert squared_errors == pytest.approx(expected)
    assert [float(arm.n) for arm in result.arms] == [6, 6]
    by_share = post_stratify(treatment, control)
    np.testing.assert_allclose(by_share.weights, [5 / 12, 7 / 12])
    assert by_share.covered == 1.0


def test_proportions_in_strata_use_the_unbiased_variance():
    n, successes = np.array([3, 5]), np.array([1, 4])
    rows = [np.repeat([1.0, 0.0], [s, m - s]) for m, s in zip(n, successes, strict=True)]
    as_mean = Mean(n, successes[:, None] / n[:, None], [[[x.var() * x.size]] for x in rows])
    one = post_stratify(Proportion(n, successes), Proportion(n, successes)).arms[0]
    other = post_stratify(as_mean, as_mean).arms[0]
    assert one.variance == pytest.approx(other.variance)


@given(strata(), strata(), st.permutations(range(3)))
def test_the_order_of_strata_does_not_matter(one, other, order):
    plain, shuffled = post_stratify(one, other), post_stratify(one[order], other[order])
    for before, after in zip(plain.arms, shuffled.arms, strict=True):
        np.testing.assert_allclose([after.value, after.variance], [before.value, before.variance], atol=1e-12)


@given(strata())
def test_arms_of_one_mixture_keep_their_means(arm):
    again = Proportion(arm.n, arm.n - arm.successes)
    result = post_stratify(arm, again)
    assert result.arms[0].value == pytest.approx(arm.sum().value)
    assert result.arms[0].value + result.arms[1].value == pytest.approx(1.0)


@given(strata(), strata(), st.integers(0, 2))
def test_a_stratum_that_one_arm_lacks_is_left_out(one, other, missing):
    keep = [k for k in range(3) if k != missing]
    n, successes = one.n.copy(), one.successes.copy()
    n[missing] = successes[missing] = 1.0
    result = post_stratify(Proportion(n, successes), other)
    expected = post_stratify(one[keep], other[keep])
    for arm, same in zip(result.arms, expected.arms, strict=True):
        np.testing.assert_allclose([arm.n, arm.value, arm.variance], [same.n, same.value, same.variance])
    assert result.covered == pytest.approx(1.0 - (1 + other.n[missing]) / (n.sum() + other.n.sum()))
    assert result.weights[missing] == 0.0


def test_nothing_in_common_is_no_data():
    result = post_stratify(Proportion([9, 0], [3, 0]), Proportion([0, 9], [0, 3]))
    assert result.covered == 0.0
    assert difference(*result.arms).reason == Reason.NO_DATA
    assert post_stratify(Proportion([0], [0]), Proportion([0], [0])).covered == 0.0


def test_leading_axes_are_experiments_of_their_own():
    rng = np.random.default_rng(0)
    n = rng.integers(0, 5, (6, 2, 4))
    arms = Proportion(n, rng.binomial(n, 0.5))
    whole = post_stratify(arms[:, 0], arms[:, 1])
    for k in range(6):
        one = post_stratify(arms[k, 0], arms[k, 1])
        assert one.covered == whole.covered[k]
        for part, arm in zip(one.arms, whole.arms, strict=True):
            assert (part.n, part.value, part.variance) == (arm.n[k], arm.value[k], arm.variance[k])


MEANS, SHARES = np.array([2.0, 5.0, 11.0]), np.array([0.5, 0.3, 0.2])


def simulated(effects, simulations=4000, n=120):
    """Strata drawn anew for each experiment; standard deviation 1 inside, 3.5 between them."""
    rng = np.random.default_rng(1)
    arms = []
    for means in (MEANS + effects, MEANS):
        stratum = rng.choice(3, (simulations, n), p=SHARES)
        outcome = rng.normal(means[stratum], 1.0)
        member = stratum[:, None, :] == np.arange(3)[:, None]
        count = member.sum(-1)
        mean = (outcome[:, None] * member).sum(-1) / count
        scatter = ((outcome[:, None] - mean[..., None]) ** 2 * member).sum(-1)
        arms.append(Mean(count, mean[..., None], scatter[..., None, None]))
    return arms


def test_intervals_cover_the_truth_as_often_as_they_say():
    """4,000 experiments with n = 120 an arm, seed 1; the pooled comparison is four times as wide."""
    arms = simulated(np.full(3, 0.2))
    effect = difference(*post_stratify(*arms).arms)
    assert_coverage(effect, 0.2)
    assert (difference(*(arm.sum() for arm in arms)).standard_error / effect.standard_error).min() > 2.5
    population = MEANS @ SHARES
    assert_coverage(relative_difference(*post_stratify(*arms, weights=SHARES).arms), 0.2 / population)


def test_effects_that_differ_are_averaged_with_the_weights():
    effects = np.array([0.0, 1.0, -1.0])
    arms = simulated(effects)
    assert_coverage(difference(*post_stratify(*arms, weights=SHARES).arms), effects @ SHARES)
    by_share = post_stratify(*arms)
    assert_coverage(difference(*by_share.arms), by_share.weights @ effects)
    elsewhere = np.array([0.1, 0.1, 0.8])
    assert_coverage(difference(*post_stratify(*arms, weights=elsewhere).arms), effects @ elsewhere)


def test_each_arm_averaged_with_its_own_shares_fails_the_same_check():
    arms = simulated(np.full(3, 0.2))
    right = post_stratify(*arms).arms
    broken = [
        Estimate(arm.sum().n, arm.sum().value, good.variance) for arm, good in zip(arms, right, strict=True)
    ]
    with pytest.raises(AssertionError):
        assert_coverage(difference(*broken), 0.2)


@pytest.mark.parametrize("weights", [[0.5, 0.4], [1.5, -0.5], [1.0], [np.nan, 1.0]])
def test_weights_are_shares_of_the_strata(weights):
    arm = Proportion([10, 10], [5, 5])
    with pytest.raises(ParameterError, match="weights"):
        post_stratify(arm, arm, weights=weights)


def test_arms_are_two_or_more_with_strata():
    with pytest.raises(ParameterError, match="arms"):
        post_stratify(Proportion([10, 10], [5, 5]))
    with pytest.raises(ParameterError, match="arms"):
        post_stratify(Proportion(10, 5), Proportion(10, 5))
