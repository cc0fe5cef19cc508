from itertools import combinations

import numpy as np
import pytest
from calibration import assert_rate_at_most
from hypothesis import given, settings
from hypothesis import strategies as st

from armlift.errors import ParameterError
from armlift.statistics.change_points import average_run_length, change_points, cusum, cusum_threshold
from armlift.statistics.effect import Reason

SERIES = st.lists(st.floats(-5, 5), min_size=4, max_size=9)


def page(series, mean, sd, k):
    """The recursion as Page wrote it."""
    upper = lower = 0.0
    sums = []
    for value in series:
        z = (value - mean) / sd
        upper, lower = max(0.0, upper + z - k), max(0.0, lower - z - k)
        sums.append((upper, lower))
    return np.array(sums).T


def test_against_the_recursion():
    rng = np.random.default_rng(0)
    reference, series = rng.normal(3, 2, (4, 200)), rng.normal(4, 2, (4, 60))
    watch = cusum(series, reference, shift=0.8)
    for row in range(4):
        upper, lower = page(series[row], reference[row].mean(), reference[row].std(ddof=1), 0.4)
        np.testing.assert_allclose(watch.upper[row], upper, atol=1e-9)
        np.testing.assert_allclose(watch.lower[row], lower, atol=1e-9)
        first = np.flatnonzero((upper > watch.threshold) | (lower > watch.threshold))
        assert watch.alarm[row] == (first[0] if len(first) else -1)


@pytest.mark.parametrize(
    ("h", "shift", "published"),
    # Montgomery, Introduction to Statistical Quality Control, table of CUSUM run lengths with k = 1/2.
    [(4, 0, 168), (4, 0.5, 26.6), (4, 1, 8.38), (5, 0, 465), (5, 0.5, 38.0), (5, 1, 10.4), (5, 2, 4.01)],
)
def test_run_lengths_against_published_values(h, shift, published):
    assert average_run_length(h, shift=shift) == pytest.approx(published, rel=0.05)


@pytest.mark.parametrize("allowance", [0.25, 0.5, 1.0])
def test_the_false_alarm_run_length_by_simulation(allowance):
    rng = np.random.default_rng(1)
    h = cusum_threshold(100.0, allowance=allowance)
    upper, lower = np.zeros(4000), np.zeros(4000)  # 4,000 series
    length, running = np.zeros(4000), np.ones(4000, dtype=bool)
    while running.any():
        z = rng.standard_normal(4000)
        upper, lower = np.maximum(upper + z - allowance, 0), np.maximum(lower - z - allowance, 0)
        length += running
        running &= (upper <= h) & (lower <= h)
    error = length.std() / np.sqrt(length.size)
    # Siegmund's approximation itself is off by up to 4 %.
    assert length.mean() == pytest.approx(100.0, abs=4 * error + 4.0)
    wrong = cusum_threshold(150.0, allowance=allowance)
    assert abs(average_run_length(wrong, allowance=allowance) - length.mean()) > 4 * error + 4.0


def test_a_longer_reference_brings_the_run_length_to_its_nominal_value():
    rng = np.random.default_rng(2)
    rates = []
    for m in (20, 2000):
        watch = cusum(rng.standard_normal((2000, 100)), rng.standard_normal((2000, m)), run_length=500)
        rates.append((watch.alarm >= 0).mean())
    assert rates[0] > 1.3 * rates[1]
    assert rates[1] < 1 - np.exp(-100 / 500) + 4 * np.sqrt(0.18 * 0.82 / 2000)


def test_finds_dates_and_names_a_change():
    rng = np.random.default_rng(3)
    reference = rng.standard_normal((500, 1000))
    series = rng.standard_normal((500, 100))
    series[:, 60:] -= 1.5
    watch = cusum(series, reference)
    fair = watch.alarm >= 60
    assert fair.mean() > 0.8
    assert (watch.direction[fair] == -1).mean() > 0.95
    assert np.median(watch.since[fair]) == pytest.approx(60, abs=1)
    assert (watch.since <= watch.alarm).all()


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=40), st.floats(0.1, 10), st.floats(-100, 100))
@settings(max_examples=50)
def test_cusum_is_invariant_to_unit_and_level_and_mirrors(series, scale, level):
    reference = np.cos(np.arange(50) ** 2)
    plain, values = cusum(series, reference), np.array(series)
    moved = cusum(level + scale * values, level + scale * reference)
    mirrored = cusum(-values, -reference)
    np.testing.assert_allclose(moved.upper, plain.upper, atol=1e-6)
    np.testing.assert_allclose(mirrored.lower, plain.upper, atol=1e-9)


