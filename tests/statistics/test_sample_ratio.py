import numpy as np
import pytest
import tea_tasting as tt
from calibration import assert_rate, assert_rate_at_most
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from armlift.errors import ParameterError
from armlift.statistics.effect import Reason
from armlift.statistics.sample_ratio import (
    false_alarm_rate,
    propensity_ratio_test,
    sample_ratio_test,
    sequential_sample_ratio_test,
)

COUNTS = st.lists(st.integers(0, 5000), min_size=2, max_size=6)


@pytest.mark.parametrize(
    ("counts", "weights"),
    [([5000, 5100], [1, 1]), ([900, 60, 50], [0.9, 0.05, 0.05]), ([10, 12, 14, 9], [1, 1, 1, 1])],
)
def test_against_scipy(counts, weights):
    shares = np.array(weights) / np.sum(weights)
    golden = stats.chisquare(counts, shares * np.sum(counts))
    test = sample_ratio_test(counts, weights)
    assert test.statistic == pytest.approx(golden.statistic, rel=1e-12)
    assert test.p_value == pytest.approx(golden.pvalue, rel=1e-10)
    np.testing.assert_allclose(test.expected, shares * np.sum(counts))


def test_against_tea_tasting():
    # Without continuity correction its Normal approximation is Pearson's test of two arms.
    data = {"variant": np.repeat([0, 1], [5030, 5270])}
    metric = tt.SampleRatio(method="norm", correction=False)
    golden = tt.Experiment(srm=metric).analyze(_arrow(data))["srm"].pvalue
    assert sample_ratio_test([5030, 5270], [1, 1]).p_value == pytest.approx(golden, rel=1e-9)


def _arrow(data):
    import pyarrow

    return pyarrow.table(data)


@pytest.mark.parametrize("counts", [(0, 8), (3, 5), (4, 4), (9, 0), (0, 1)])
def test_few_units_have_an_exact_p_value(counts):
    # With even shares the doubled tail is scipy's two-sided binomial test.
    golden = stats.binomtest(counts[0], sum(counts), 0.5).pvalue
    assert sample_ratio_test(counts, [1, 1]).p_value == pytest.approx(golden, rel=1e-12)


def test_a_gross_mismatch_in_a_small_arm_is_found():
    assert sample_ratio_test([30, 12, 958], [0.002, 0.002, 0.996]).alarm
    assert propensity_ratio_test([30, 12, 958], [[0.002, 0.002, 0.996]], [1000]).alarm


@given(counts=COUNTS, shift=st.integers(0, 5), scale=st.floats(0.01, 100))
def test_invariant_to_the_order_of_arms_and_the_unit_of_weights(counts, shift, scale):
    weights = np.arange(1.0, len(counts) + 1.0)
    for test in (sample_ratio_test, sequential_sample_ratio_test):
        plain = test(counts, weights)
        other = test(np.roll(counts, shift), scale * np.roll(weights, shift))
        assert other.p_value == pytest.approx(plain.p_value, rel=1e-6, abs=1e-12)


@given(counts=COUNTS)
def test_constant_propensities_give_pearsons_statistic(counts):
    k, n = len(counts), sum(counts)
    pearson = sample_ratio_test(counts, np.ones(k))
    wald = propensity_ratio_test(counts, np.full((1, k), 1.0 / k), [n])
    if n / k >= 40.0:
        assert wald.statistic == pytest.approx(pearson.statistic, rel=1e-6, abs=1e-9)
    else:
        assert wald.statistic <= pearson.statistic + 1e-9


@given(more=st.integers(1, 1000))
def test_a_larger_surplus_is_less_plausible(more):
    for test in (sample_ratio_test, sequential_sample_ratio_test):
        p = test([[1000, 1000 + more], [1000, 1001 + more]], [1, 1]).p_value
        assert p[1] <= p[0]


def test_parts_merge_into_the_whole():
    rng = np.random.default_rng(0)
    p, units = rng.dirichlet(np.ones(3), 8), rng.integers(10, 100, 8)
    counts = np.array([rng.multinomial(n, row) for n, row in zip(units, p, strict=True)])
    whole = propensity_ratio_test(counts.sum(0), p, units)
    one_by_one = propensity_ratio_test(counts.sum(0), np.repeat(p, units, axis=0))
    assert whole.statistic == pytest.approx(one_by_one.statistic, rel=1e-9)


