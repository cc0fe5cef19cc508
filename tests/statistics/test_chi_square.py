import numpy as np
import pytest
from calibration import assert_rate
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.stats.contingency import association
from statsmodels.stats.proportion import proportions_chisquare

from armlift.errors import ParameterError
from armlift.statistics.chi_square import chi_square
from armlift.statistics.effect import Reason
from armlift.statistics.moments import Proportion

arms = st.lists(
    st.integers(2, 2000).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n - 1))),
    min_size=2,
    max_size=6,
)


@settings(max_examples=30)
@given(arms)
def test_agrees_with_scipy_and_statsmodels(counts):
    n, successes = np.array(counts).T
    table = np.array([successes, n - successes])
    expected = stats.chi2_contingency(table, correction=False)
    ours = chi_square(Proportion(n, successes))
    assert ours.statistic == pytest.approx(expected.statistic, rel=1e-9, abs=1e-9)
    assert ours.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert ours.degrees_of_freedom == expected.dof
    assert ours.smallest_expected == pytest.approx(expected.expected_freq.min())
    assert ours.cramers_v == pytest.approx(association(table, method="cramer"), abs=1e-7)
    assert ours.p_value == pytest.approx(proportions_chisquare(successes, n)[1], rel=1e-9)


@settings(max_examples=40)
@given(arms, st.integers(0, 99))
def test_neither_the_order_of_arms_nor_empty_arms_matter(counts, seed):
    n, successes = np.array(counts).T
    whole = chi_square(Proportion(n, successes))
    shuffled = np.random.default_rng(seed).permutation([*counts, (0, 0)])
    again = chi_square(Proportion(*shuffled.T))
    for name in ("statistic", "p_value", "cramers_v", "degrees_of_freedom", "smallest_expected"):
        assert getattr(again, name) == pytest.approx(getattr(whole, name), rel=1e-9, abs=1e-9)


def test_v_is_1_when_the_arm_decides_everything():
    assert chi_square(Proportion([50, 80], [50, 0])).cramers_v == pytest.approx(1.0)


def test_edge_cases_have_a_reason_and_a_p_value_of_1():
    n = np.array([[0, 0], [10, 0], [10, 10], [10, 10], [10, 10]])
    successes = np.array([[0, 0], [5, 0], [0, 0], [10, 10], [5, 4]])
    test = chi_square(Proportion(n, successes))
    assert [Reason(code).name for code in test.reason] == [
        "NO_DATA",
        "EMPTY_ARM",
        "NO_VARIANCE",
        "NO_VARIANCE",
        "NONE",
    ]
    assert (test.p_value[:4] == 1.0).all()
    assert (test.statistic[:4] == 0.0).all()
    assert test.smallest_expected.tolist() == [0.0, 5.0, 0.0, 0.0, 4.5]


def false_alarms(p_value):
    """Four equal arms of 500 to 2,000 units at 10 %; 20,000 experiments, seed 0."""
    n = np.broadcast_to([500, 1000, 1500, 2000], (20_000, 4))
    successes = np.random.default_rng(0).binomial(n, 0.1)
    return p_value(chi_square(Proportion(n, successes))) < 0.05


def test_false_alarms_are_as_frequent_as_alpha():
    assert_rate(false_alarms(lambda test: test.p_value), 0.05)


def test_one_degree_of_freedom_too_many_fails_the_same_check():
    with pytest.raises(AssertionError):
        assert_rate(
            false_alarms(lambda test: stats.chi2.sf(test.statistic, test.degrees_of_freedom + 1)), 0.05
        )


def test_one_arm_cannot_be_compared():
    for lone in (Proportion(10, 5), Proportion([10], [5])):
        with pytest.raises(ParameterError, match="arms"):
            chi_square(lone)
