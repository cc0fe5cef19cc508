"""Logarithms, Beta functions and densities, against mpmath and scipy."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from armlift.bandits.beta_density import fill_density, fill_log_beta, log, log_beta, sine


@given(st.floats(min_value=1e-300, max_value=1e300))
def test_logarithms_agree_with_numpy(x: float) -> None:
    assert log(x) == pytest.approx(np.log(x), rel=1e-15, abs=1e-16)


@given(st.floats(min_value=1e-300, max_value=np.pi / 2))
def test_sines_agree_with_numpy(x: float) -> None:
    assert sine(x) == pytest.approx(np.sin(x), rel=1e-15)


@given(st.floats(min_value=1.0, max_value=1e7), st.floats(min_value=1.0, max_value=1e7))
def test_beta_functions_agree_with_mpmath(a: float, b: float) -> None:
    exact = float(mpmath.log(mpmath.beta(a, b)))
    assert log_beta(a, b) == pytest.approx(exact, rel=1e-13, abs=1e-14 * (a + b) + 1e-11)


def test_vectors_hold_what_single_calls_give() -> None:
    a, b, out = np.arange(1.0, 20.0), np.linspace(1.0, 900.0, 19), np.empty(19)
    fill_log_beta(a, b, out)
    assert out == pytest.approx([log_beta(x, y) for x, y in zip(a, b, strict=True)], rel=1e-12)


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (1.5, 2.25), (7.0, 90.0), (40_000.0, 60_000.0)])
def test_densities_agree_with_scipy(a: float, b: float) -> None:
    centre, sd = stats.beta(a, b).mean(), stats.beta(a, b).std()
    x = np.linspace(max(centre - 5 * sd, 1e-6), min(centre + 5 * sd, 1 - 1e-6), 50)
    row, logs = np.empty(50), np.stack([np.log(x), np.log1p(-x), -np.log(x) - np.log1p(-x)])
    fill_density(row, logs, a, b, log_beta(a, b), 50)
    assert np.allclose(row, stats.beta(a, b).pdf(x), rtol=2e-9, atol=0.0)


def test_densities_below_the_range_are_nothing() -> None:
    row, logs = np.empty(1), np.array([[np.log(0.9)], [np.log(0.1)], [0.0]])
    fill_density(row, logs, 1000.0, 9000.0, log_beta(1000.0, 9000.0), 1)
    assert 0.0 <= row[0] < 1e-30