def test_experiments_looks_and_arms_at_once():
    rng = np.random.default_rng(1)
    counts = rng.multinomial(100, [0.5, 0.3, 0.2], (4000, 30)).cumsum(axis=1)
    fixed = sample_ratio_test(counts, [5, 3, 2])
    watched = sequential_sample_ratio_test(counts, [5, 3, 2])
    for test, one in ((fixed, sample_ratio_test), (watched, sequential_sample_ratio_test)):
        assert test.p_value.shape == test.alarm.shape == test.reason.shape == (4000, 30)
        assert test.p_value[7, 11] == pytest.approx(one(counts[7, 11], [5, 3, 2]).p_value, rel=1e-12)


@pytest.mark.parametrize("test", [sample_ratio_test, sequential_sample_ratio_test])
def test_no_units_say_nothing(test):
    answer = test([[0, 0], [10, 10]], [1, 1])
    assert answer.reason.tolist() == [Reason.NO_DATA, Reason.NONE]
    assert answer.p_value[0] == 1.0
    assert not answer.alarm.any()


def test_the_rate_of_false_alarms_at_one_look():
    counts = np.random.default_rng(2).multinomial(20_000, [0.6, 0.3, 0.1], 20_000)  # 20,000 experiments
    assert_rate(sample_ratio_test(counts, [6, 3, 1], threshold=0.01).alarm, 0.01)
    with pytest.raises(AssertionError):  # weights that are not the plan
        assert_rate(sample_ratio_test(counts, [6, 3, 1.05], threshold=0.01).alarm, 0.01)


@pytest.mark.parametrize("n_arms", [2, 4])
def test_the_rate_of_false_alarms_when_peeking(n_arms):
    looks = np.random.default_rng(3).multinomial(2000, np.full(n_arms, 1 / n_arms), (10_000, 30))
    alarms = sample_ratio_test(looks.cumsum(axis=1), np.ones(n_arms), threshold=0.01).alarm.any(axis=1)
    assert_rate(alarms, false_alarm_rate(0.01, looks=30, n_arms=n_arms))
    with pytest.raises(AssertionError):
        assert_rate(alarms, 0.01)


def test_the_rate_of_false_alarms_against_published_values():
    # Armitage, McPherson and Rowe (1969), table 2: repeated tests at 5 % of Normal data.
    for looks, percent in ((1, 5.0), (2, 8.3), (5, 14.2), (10, 19.3), (20, 24.8)):
        assert 100 * false_alarm_rate(0.05, looks=looks) == pytest.approx(percent, abs=0.06)


def test_the_sequential_version_holds_at_every_look():
    rng = np.random.default_rng(4)
    looks = rng.multinomial(500, [0.5, 0.5], (4_000, 100)).cumsum(axis=1)  # 100 looks, 4,000 experiments
    ever = sequential_sample_ratio_test(looks, [1, 1], threshold=0.01).alarm.any(axis=1)
    assert_rate_at_most(ever, 0.01)
    with pytest.raises(AssertionError):
        assert_rate_at_most(sample_ratio_test(looks, [1, 1], threshold=0.01).alarm.any(axis=1), 0.01)


def test_the_bayes_factor_by_hand():
    # Dirichlet(1, 1) mixture: 1 / ((n + 1) C(n, s)) over 0.5^n.
    n, s = 10, 9
    factor = 1.0 / ((n + 1) * 10) * 2.0**n
    test = sequential_sample_ratio_test([s, n - s], [1, 1], concentration=2.0)
    assert test.statistic == pytest.approx(np.log(factor))
    assert test.p_value == pytest.approx(1.0 / factor)


def test_the_bayes_factor_is_a_martingale():
    # All sequences of 12 units, exactly: its mean under the plan is 1.
    s = np.arange(13)
    factors = np.exp(
        sequential_sample_ratio_test(np.stack([s, 12 - s], 1), [3, 1], concentration=5).statistic
    )
    assert stats.binom.pmf(s, 12, 0.75) @ factors == pytest.approx(1.0, rel=1e-12)


