"""P(one Beta exceeds another) against exact arithmetic, many digits, and identities that must hold.

`docs/statistics.md` states the error: 1e-11 for parameters from 0.5 to 1e7.
"""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from armlift.statistics.posteriors import beta_beats
from armlift.statistics.two_betas import log_beta_excess

ERROR = 1e-11


def exactly(a, b, c, d):
    """For whole numbers: fewer than a of a + b - 1 uniforms lie below Beta(c, d)."""
    n = a + b - 1
    total = Fraction(0)
    for below in range(a):
        up, down = below + c, n - below + d
        beta = Fraction(math.factorial(up - 1) * math.factorial(down - 1), math.factorial(up + down - 1))
        total += math.comb(n, below) * beta
    return float(total * Fraction(math.factorial(c + d - 1), math.factorial(c - 1) * math.factorial(d - 1)))


def in_many_digits(a, b, c, d):
    """The density of one logit times the other's distribution function, trapezoidal rule, 50 digits."""
    with mpmath.workdps(50):
        a, b, c, d = (mpmath.mpf(float(value)) for value in (a, b, c, d))
        width = mpmath.sqrt(1 / a + 1 / b)
        step = min(width / 4, mpmath.mpf(1) / 4)
        centre, total = mpmath.log(a / b), mpmath.mpf(0)
        for sign in (1, -1):
            z = centre if sign == 1 else centre - step
            while True:
                x = 1 / (1 + mpmath.exp(-z))
                density = mpmath.exp(a * mpmath.log(x) + b * mpmath.log(1 - x)) / mpmath.beta(a, b)
                if density < 1e-15:
                    break
                total += density * mpmath.betainc(c, d, 0, x, regularized=True)
                z += sign * step
        return float(total * step)


whole = st.integers(1, 150)
anything = st.floats(math.log(0.5), math.log(1e7)).map(math.exp)


@given(whole, whole, whole, whole)
@settings(max_examples=150)
def test_whole_numbers_in_exact_arithmetic(a, b, c, d):
    assert beta_beats(a, b, c, d) == pytest.approx(exactly(a, b, c, d), abs=ERROR)


@pytest.mark.parametrize(
    "parameters",
    [
        (0.5, 0.5, 0.5, 0.7),
        (0.5, 30.0, 1.3, 40.0),
        (2.5, 900.5, 3.5, 800.5),
        (0.2, 0.5, 0.3, 0.6),
        (120.7, 880.3, 100.2, 899.8),
        (17.0, 3.5, 0.6, 0.9),
    ],
)
def test_parts_of_numbers_in_many_digits(parameters):
    assert beta_beats(*parameters) == pytest.approx(in_many_digits(*parameters), abs=ERROR)


@given(anything, anything)
def test_equal_arms(a, b):
    assert beta_beats(a, b, a, b) == pytest.approx(0.5, abs=ERROR)


@given(anything, anything, anything, anything)
def test_turning_round_and_exchanging(a, b, c, d):
    probability = beta_beats(a, b, c, d)
    assert 0.0 <= probability <= 1.0
    assert beta_beats(c, d, a, b) == pytest.approx(1.0 - probability, abs=ERROR)
    assert beta_beats(d, c, b, a) == pytest.approx(probability, abs=ERROR)


@given(anything, anything)
def test_arms_without_a_failure_in_closed_form(a, c):
    assert beta_beats(a, 1.0, c, 1.0) == pytest.approx(a / (a + c), abs=ERROR)


@given(anything, anything, anything, anything)
def test_one_more_success_by_its_recurrence(a, b, c, d):
    """Cook (2005): P rises with a by B(a + c, b + d) / (a B(a, b) B(c, d))."""
    logs = special.betaln(a + c, b + d) - special.betaln(a, b) - special.betaln(c, d) - math.log(a)
    size = max(a, b, c, d)
    gain = beta_beats(a + 1.0, b, c, d) - beta_beats(a, b, c, d)
    assert gain == pytest.approx(math.exp(logs), abs=2 * ERROR, rel=1e-12 + 1e-14 * size)


def test_ten_million_rewards_against_edgeworth():
    """The logits' difference is all but Normal there; the series is left off after its terms of 1 / n."""
    a, c = 1_000_000.0, 1_001_000.0
    parameters, signs = np.array([a, 1e7 - a, c, 1e7 - c]), np.array([1.0, -1.0, -1.0, 1.0])
    mean, variance, third, fourth = (
        (signs**order * special.polygamma(order - 1, parameters)).sum() for order in (1, 2, 3, 4)
    )
    z, skew, kurtosis = mean / math.sqrt(variance), third / variance**1.5, fourth / variance**2
    hermite = [np.polynomial.hermite_e.hermeval(z, np.eye(6)[order]) for order in range(6)]
    correction = skew / 6 * hermite[2] - kurtosis / 24 * hermite[3] - skew**2 / 72 * hermite[5]
    edgeworth = special.ndtr(z) + math.exp(-z * z / 2) / math.sqrt(2 * math.pi) * correction
    assert beta_beats(*parameters) == pytest.approx(edgeworth, abs=ERROR)
    assert special.ndtr(z) != pytest.approx(edgeworth, abs=100 * ERROR)


def test_hopeless_and_certain_arms():
    assert beta_beats(1.0, 1e6, 1e6, 1.0) == 0.0
    assert beta_beats(1e6, 1.0, 1.0, 1e6) == 1.0


def test_it_ends_whatever_it_is_given():
    for wrong in (np.nan, np.inf, -1.0):
        beta_beats(wrong, 2.0, 3.0, 4.0)
    assert beta_beats(0.01, 0.01, 0.01, 0.01) == pytest.approx(0.5, abs=ERROR)


def test_shapes_broadcast_and_arguments_are_left_alone():
    a, c = np.arange(1.0, 7.0).reshape(2, 3)[:, ::-1], np.array([[2.0], [3.0]])
    before = a.copy()
    got = beta_beats(a, 4, c, 5.0)
    assert got.shape == (2, 3)
    assert got[1, 2] == beta_beats(a[1, 2], 4.0, 3.0, 5.0)
    assert (a == before).all()
    assert beta_beats(np.empty((0, 2)), 1.0, 1.0, 1.0).shape == (0, 2)


@given(st.floats(0.05, 60.0), st.floats(0.05, 60.0))
def test_log_beta_by_its_excess(a, b):
    stirling = (a - 0.5) * math.log(a) + (b - 0.5) * math.log(b) - (a + b - 0.5) * math.log(a + b)
    stirling += 0.5 * math.log(2 * math.pi)
    assert stirling + log_beta_excess(a, b) == pytest.approx(special.betaln(a, b), abs=1e-11)
