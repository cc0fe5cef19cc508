"""Bootstrap over users: by hand, by repetition, and its coverage."""

import numpy as np
import pytest

from armlift.evaluation import bootstrap
from armlift.evaluation.bootstrap import RatioOfSums, WeightedAUC, resampled
from armlift.evaluation.clicks import auc


def test_ratio_of_sums_by_hand() -> None:
    mean = RatioOfSums(np.array([2.0, 3.0, 0.0]), np.array([1.0, 3.0, 0.0]))
    assert mean.users == 2
    np.testing.assert_allclose(
        mean(np.array([[1.0, 1.0, 1.0], [2.0, 0.0, 1.0], [0.0, 0.0, 3.0]])), [1.25, 2, np.nan]
    )
    root = RatioOfSums(mean.numerator, mean.denominator, root=True)
    np.testing.assert_allclose(root(np.array([[2.0, 0.0, 1.0]])), [np.sqrt(2)])


def test_weights_are_repetitions() -> None:
    rng = np.random.default_rng(0)
    owner = rng.integers(0, 6, 80)
    clicked = rng.random(80) < 0.4
    scores = rng.integers(0, 9, 80).astype(float)
    measure = WeightedAUC.of(owner, clicked, scores)
    assert measure.users == 6
    weights = rng.integers(0, 4, (10, 6)).astype(float)
    weights[0], weights[1] = 1.0, 0.0
    for weight, value in zip(weights, measure(weights), strict=True):
        rows = np.repeat(np.arange(80), weight[owner].astype(int))
        if len(rows):
            assert value == pytest.approx(auc(clicked[rows], scores[rows]), abs=1e-12)
        else:
            assert np.isnan(value)


def test_samples_do_not_depend_on_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    measure = RatioOfSums(np.arange(50.0), np.ones(50))
    whole = resampled([measure, measure], 50, 200, seed=1)
    monkeypatch.setattr(bootstrap, "_NUMBERS_IN_MEMORY", 120)
    np.testing.assert_array_equal(whole, resampled([measure, measure], 50, 200, seed=1))
    assert (whole != resampled([measure, measure], 50, 200, seed=2)).any()


def test_spread_and_coverage_are_those_of_the_mean() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for number in range(300):
        values = rng.exponential(1.0, 60)
        samples = resampled([RatioOfSums(values, np.ones(60))], 60, 400, seed=number)[:, 0]
        low, high = np.quantile(samples, [0.025, 0.975])
        covered += low <= 1.0 <= high
        assert samples.std() == pytest.approx(values.std() / np.sqrt(60), rel=0.25)
    # Percentiles of 60 skewed values fall a little short of 0.95.
    assert 0.89 <= covered / 300 <= 0.98