def test_the_sequential_version_finds_a_lost_percent():
    rng = np.random.default_rng(5)
    looks = rng.multinomial(5000, [0.505, 0.495], (200, 100)).cumsum(axis=1)
    assert sequential_sample_ratio_test(looks, [1, 1]).alarm.any(axis=1).mean() > 0.99


def bandit(rng, experiments, batches, size):
    """A Thompson-like bandit of three Bernoulli arms: counts and the propensities it logged."""
    means = np.array([0.1, 0.12, 0.2])
    wins, pulls = np.zeros((experiments, 3)), np.zeros((experiments, 3))
    logged = np.empty((experiments, batches, 3))
    for batch in range(batches):
        draws = rng.beta(1 + wins[..., None], 1 + (pulls - wins)[..., None], (experiments, 3, 20))
        shares = np.eye(3)[draws.argmax(axis=1)].mean(axis=1)
        logged[:, batch] = p = 0.03 + 0.91 * shares
        new = rng.multinomial(size, p / p.sum(axis=1, keepdims=True))
        pulls += new
        wins += rng.binomial(new, means)
    return pulls, logged


def test_a_changing_allocation_is_judged_by_its_propensities():
    counts, p = bandit(np.random.default_rng(6), 2000, 40, 50)  # 2,000 bandits of 2,000 decisions
    units = np.full(40, 50)
    test = propensity_ratio_test(counts, p, units)
    assert_rate(test.p_value < 0.05, 0.05)
    assert stats.kstest(test.p_value, "uniform").pvalue > 0.001
    naive = sample_ratio_test(counts, [1, 1, 1])
    with pytest.raises(AssertionError):  # a fixed split is not what the bandit promised
        assert_rate(naive.p_value < 0.05, 0.05)
    stale = np.concatenate([p[:, :1], p[:, :-1]], axis=1)
    with pytest.raises(AssertionError):  # propensities logged one batch late
        assert_rate(propensity_ratio_test(counts, stale, units).p_value < 0.05, 0.05)


def test_small_variances_do_not_cry_wolf():
    rng = np.random.default_rng(7)
    for expected in (0.05, 0.5, 2.0, 6.0):
        p = np.array([expected / 1000, 1 - expected / 1000])
        counts = rng.multinomial(1000, p, 40_000)
        alarms = propensity_ratio_test(counts, p[None], [1000]).alarm
        assert_rate_at_most(alarms, 0.001)
        assert_rate_at_most(sample_ratio_test(counts, p).alarm, 0.002)


def test_degenerate_propensities():
    certain = [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]]
    fine = propensity_ratio_test([1240, 260, 0], certain, [1000, 500])
    assert fine.statistic == pytest.approx((260 - 250) ** 2 / 125)  # one degree of freedom is left
    assert fine.p_value == pytest.approx(stats.chi2.sf(0.8, 1))
    broken = propensity_ratio_test([1239, 260, 1], certain, [1000, 500])
    assert broken.p_value == 0.0
    assert broken.alarm
    never_random = propensity_ratio_test([1000, 0], [[1.0, 0.0]], [1000])
    assert never_random.p_value == 1.0
    nothing = propensity_ratio_test([0, 0], [[0.5, 0.5]], [0])
    assert (nothing.reason, nothing.p_value) == (Reason.NO_DATA, 1.0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: sample_ratio_test([1, -1], [1, 1]),
        lambda: sample_ratio_test([5], [1]),
        lambda: sample_ratio_test([5, 5], [1, 0]),
        lambda: sample_ratio_test([5, np.nan], [1, 1]),
        lambda: sample_ratio_test([5, 5], [1, 1], threshold=0),
        lambda: sequential_sample_ratio_test([5, 5], [1, 1], concentration=0),
        lambda: propensity_ratio_test([5, 5], [[0.5, 0.6]], [10]),
        lambda: propensity_ratio_test([5, 5], [[0.5, 0.5]], [11]),
        lambda: false_alarm_rate(0.01, looks=0),
        lambda: false_alarm_rate(0.01, looks=5, n_arms=1),
    ],
)
def test_arguments_outside_their_bounds(call):
    with pytest.raises(ParameterError):
        call()
