import numpy as np
import pytest
from calibration import assert_rate_at_most
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.tsa.seasonal import STL

from armlift.errors import ParameterError
from armlift.statistics.anomalies import anomalies
from armlift.statistics.effect import Reason

DAYS = np.arange(70)
SEASON = 20.0 * np.sin(2 * np.pi * DAYS / 7) + 0.2 * DAYS


def weeks(rng, n):
    return 100.0 + SEASON + rng.normal(0.0, 2.0, (n, 70))


def test_finds_the_value_that_does_not_fit():
    series = weeks(np.random.default_rng(0), 1)[0]
    series[[20, 69]] += [25.0, -25.0]
    found = anomalies(series, period=7)
    assert np.flatnonzero(found.is_anomaly).tolist() == [20, 69]
    assert found.score[20] > 0 > found.score[69]
    assert found.expected[20] == pytest.approx(100.0 + SEASON[20], abs=4.0)


def test_against_statsmodels():
    # Its own defaults let the season move and absorb what is odd; on calm values both agree.
    series = weeks(np.random.default_rng(1), 1)[0]
    golden = STL(series, period=7, seasonal=21, seasonal_deg=0, trend=13, robust=True).fit()
    np.testing.assert_allclose(anomalies(series, period=7).expected, golden.trend + golden.seasonal, atol=0.5)


def test_the_false_alarm_rate_is_the_one_stated():
    series = weeks(np.random.default_rng(2), 150)  # 150 series of 70 values
    found = [anomalies(row, period=7, rate=0.01) for row in series]
    share = np.mean([each.is_anomaly for each in found])
    assert 0.006 < share < 0.015  # values of a series are not independent: no binomial error here
    gaussian = np.mean([np.abs(each.score) > 2.5758 for each in found])
    assert gaussian > 0.02  # the Normal quantile would promise 0.01


@given(st.floats(0.1, 10), st.floats(-1000, 1000))
@settings(max_examples=20, deadline=None)
def test_invariant_to_unit_and_level(scale, level):
    series = weeks(np.random.default_rng(3), 1)[0]
    series[30] += 30.0
    plain, moved = anomalies(series, period=7), anomalies(level + scale * series, period=7)
    np.testing.assert_allclose(moved.score, plain.score, rtol=1e-6, atol=1e-6)
    assert (moved.is_anomaly == plain.is_anomaly).all()


def test_power_against_the_last_value():
    series = weeks(np.random.default_rng(4), 100)
    series[:, -1] += 16.0
    last = np.array([anomalies(row, period=7).is_anomaly[-1] for row in series])
    assert last.mean() > 0.8
    assert_rate_at_most(~last, 0.2)


def test_gaps_are_bridged_and_never_anomalies():
    series = weeks(np.random.default_rng(5), 1)[0]
    series[40] += 30.0
    series[[0, 10, 11]] = np.nan
    found = anomalies(series, period=7)
    assert np.flatnonzero(found.is_anomaly).tolist() == [40]
    assert (found.score[[0, 10, 11]] == 0.0).all()
    assert np.isfinite(found.expected).all()


@pytest.mark.parametrize(
    ("series", "reason", "expected"),
    [
        ([], Reason.NO_DATA, []),
        ([np.nan] * 30, Reason.NO_DATA, [0.0] * 30),
        ([3.0] * 20, Reason.TOO_FEW, [3.0] * 20),
        ([3.0] * 30, Reason.NO_VARIANCE, [3.0] * 30),
    ],
)
def test_too_little_to_say(series, reason, expected):
    found = anomalies(series, period=7)
    assert found.reason == reason
    assert not found.is_anomaly.any()
    assert found.expected.tolist() == expected


def test_the_same_series_gives_the_same_answer():
    series = weeks(np.random.default_rng(6), 1)[0]
    first, second = anomalies(series, period=7), anomalies(series, period=7)
    assert first.threshold == second.threshold
    assert (first.score == second.score).all()


@pytest.mark.parametrize("arguments", [{"period": 1}, {"period": 7, "rate": 0.5}, {"period": 7, "rate": 0.0}])
def test_arguments_outside_their_bounds(arguments):
    with pytest.raises(ParameterError):
        anomalies(np.arange(30.0), **arguments)
