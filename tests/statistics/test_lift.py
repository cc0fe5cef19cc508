import numpy as np
import pytest
from calibration import assert_rate
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from armlift.statistics import paired_lift


def test_by_hand():
    treatment, control = np.array([12.0, 9.0, 15.0, 12.0]), np.array([10.0, 8.0, 12.0, 10.0])
    lift = paired_lift(treatment, control)
    # Residuals treatment - 1.2 control: 0, -0.6, 0.6, 0; their standard deviation is sqrt(0.24).
    margin = stats.t.ppf(0.975, 3) * np.sqrt(0.24) / 2 / 10
    assert lift == pytest.approx((0.2, 0.2 - margin, 0.2 + margin))


def test_confidence_widens_the_interval():
    treatment, control = np.array([12.0, 9.0, 15.0]), np.array([10.0, 8.0, 12.0])
    narrow, wide = paired_lift(treatment, control, 0.5), paired_lift(treatment, control, 0.99)
    assert wide.low < narrow.low < narrow.estimate < narrow.high < wide.high


def test_against_a_bootstrap():
    rng = np.random.default_rng(0)
    control = rng.gamma(20.0, 5.0, 300)
    treatment = 1.1 * control + rng.normal(0.0, 8.0, 300)
    drawn = rng.integers(300, size=(4000, 300))
    ratios = treatment[drawn].mean(axis=1) / control[drawn].mean(axis=1) - 1
    lift = paired_lift(treatment, control)
    np.testing.assert_allclose([lift.low, lift.high], np.percentile(ratios, [2.5, 97.5]), atol=0.002)
    assert lift.high - lift.low > 0.01


def test_pairing_narrows_the_interval():
    rng = np.random.default_rng(1)
    control = rng.normal(100.0, 10.0, 200)
    treatment = control + rng.normal(2.0, 1.0, 200)
    paired, shuffled = paired_lift(treatment, control), paired_lift(rng.permutation(treatment), control)
    assert shuffled.estimate == pytest.approx(paired.estimate)
    assert (shuffled.high - shuffled.low) > 5 * (paired.high - paired.low)


def test_equal_totals_have_no_lift_and_no_doubt():
    totals = np.array([3.0, 7.0, 7.1])
    assert paired_lift(totals, totals) == (0.0, 0.0, 0.0)


def test_one_replicate_has_an_estimate_and_no_interval():
    lift = paired_lift(np.array([6.0]), np.array([5.0]))
    assert lift.estimate == pytest.approx(0.2)
    assert np.isnan([lift.low, lift.high]).all()


@pytest.mark.parametrize("replicates", [1, 3])
def test_nothing_over_nothing_is_unknown(replicates):
    assert np.isnan(paired_lift(np.ones(replicates), np.zeros(replicates))).all()


def test_nothing_gained_is_a_loss_of_everything():
    assert paired_lift(np.zeros(3), np.array([1.0, 2.0, 3.0])) == (-1.0, -1.0, -1.0)


totals = st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)), min_size=2, max_size=30)


@given(totals, st.floats(1e-3, 1e3), st.randoms())
def test_units_and_the_order_of_replicates_do_not_matter(pairs, unit, random):
    mixed = random.sample(pairs, len(pairs))
    one, other = (paired_lift(*np.array(rows, float).T) for rows in (pairs, mixed))
    assert one == pytest.approx(other, rel=1e-9, abs=1e-9)
    assert paired_lift(*(unit * np.array(pairs, float).T)) == pytest.approx(one, rel=1e-9, abs=1e-9)
    assert one.low <= one.estimate <= one.high


def test_forgetting_the_pairs_fails_the_check_of_coverage():
    """2,000 experiments of 50 replicates, seed 3: unpaired, the interval is too wide and covers too often."""
    rng = np.random.default_rng(3)
    shared = rng.normal(100.0, 3.0, (2000, 50))
    treatment, control = (shared + rng.normal(0.0, 1.0, shared.shape) for _ in range(2))
    paired = [paired_lift(*rows) for rows in zip(treatment, control, strict=True)]
    assert_rate([lift.low <= 0.0 <= lift.high for lift in paired], 0.95)
    unpaired = [paired_lift(*rows) for rows in zip(treatment, np.roll(control, 1, axis=1), strict=True)]
    with pytest.raises(AssertionError, match="rate"):
        assert_rate([lift.low <= 0.0 <= lift.high for lift in unpaired], 0.95)


@pytest.mark.slow
@pytest.mark.parametrize(("replicates", "lift"), [(10, 0.0), (10, 0.3), (200, 0.05)])
def test_the_interval_covers_the_truth_as_often_as_it_says(replicates, lift):
    rng = np.random.default_rng(2)
    trials = 2000
    shared = rng.normal(0.0, 3.0, (trials, replicates))
    control = 100.0 + shared + rng.normal(0.0, 3.0, (trials, replicates))
    treatment = (1 + lift) * (100.0 + shared) + rng.normal(0.0, 3.0, (trials, replicates))
    covered = 0
    for one, other in zip(treatment, control, strict=True):
        interval = paired_lift(one, other)
        covered += interval.low <= lift <= interval.high
    assert covered / trials == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / trials))
