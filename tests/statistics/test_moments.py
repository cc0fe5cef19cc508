import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from armlift.errors import ParameterError
from armlift.statistics.moments import (
    CovariateMean,
    CovariateRatio,
    Estimate,
    Mean,
    Proportion,
    Ratio,
)

KINDS = [(Mean, 1), (Ratio, 2), (CovariateMean, 2), (CovariateRatio, 4)]
numbers = st.floats(-1e4, 1e4, allow_subnormal=False)


def rows_of(columns):
    return st.integers(0, 12).flatmap(lambda n: arrays(float, (columns, n), elements=numbers))


def assert_same(one, other):
    size = 1.0 + np.abs(one.mean).max(initial=0.0)
    np.testing.assert_allclose(one.n, other.n)
    np.testing.assert_allclose(one.mean, other.mean, atol=1e-10 * size)
    scale = 1.0 + np.abs(one.scatter).max(initial=0.0) + one.n.max(initial=0.0) * size**2
    np.testing.assert_allclose(one.scatter, other.scatter, atol=1e-10 * scale)


@pytest.mark.parametrize(("kind", "columns"), KINDS)
class TestEveryKind:
    @given(data=st.data())
    def test_merging_parts_equals_pooling_rows(self, kind, columns, data):
        parts = [data.draw(rows_of(columns)) for _ in range(3)]
        first, second, third = (kind.from_columns(*part) for part in parts)
        pooled = kind.from_columns(*np.concatenate(parts, axis=1))
        assert_same(first + second + third, pooled)
        assert_same(third + (first + second), pooled)

    @given(data=st.data())
    def test_raw_sums_tell_the_same_as_rows(self, kind, columns, data):
        rows = data.draw(rows_of(columns))
        from_sums = kind.from_sums(rows.shape[1], rows.sum(axis=1), rows @ rows.T)
        assert_same(from_sums, kind.from_columns(*rows))

    @given(data=st.data())
    def test_the_sum_along_an_axis_is_the_merge_of_its_parts(self, kind, columns, data):
        rows = data.draw(arrays(float, (columns, 2, 3, 5), elements=numbers))
        stack = kind.from_columns(*rows)
        assert_same(stack.sum(), stack[:, 0] + stack[:, 1] + stack[:, 2])
        assert_same(stack.sum(0), stack[0] + stack[1])
        assert_same(stack.sum(-1), stack.sum(1))

    def test_nothing_is_the_neutral_element(self, kind, columns):
        rows = np.random.default_rng(0).normal(size=(columns, 7))
        some, none = kind.from_columns(*rows), kind.from_columns(*rows[:, :0])
        assert_same(some + none, some)
        assert_same(none + some, some)
        assert (none.n, none.value, none.variance) == (0, 0, 0)

    def test_an_index_selects_experiments(self, kind, columns):
        rows = np.random.default_rng(0).normal(size=(columns, 4, 3, 9))
        stack = kind.from_columns(*rows)
        several = np.array([True, False, True, True])
        for index in [1, (1, 2), slice(1, 3), (slice(None), 0), several, (..., 2), (..., None)]:
            at = np.index_exp[index]
            tail = (slice(None),) if at[0] is ... else ()
            assert_same(stack[index], kind.from_columns(*rows[(slice(None), *at, *tail)]))

    def test_the_kind_survives(self, kind, columns):
        one = kind.from_columns(*np.ones((columns, 2, 3)))
        assert type(one + one) is type(one.sum()) is type(one[0]) is kind

    def test_shapes_must_fit(self, kind, columns):
        with pytest.raises(ParameterError, match="shapes of n, mean, scatter"):
            kind([1, 2], np.zeros((3, columns)), np.zeros((3, columns, columns)))

    def test_what_is_not_finite_is_refused(self, kind, columns):
        with pytest.raises(ParameterError, match="mean = nan"):
            kind.from_columns(*np.full((columns, 3), np.nan))


