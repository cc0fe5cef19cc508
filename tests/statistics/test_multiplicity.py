import gc

import numpy as np
import pytest
from calibration import assert_rate, assert_rate_at_most
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from statsmodels.stats.multitest import multipletests

from armlift.errors import ParameterError
from armlift.statistics.multiplicity import (
    adjust,
    benjamini_hochberg,
    bonferroni,
    hochberg,
    holm,
    primary_weights,
    weighted_bonferroni,
)

ALL = {"bonferroni": bonferroni, "holm": holm, "hochberg": hochberg, "benjamini_hochberg": benjamini_hochberg}
STATSMODELS = {
    "bonferroni": "bonferroni",
    "holm": "holm",
    "hochberg": "simes-hochberg",
    "benjamini_hochberg": "fdr_bh",
}


@pytest.fixture(scope="module", autouse=True)
def no_collecting():
    """statsmodels collects garbage in each call, which takes long beside all that other tests have loaded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "collect", lambda: 0)
        yield


p_values = arrays(float, array_shapes(max_dims=2, max_side=6), elements=st.floats(0.0, 1.0))


@pytest.mark.parametrize("name", ALL)
class TestEveryCorrection:
    @settings(max_examples=10)
    @given(p=arrays(float, st.integers(1, 8), elements=st.floats(0.0, 1.0)))
    def test_agrees_with_statsmodels(self, name, p):
        expected = multipletests(p, method=STATSMODELS[name])[1]
        np.testing.assert_allclose(ALL[name](p), expected, rtol=1e-12, atol=1e-300)

    @given(p=p_values)
    def test_only_raises_p_values_and_keeps_their_order(self, name, p):
        adjusted = ALL[name](p)
        assert ((p <= adjusted) & (adjusted <= 1.0)).all()
        order = np.argsort(p, axis=-1)
        assert (np.diff(np.take_along_axis(adjusted, order, axis=-1), axis=-1) >= 0.0).all()

    @given(p=p_values, seed=st.integers(0, 99))
    def test_does_not_depend_on_the_order_of_tests(self, name, p, seed):
        shuffled = np.random.default_rng(seed).permutation(p.shape[-1])
        np.testing.assert_array_equal(ALL[name](p)[..., shuffled], ALL[name](p[..., shuffled]))

    def test_leading_axes_are_experiments_of_their_own(self, name):
        p = np.random.default_rng(0).uniform(size=(3, 2, 5))
        each = np.array([[ALL[name](one) for one in row] for row in p])
        np.testing.assert_array_equal(ALL[name](p), each)

    def test_one_test_needs_no_correction(self, name):
        np.testing.assert_array_equal(ALL[name]([[0.01], [0.7]]), [[0.01], [0.7]])

    def test_is_found_by_name(self, name):
        p = [0.01, 0.04, 0.03]
        np.testing.assert_array_equal(adjust(p, name), ALL[name](p))

    @pytest.mark.parametrize("wrong", [np.nan, -0.1, 1.1])
    def test_what_is_no_p_value_is_refused(self, name, wrong):
        with pytest.raises(ParameterError, match="p_values"):
            ALL[name]([0.5, wrong])


@given(p_values)
def test_hochberg_is_never_weaker_than_holm_nor_holm_than_bonferroni(p):
    assert (hochberg(p) <= holm(p)).all()
    assert (holm(p) <= bonferroni(p)).all()
    assert (benjamini_hochberg(p) <= hochberg(p) + 1e-15).all()


def test_the_primary_metric_keeps_its_share_of_alpha():
    weights = primary_weights(5)
    assert weights.sum() == pytest.approx(1.0)
    p = np.array([0.04 - 1e-9, 0.01, 0.5, 0.5, 0.5])
    adjusted = weighted_bonferroni(p, weights)
    assert adjusted[0] < 0.05 <= bonferroni(p)[0]
    assert adjusted[1] == pytest.approx(0.2)


def test_equal_weights_are_bonferroni():
    p = np.random.default_rng(0).uniform(size=(10, 4))
    np.testing.assert_allclose(weighted_bonferroni(p, np.full(4, 0.25)), bonferroni(p))


def test_a_lone_primary_metric_has_all_of_alpha():
    assert primary_weights(1).tolist() == [1.0]


def error_rates(correct, true_nulls, seed, tests=6, n=20_000):
    """Whether any true null was rejected, and the false share of rejections; the rest are far from null."""
    p = np.random.default_rng(seed).uniform(size=(n, tests))
    p[:, true_nulls:] *= 1e-3
    rejected = correct(p) <= 0.05
    false = rejected[:, :true_nulls].sum(axis=1)
    return false > 0, false / np.maximum(rejected.sum(axis=1), 1)


@pytest.mark.parametrize("true_nulls", [6, 3])
@pytest.mark.parametrize("name", ["bonferroni", "holm", "hochberg"])
def test_any_false_rejection_is_as_rare_as_alpha(name, true_nulls):
    any_false, _ = error_rates(ALL[name], true_nulls, seed=1)
    assert_rate_at_most(any_false, 0.05)


def test_no_correction_fails_the_same_check():
    any_false, _ = error_rates(lambda p: p, 6, seed=1)
    with pytest.raises(AssertionError):
        assert_rate_at_most(any_false, 0.05)


def test_weighted_bonferroni_spends_alpha_as_declared():
    any_false, _ = error_rates(lambda p: weighted_bonferroni(p, primary_weights(6)), 6, seed=2)
    assert_rate(any_false, 1.0 - 0.96 * 0.998**5)


def test_benjamini_hochberg_bounds_the_false_share_of_rejections():
    _, false_share = error_rates(benjamini_hochberg, 3, seed=3)
    error = false_share.std() / np.sqrt(false_share.size)
    assert false_share.mean() == pytest.approx(0.05 * 3 / 6, abs=4 * error)


@pytest.mark.parametrize("weights", [[0.5, 0.6], [1.0, 0.0], [1.0], [0.2, 0.3, 0.5]])
def test_weights_that_do_not_divide_alpha_are_refused(weights):
    with pytest.raises(ParameterError, match="weights"):
        weighted_bonferroni([0.1, 0.2], weights)


@pytest.mark.parametrize(("tests", "share"), [(0, 0.8), (3, 0.0), (3, 1.0), (3, np.nan)])
def test_shares_out_of_bounds_are_refused(tests, share):
    with pytest.raises(ParameterError):
        primary_weights(tests, primary_share=share)


def test_an_unknown_correction_is_refused():
    with pytest.raises(ParameterError, match="correction"):
        adjust([0.1], "tukey")
