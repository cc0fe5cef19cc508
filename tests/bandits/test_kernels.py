"""Scalar rules against other ways to compute them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, special

from armlift.bandits.kernels import kl_ucb_index, log_beta_function, ucb1_index

MEANS = [1e-9, 1e-4, 0.01, 0.2, 0.5, 0.77, 0.99, 0.9999, 0.999999, 1 - 1e-12]
PULLS = [1.0, 2.0, 7.0, 100.0, 1e4, 1e6]
TIMES = [2.0, 10.0, 1e3, 1e6, 1e9]


def divergence(p: float, q: float) -> float:
    return float(special.rel_entr(p, q) + special.rel_entr(1.0 - p, 1.0 - q))


def test_ucb1_by_hand():
    assert ucb1_index(0.5, 8.0, math.e**4) == pytest.approx(0.5 + math.sqrt(2 * 4 / 8))
    assert ucb1_index(0.25, 3.0, 1.0) == 0.25  # ln 1 = 0
    assert ucb1_index(0.9, 100.0, 200.0) == pytest.approx(0.9 + 0.325525)


@pytest.mark.parametrize("mean", MEANS)
def test_kl_ucb_is_the_root_that_bracketing_finds(mean):
    highest = math.nextafter(1.0, 0.0)
    for n in PULLS:
        for t in TIMES:
            index = kl_ucb_index(mean, n, t)
            assert mean <= index <= 1.0
            if n * divergence(mean, highest) <= math.log(t):
                assert index >= highest
            else:
                root = optimize.brentq(
                    lambda q, n, t: n * divergence(mean, q) - math.log(t),
                    mean,
                    highest,
                    args=(n, t),
                    xtol=1e-15,
                    rtol=1e-15,
                )
                assert index == pytest.approx(root, abs=1e-9 * (1 - mean) + 1e-12, rel=1e-9)


def test_kl_ucb_at_the_edges_of_the_unit_interval():
    assert kl_ucb_index(0.0, 5.0, 100.0) == pytest.approx(1.0 - 100.0 ** (-1 / 5))
    assert kl_ucb_index(1.0, 5.0, 100.0) == 1.0
    assert kl_ucb_index(0.3, 5.0, 1.0) == 0.3
    assert kl_ucb_index(0.0, 1.0, 1.0) == 0.0
    assert kl_ucb_index(0.0, 1e9, 2.0) == pytest.approx(math.log(2.0) / 1e9, rel=1e-9)


def test_kl_ucb_is_a_number_where_its_root_rounds_to_one():
    assert kl_ucb_index(0.999, 1.0, 1000.0) == 1.0
    assert kl_ucb_index(math.nextafter(1.0, 0.0), 3.0, 1e6) == 1.0


@given(
    mean=st.floats(0.0, 1.0),
    n=st.floats(1.0, 1e6),
    t=st.floats(1.0, 1e9),
    more=st.floats(1.01, 100.0),
)
def test_indices_rise_with_time_and_mean_and_fall_with_pulls(mean, n, t, more):
    for index in (ucb1_index, kl_ucb_index):
        here = index(mean, n, t)
        assert here >= mean
        assert index(mean, n, t * more) >= here - 1e-12
        assert index(mean, n * more, t) <= here + 1e-12
        assert index(mean + (1.0 - mean) / more, n, t) >= here - 1e-12
    pinsker = mean + math.sqrt(math.log(t) / n / 2)
    assert kl_ucb_index(mean, n, t) <= min(1.0, pinsker) + 1e-12


@given(a=st.floats(1e-3, 1e6), b=st.floats(1e-3, 1e6))
def test_log_beta_function(a, b):
    scale = max(1.0, abs(math.lgamma(a + b)))
    assert log_beta_function(a, b) == pytest.approx(special.betaln(a, b), abs=1e-13 * scale)


def test_an_index_is_the_optimum_of_its_definition():
    """The largest q: a little more would break the constraint, a little less would not."""
    for mean, n, t in ((0.2, 10.0, 50.0), (0.9, 200.0, 1e4), (0.5, 3.0, 7.0)):
        index = kl_ucb_index(mean, n, t)
        assert n * divergence(mean, index - 1e-9) < np.log(t) < n * divergence(mean, index + 1e-9)
