"""Decay of performance: a look at every window, and no more false alarms than was accepted."""

import numpy as np
import pytest

from armlift.errors import ParameterError
from armlift.monitoring import performance_decay, unit_sums
from armlift.statistics import Mean


def story(rng, rates, n=500, reference=1500, before=0.1):
    values = [rng.random(n) < rate for rate in rates]
    numbers = np.repeat(np.arange(len(rates)), n)
    sums = unit_sums(np.concatenate(values), numbers, len(rates))
    return Mean.from_columns((rng.random(reference) < before).astype(float)), sums


def test_units_add_up_by_window():
    sums = unit_sums([1.0, 2.0, 4.0], np.array([0, 0, 2]), 3)
    assert sums.n.tolist() == [2.0, 0.0, 1.0]
    assert sums.value.tolist() == [1.5, 0.0, 4.0]
    assert sums.variance.tolist() == [0.5, 0.0, 0.0]


def test_a_fall_is_found_and_dated():
    reference, windows = story(np.random.default_rng(1), [0.1] * 4 + [0.03] * 4)
    found = performance_decay(reference, windows)
    assert found.decayed.tolist()[:4] == [False] * 4
    assert found.decayed[-1]
    assert found.since[-1] == 4
    assert found.change[-1] == pytest.approx(-0.07, abs=0.02)
    assert (np.diff(found.p_value) <= 0.0).all()


def test_a_rise_is_no_decay_and_a_fall_within_the_tolerance_neither():
    rng = np.random.default_rng(2)
    assert not performance_decay(*story(rng, [0.2] * 6)).decayed.any()
    falling = story(rng, [0.04] * 6)
    assert performance_decay(*falling).decayed.any()
    assert not performance_decay(*falling, tolerance=0.7).decayed.any()


def test_few_units_decide_nothing_until_there_are_enough():
    reference, windows = story(np.random.default_rng(3), [0.1] * 4, n=60)
    found = performance_decay(reference, windows, minimum_units=200)
    assert found.decided.tolist() == [False, False, False, True]
    assert found.p_value[:3].tolist() == [1.0] * 3
    nothing = performance_decay(reference[()], windows, minimum_units=10_000)
    assert not nothing.decided.any()
    assert not nothing.decayed.any()


def test_no_windows_and_windows_without_units():
    reference, windows = story(np.random.default_rng(4), [0.1] * 3)
    assert len(performance_decay(reference, windows[:0]).value) == 0
    gap = unit_sums(np.tile([1.0, 0.0], 300), np.repeat([0, 2], 300), 3)
    found = performance_decay(reference, gap)
    assert np.isnan(found.value).tolist() == [False, True, False]
    assert found.decided.all()


def test_what_never_varies_says_nothing():
    same = unit_sums(np.ones(900), np.repeat([0, 1, 2], 300), 3)
    found = performance_decay(Mean.from_columns(np.ones(500)), same)
    assert not found.decayed.any()


@pytest.mark.parametrize("wrong", [{"alpha": 0.5}, {"tolerance": 1.0}, {"minimum_units": 1}])
def test_arguments_out_of_bounds_are_refused(wrong):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        performance_decay(*story(np.random.default_rng(0), [0.1]), **wrong)


def alarms(stories, rate, seed, **settings):
    rng = np.random.default_rng(seed)
    found = [
        performance_decay(*story(rng, [rate] * 20, n=200, reference=800), **settings) for _ in range(stories)
    ]
    return sum(bool(each.decayed.any()) for each in found)


def test_daily_looks_do_not_cry_wolf_but_find_a_fall():
    assert alarms(100, 0.10, 5, alpha=0.05) <= 11  # of 100 stories of 20 looks; more: one in 500
    assert alarms(20, 0.05, 6, alpha=0.05) >= 18


@pytest.mark.slow
def test_daily_looks_keep_alpha():
    assert alarms(1500, 0.10, 7, alpha=0.05) <= 75 + 3.4 * np.sqrt(1500 * 0.05 * 0.95)
