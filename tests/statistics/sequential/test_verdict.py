import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from armlift.statistics.effect import Effect
from armlift.statistics.moments import Proportion
from armlift.statistics.sequential import Verdict, confidence_sequence, first_verdict, running, verdicts


def interval(low, high):
    low, high = np.asarray(low, float), np.asarray(high, float)
    none = np.zeros(low.shape)
    return Effect(none, none, low, high, none + 0.5, none.astype(np.int8))


def test_each_verdict_once():
    effect = interval([-1.0, 0.1, -1.0, -0.1, -1.0], [1.0, 0.2, -0.5, 0.04, 0.0])
    codes = verdicts(effect, futility=0.05)
    assert codes.dtype == np.int8
    assert [Verdict(code).name for code in codes] == ["CONTINUE", "WIN", "HARM", "FUTILE", "FUTILE"]
    assert verdicts(effect).tolist() == [0, 1, 2, 0, 0]


def test_one_sided_intervals_give_one_sided_verdicts():
    arms = Proportion(9000, [1200, 600]), Proportion(9000, 900)
    for alternative, expected in (("greater", [1, 0]), ("less", [0, 2]), ("two-sided", [1, 2])):
        effect = confidence_sequence(*arms, tuned_at=9000, alternative=alternative)
        assert verdicts(effect).tolist() == expected


def test_a_win_below_the_smallest_useful_effect_is_a_win():
    assert verdicts(interval([0.01], [0.02]), futility=0.05).tolist() == [Verdict.WIN]


@given(st.lists(st.tuples(st.floats(-1.0, 0.5), st.floats(0.0, 1.0)), min_size=1, max_size=8))
def test_running_is_the_best_of_all_looks_so_far(looks):
    low = np.array([look[0] for look in looks])
    high = low + np.array([look[1] for look in looks])
    joined = running(interval(low, high))
    for k in range(len(looks)):
        assert joined.low[k] == low[: k + 1].max()
        assert joined.high[k] == high[: k + 1].min()
    assert first_verdict(verdicts(joined)).look == first_verdict(verdicts(interval(low, high))).look


def test_running_takes_any_axis():
    p_values = np.array([[0.5, 0.2], [0.1, 0.4]])
    effect = interval(np.zeros((2, 2)), np.ones((2, 2)))
    effect = Effect(effect.estimate, effect.standard_error, effect.low, effect.high, p_values, effect.reason)
    assert running(effect, axis=0).p_value.tolist() == [[0.5, 0.2], [0.1, 0.2]]
    assert running(effect).p_value.tolist() == [[0.5, 0.2], [0.1, 0.1]]


def test_the_first_verdict_counts():
    codes = np.array([[[0, 0], [0, 3]], [[2, 0], [1, 0]], [[1, 0], [2, 1]]], np.int8)
    stop = first_verdict(codes, axis=0)
    assert stop.verdict.tolist() == [[2, 0], [1, 3]]
    assert stop.look.tolist() == [[1, 2], [1, 0]]


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="futility"):
        verdicts(interval([0.0], [1.0]), futility=-0.1)
    with pytest.raises(ValueError, match="looks"):
        first_verdict(np.zeros((3, 0), np.int8))
