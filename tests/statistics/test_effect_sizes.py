import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_effectsize

from armlift.statistics.effect_sizes import cohens_d, cohens_h
from armlift.statistics.moments import Mean, Proportion

rows = st.lists(st.integers(-50, 50), min_size=2, max_size=20).filter(lambda x: len(set(x)) > 1)


def test_d_uses_the_pooled_standard_deviation():
    rng = np.random.default_rng(0)
    x, y = rng.normal(0.0, 1.0, 40), rng.normal(0.7, 2.0, 60)
    pooled = np.sqrt((39 * x.var(ddof=1) + 59 * y.var(ddof=1)) / 98)
    d = cohens_d(Mean.from_columns(y), Mean.from_columns(x))
    assert d == pytest.approx((y.mean() - x.mean()) / pooled, rel=1e-12)


@given(rows, rows, st.floats(0.01, 100.0), st.floats(-100.0, 100.0))
def test_d_has_no_unit_and_changes_sign_with_the_arms(x, y, scale, shift):
    one, other = Mean.from_columns(x), Mean.from_columns(y)
    d = cohens_d(one, other)
    assert cohens_d(other, one) == pytest.approx(-d)
    moved = [Mean.from_columns(np.multiply(rows, scale) + shift) for rows in (x, y)]
    assert cohens_d(*moved) == pytest.approx(d, rel=1e-6, abs=1e-9)


@given(st.integers(1, 1000), st.integers(1, 1000), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_h_agrees_with_statsmodels(n, m, p, q):
    one, other = Proportion(n, round(p * n)), Proportion(m, round(q * m))
    h = cohens_h(one, other)
    assert h == pytest.approx(proportion_effectsize(one.value, other.value), abs=1e-12)
    assert cohens_h(other, one) == -h


def test_the_largest_h_is_pi():
    assert cohens_h(Proportion(5, 5), Proportion(5, 0)) == pytest.approx(np.pi)


@pytest.mark.parametrize("rows", [[], [3.0], [2.0, 2.0]])
def test_d_is_0_where_nothing_can_be_said(rows):
    assert cohens_d(Mean.from_columns(rows), Mean.from_columns([1.0, 1.0])) == 0.0


def test_h_is_0_where_an_arm_is_empty():
    assert cohens_h(Proportion([0, 10, 0], [0, 5, 0]), Proportion([10, 0, 0], [5, 0, 0])).tolist() == [
        0,
        0,
        0,
    ]


def test_leading_axes():
    arms = Proportion([[100, 200], [300, 400]], [[10, 30], [60, 40]])
    assert cohens_h(arms, arms[..., :1]).shape == (2, 2)
    assert cohens_d(arms, arms[..., :1])[:, 0].tolist() == [0.0, 0.0]
