import numpy as np
import pytest
from calibration import assert_coverage, assert_rate
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal, stats
from statsmodels.api import OLS, add_constant
from statsmodels.regression.linear_model import GLS

from armlift.errors import ParameterError
from armlift.statistics.effect import Effect, Reason
from armlift.statistics.trend import trend


def noise(rng, n, length, *coefficients):
    """Stationary autoregressive series."""
    return signal.lfilter([1.0], [1.0, *(-c for c in coefficients)], rng.standard_normal((n, length + 300)))[
        :, 300:
    ]


def lines(found):
    """Many trends as one effect."""
    low, high = (np.array([getattr(each, name) for each in found]) for name in ("low", "high"))
    slope, p = (np.array([getattr(each, name) for each in found]) for name in ("slope", "p_value"))
    return Effect(slope, (high - low) / 4, low, high, p, np.zeros(len(found), np.int8))


def test_against_generalised_least_squares():
    rng = np.random.default_rng(0)
    series = 5.0 + 0.03 * np.arange(80) + noise(rng, 1, 80, 0.5)[0]
    found = trend(series)
    correlation = found.autocorrelation ** np.abs(np.subtract.outer(np.arange(80), np.arange(80)))
    golden = GLS(series, add_constant(np.arange(80.0)), sigma=correlation).fit()
    assert found.slope == pytest.approx(golden.params[1], rel=1e-6)
    assert (found.high - found.low) / 2 >= stats.t.ppf(0.975, 76) * golden.bse[1] * (1 - 1e-9)


@given(st.floats(0.1, 10), st.floats(-10, 10), st.floats(-1, 1))
@settings(max_examples=30, deadline=None)
def test_invariant_to_unit_level_and_an_added_line(scale, level, slope):
    series = noise(np.random.default_rng(1), 1, 50, 0.4)[0]
    plain, moved = trend(series), trend(level + scale * series + slope * np.arange(50))
    assert moved.slope == pytest.approx(scale * plain.slope + slope, rel=1e-6, abs=1e-9)
    assert moved.standard_error == pytest.approx(scale * plain.standard_error, rel=1e-6)


def test_the_interval_holds_zero_when_the_p_value_says_so():
    rng = np.random.default_rng(2)
    for row in noise(rng, 200, 40, 0.3):
        found = trend(row, confidence=0.8)
        assert (found.low <= 0.0 <= found.high) == (found.p_value >= 0.2)


@pytest.mark.parametrize(("length", "coefficient"), [(100, 0.0), (200, 0.3), (400, 0.5), (400, 0.7)])
def test_coverage_under_autocorrelation(length, coefficient):
    series = noise(np.random.default_rng(3), 500, length, coefficient) + 0.02 * np.arange(length)
    assert_coverage(lines([trend(row) for row in series]), 0.02)  # 500 series


def test_errors_that_ignore_autocorrelation_fail_the_same_check():
    series = noise(np.random.default_rng(3), 500, 400, 0.5)
    time = np.arange(400.0)
    p = np.array([stats.linregress(time, row).pvalue for row in series])
    with pytest.raises(AssertionError):
        assert_rate(p < 0.05, 0.05)
    hac = [
        OLS(row, add_constant(time)).fit(cov_type="HAC", cov_kwds={"maxlags": 5, "use_correction": True})
        for row in series
    ]
    with pytest.raises(AssertionError):  # Newey and West with their rule of thumb
        assert_rate([each.pvalues[1] < 0.05 for each in hac], 0.05)


def test_longer_memory_costs_a_little_coverage():
    # Second order: whitening is not enough, the cosines catch most of the rest. 500 series.
    series = noise(np.random.default_rng(4), 500, 400, 0.3, 0.3)
    found = lines([trend(row) for row in series])
    assert ((found.low <= 0) & (found.high >= 0)).mean() > 0.9


def test_gaps_keep_their_place_in_time():
    series = 2.0 + 0.5 * np.arange(60) + noise(np.random.default_rng(5), 1, 60, 0.2)[0]
    series[20:30] = np.nan
    found = trend(series)
    assert found.slope == pytest.approx(0.5, abs=0.05)
    assert found.low < 0.5 < found.high


@pytest.mark.parametrize(
    ("series", "reason", "slope", "p_value"),
    [
        ([], Reason.NO_DATA, 0.0, 1.0),
        ([np.nan] * 20, Reason.NO_DATA, 0.0, 1.0),
        (np.arange(9.0), Reason.TOO_FEW, 0.0, 1.0),
        ([0.1] * 20, Reason.NO_VARIANCE, 0.0, 1.0),
        ([0.0] * 20, Reason.NO_VARIANCE, 0.0, 1.0),
        (1.0 + 0.5 * np.arange(20), Reason.NO_VARIANCE, 0.5, 0.0),
    ],
)
def test_too_little_to_say(series, reason, slope, p_value):
    found = trend(series)
    assert (found.reason, found.p_value, found.standard_error) == (reason, p_value, 0.0)
    assert found.slope == pytest.approx(slope)


@pytest.mark.parametrize(
    ("series", "confidence"), [([1.0, np.inf], 0.95), ([[1.0, 2.0]], 0.95), ([1.0, 2.0], 1.0)]
)
def test_arguments_outside_their_bounds(series, confidence):
    with pytest.raises(ParameterError):
        trend(series, confidence=confidence)