def test_gaps_move_nothing():
    reference = np.cos(np.arange(50) ** 2)
    series = np.array([1.0, 2.0, np.nan, 2.0])
    gap, plain = cusum(series, reference), cusum(series[[0, 1, 3]], reference)
    np.testing.assert_allclose(gap.upper[[0, 1, 3]], plain.upper)
    assert gap.upper[2] == gap.upper[1]


@pytest.mark.parametrize(
    ("series", "reference", "reason"),
    [
        ([], [1.0, 2.0, 3.0], Reason.NO_DATA),
        ([np.nan], [1.0, 2.0, 3.0], Reason.NO_DATA),
        ([1.0, 2.0], [1.0], Reason.TOO_FEW),
        ([1.0, 2.0], [], Reason.TOO_FEW),
        ([1.0, 2.0], [0.1] * 30, Reason.NO_VARIANCE),
    ],
)
def test_cusum_of_too_little(series, reference, reason):
    watch = cusum(series, reference)
    assert watch.reason == reason
    assert (watch.alarm, watch.since, watch.direction) == (-1, -1, 0)
    assert np.isfinite(watch.upper).all()


def cost(values, cuts, noise, penalty):
    parts = np.split(np.asarray(values), cuts)
    return sum(((part - part.mean()) ** 2).sum() for part in parts) / noise**2 + penalty * len(cuts)


@given(SERIES, st.floats(0.5, 20))
@settings(max_examples=100, deadline=None)
def test_the_split_is_the_cheapest_of_all(series, penalty):
    found = change_points(series, penalty=penalty)
    if found.reason != Reason.NONE:
        return
    places = range(1, len(series))
    everything = (list(cuts) for many in range(len(series)) for cuts in combinations(places, many))
    least = min(cost(series, cuts, found.noise, penalty) for cuts in everything)
    assert cost(series, found.starts, found.noise, penalty) == pytest.approx(least, rel=1e-6, abs=1e-6)


@given(SERIES, st.floats(0.1, 10), st.floats(-100, 100))
@settings(max_examples=50, deadline=None)
def test_change_points_are_invariant_to_unit_and_level(series, scale, level):
    series = np.round(series, 3)
    plain, moved = change_points(series), change_points(level + scale * series)
    if plain.reason == moved.reason == Reason.NONE:
        noise = plain.noise
        assert cost(series, plain.starts, noise, 1.0) == pytest.approx(cost(series, moved.starts, noise, 1.0))


def test_finds_several_changes():
    rng = np.random.default_rng(4)
    series = np.repeat([0.0, 3.0, 1.0, 4.0], [50, 30, 80, 40]) + rng.normal(0, 0.5, 200)
    found = change_points(series)
    assert found.starts.tolist() == [50, 80, 160]
    np.testing.assert_allclose(found.levels, [0, 3, 1, 4], atol=0.3)
    assert found.noise == pytest.approx(0.5, rel=0.2)
    series[[10, 55]] = np.nan
    assert change_points(series).starts.tolist() == [50, 80, 160]


@pytest.mark.parametrize("length", [50, 200])
def test_false_changes_are_rare(length):
    noise = np.random.default_rng(5).standard_normal((300, length))  # 300 series
    assert_rate_at_most([len(change_points(row).starts) > 0 for row in noise], 0.05)
    with pytest.raises(AssertionError):  # a penalty without log T
        assert_rate_at_most([len(change_points(row, penalty=2.0).starts) > 0 for row in noise[:60]], 0.05)


@pytest.mark.parametrize(
    ("series", "reason", "levels"),
    [
        ([], Reason.NO_DATA, []),
        ([np.nan, np.nan], Reason.NO_DATA, []),
        ([1.0, 2.0, 3.0], Reason.TOO_FEW, [2.0]),
        ([0.1] * 20, Reason.NO_VARIANCE, [0.1]),
    ],
)
def test_change_points_of_too_little(series, reason, levels):
    found = change_points(series)
    assert found.reason == reason
    assert len(found.starts) == 0
    np.testing.assert_allclose(found.levels, levels)


def test_a_step_without_noise_is_found():
    assert change_points([0.0] * 10 + [1.0] * 10).starts.tolist() == [10]


@pytest.mark.parametrize(
    "call",
    [
        lambda: cusum([1.0], [1.0, 2.0], shift=0),
        lambda: cusum([1.0], [1.0, 2.0], run_length=5),
        lambda: cusum([np.inf], [1.0, 2.0]),
        lambda: change_points([1.0, 2.0], penalty=-1.0),
        lambda: change_points([[1.0, 2.0]]),
        lambda: change_points([1.0, np.inf]),
    ],
)
def test_arguments_outside_their_bounds(call):
    with pytest.raises(ParameterError):
        call()