def test_mean_and_variance_are_those_of_the_rows():
    x = np.random.default_rng(0).gamma(2.0, 3.0, (3, 50))
    mean = Mean.from_columns(x)
    np.testing.assert_allclose(mean.value, x.mean(axis=1))
    np.testing.assert_allclose(mean.variance, x.var(axis=1, ddof=1))
    covariate = CovariateMean.from_columns(x, x[::-1])
    np.testing.assert_allclose(covariate.value, mean.value)
    np.testing.assert_allclose(covariate.variance, mean.variance)


def test_the_ratio_s_variance_is_that_of_its_linearised_rows():
    rng = np.random.default_rng(1)
    views = 1.0 + rng.poisson(5.0, 80)
    clicks = rng.binomial(views.astype(int), 0.3)
    linear = (clicks - clicks.sum() / views.sum() * views) / views.mean()
    metric = Ratio.from_columns(clicks, views)
    assert metric.value == pytest.approx(clicks.sum() / views.sum())
    assert metric.variance == pytest.approx(linear.var(ddof=1))
    past = CovariateRatio.from_columns(clicks, views, views, clicks + 1.0)
    assert (past.value, past.variance) == (pytest.approx(metric.value), pytest.approx(metric.variance))


def test_centred_moments_keep_the_digits_that_raw_sums_lose():
    x = 1e9 + np.random.default_rng(2).normal(size=(2, 1000))
    truth = (x - 1e9).ravel().var(ddof=1)
    merged = Mean.from_columns(x).sum()
    assert merged.variance == pytest.approx(truth, rel=1e-6)
    raw = Mean.from_sums(x.size, [x.sum()], [[(x * x).sum()]])
    assert raw.variance != pytest.approx(truth, rel=1e-2)
    assert raw.variance >= 0.0


@pytest.mark.parametrize("rows", [1, 3, 10, 1000])
def test_constants_have_no_scatter_at_all(rows):
    metric = Mean.from_columns(np.full(rows, 0.1))
    assert (metric.value, metric.variance) == (0.1, 0.0)
    assert (metric + metric).variance == 0.0


counts = st.lists(
    st.integers(0, 10**6).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), min_size=2, max_size=5
)


@given(counts)
def test_proportions_add_up(parts):
    n, successes = np.array(parts).T
    pooled = Proportion(n, successes).sum()
    backwards = sum((Proportion(*part) for part in reversed(parts[:-1])), start=Proportion(*parts[-1]))
    assert (pooled.n, pooled.successes) == (n.sum(), successes.sum()) == (backwards.n, backwards.successes)
    assert 0.0 <= pooled.value <= 1.0
    assert 0.0 <= pooled.variance <= 0.25


@given(counts)
def test_a_proportion_is_the_mean_of_zeros_and_ones(parts):
    n, successes = parts[0]
    as_mean = Mean.from_sums(n, [successes], [[successes]])
    proportion = Proportion(n, successes)
    assert as_mean.value == proportion.value
    # A mean's variance divides by n - 1, a proportion's by n.
    assert as_mean.variance * (n - 1) == pytest.approx(proportion.variance * n, rel=1e-6, abs=1e-6) or n < 2


def test_an_index_selects_proportions():
    arms = Proportion([[10, 20], [30, 40]], [[1, 2], [3, 4]])
    assert arms[1].successes.tolist() == [3, 4]
    assert arms[..., 0].n.tolist() == [10, 30]


@pytest.mark.parametrize(("n", "successes", "name"), [(-1, 0, "n"), (np.inf, 0, "n"), (3, 4, "successes")])
def test_impossible_counts_are_refused(n, successes, name):
    with pytest.raises(ParameterError, match=f"^{name} ="):
        Proportion(n, successes)


def test_estimates_take_numbers():
    estimate = Estimate(10, 2, 1)
    assert (estimate.n.shape, estimate.value.dtype, estimate.variance) == ((), float, 1.0)


@pytest.mark.parametrize(
    ("numbers_", "name"), [((-1, 0, 0), "n"), ((1, np.nan, 0), "value"), ((1, 0, -1), "variance")]
)
def test_impossible_estimates_are_refused(numbers_, name):
    with pytest.raises(ParameterError, match=f"^{name} ="):
        Estimate(*numbers_)
