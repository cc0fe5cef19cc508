"""Distances between counts: by hand, against scipy, and the false alarms of the stability index."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency

from armlift.errors import ParameterError
from armlift.monitoring import (
    chi_square_test,
    jensen_shannon,
    population_stability_index,
    psi_false_alarms,
    simulated_psi_false_alarms,
)

COUNTS = arrays(np.int64, 6, elements=st.integers(0, 500))


def test_the_index_by_hand():
    # Half a row in each cell: shares 50.5/101 on one side, 20.5/101 and 80.5/101 on the other.
    p, q = 0.5, 20.5 / 101
    expected = (q - p) * math.log(q / p) + ((1 - q) - (1 - p)) * math.log((1 - q) / (1 - p))
    assert population_stability_index([50, 50], [20, 80]) == pytest.approx(expected, rel=1e-12)


def test_the_index_is_finite_where_a_cell_is_empty_on_one_side_and_ignores_cells_empty_on_both():
    index = population_stability_index([10, 0, 0], [0, 10, 0])
    assert np.isfinite(index)
    assert index == population_stability_index([10, 0], [0, 10])


@given(COUNTS, COUNTS)
def test_the_index_is_a_symmetric_distance(m, n):
    index = population_stability_index(m, n)
    assert index >= 0.0
    assert index == pytest.approx(population_stability_index(n, m))
    assert population_stability_index(m, m) == pytest.approx(0.0)


@given(COUNTS, COUNTS)
def test_jensen_shannon_is_scipys(m, n):
    found = jensen_shannon(m, n)
    if m.sum() and n.sum():
        # scipy takes the root of a sum that rounding may have left a little off 0
        assert found**2 == pytest.approx(np.nan_to_num(jensenshannon(m, n, base=2)) ** 2, abs=1e-9)
    else:
        assert found == 0.0


@given(COUNTS, COUNTS)
def test_chi_square_is_scipys(m, n):
    used = m + n > 0
    test = chi_square_test(m, n)
    if m.sum() and n.sum() and used.sum() > 1:
        expected = chi2_contingency(np.array([m[used], n[used]]), correction=False)
        assert test.statistic == pytest.approx(expected.statistic, rel=1e-9, abs=1e-9)
        assert test.p_value == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)
    else:
        assert (test.statistic, test.p_value) == (0.0, 1.0)


def test_all_windows_at_once_are_as_one_by_one():
    rng = np.random.default_rng(0)
    reference, windows = rng.integers(0, 50, 8), rng.integers(0, 50, (4, 3, 8))
    for function in (population_stability_index, jensen_shannon, lambda m, n: chi_square_test(m, n).p_value):
        together = function(reference, windows)
        assert together.shape == (4, 3)
        assert together[2, 1] == function(reference, windows[2, 1])


@pytest.mark.parametrize("wrong", [[-1, 2], [np.nan, 1]])
def test_what_is_no_count_is_refused(wrong):
    with pytest.raises(ParameterError, match="0 or more"):
        population_stability_index([1, 1], wrong)


@pytest.mark.parametrize(("n", "bins"), [(100, 10), (400, 10), (200, 5)])
def test_the_formula_of_false_alarms_holds_for_quantile_bins_of_real_samples(n, bins):
    """References and windows from one distribution, bins laid on the reference as monitoring lays them."""
    rng = np.random.default_rng(3)
    m, replicates, thresholds = 1500, 1500, np.array([0.05, 0.1])
    index = np.empty(replicates)
    for each in range(replicates):
        reference = np.sort(rng.normal(size=m))
        edges = reference[(np.arange(1, bins) * m) // bins - 1]
        counts = np.bincount(np.searchsorted(edges, rng.normal(size=n)), minlength=bins)
        index[each] = population_stability_index(np.full(bins, m / bins), counts)
    observed = (index[:, None] >= thresholds).mean(0)
    simulated = simulated_psi_false_alarms(thresholds, np.full(bins, m / bins), n, seed=1)
    error = 4.0 * np.sqrt(0.25 / replicates)
    np.testing.assert_allclose(psi_false_alarms(thresholds, bins, m, n), observed, atol=error)
    np.testing.assert_allclose(simulated, observed, atol=error)


def test_a_feature_with_one_cell_never_alarms():
    assert psi_false_alarms(0.1, 1, 100, 100) == 0.0
    assert simulated_psi_false_alarms([0.1], [100], 50, seed=0) == [0.0]
    assert simulated_psi_false_alarms([0.1], [0, 0], 50, seed=0) == [0.0]
