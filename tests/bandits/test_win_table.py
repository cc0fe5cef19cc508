"""The allocation kept over batches, against quadrature from scratch."""

from __future__ import annotations

import numpy as np
import pytest

from armlift.bandits.win_table import empty_win_table, win_probabilities
from armlift.statistics import probability_best_beta


def _error(table, a, b) -> float:
    a, b, out = np.asarray(a, float), np.asarray(b, float), np.empty(len(a))
    win_probabilities(table, a, b, out)
    assert out.sum() == pytest.approx(1.0)
    return float(np.abs(out - probability_best_beta(a, b)).max())


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([1.0] * 10, [1.0] * 10),
        ([3.0], [4.0]),
        ([1.0, 1.0], [1.0, 1.0]),
        ([3000.0, 2.0, 1.0, 400.0], [6000.0, 3.0, 1.0, 700.0]),
        ([1.0, 1.0, 3.0, 2.0], [5000.0, 300.0, 2000.0, 10.0]),
        ([5000.0, 300.0, 2000.0], [1.0, 2.0, 1.0]),
        ([1.5, 2.25, 7.75], [2.5, 1.0, 9.5]),
        ([300_000.0, 300_500.0, 20.0], [700_000.0, 699_500.0, 60.0]),
        (1.0 + np.arange(100) % 7, 3.0 + np.arange(100) % 11),
    ],
)
def test_probabilities_agree_with_quadrature(a, b) -> None:
    assert _error(empty_win_table(len(a)), a, b) < 5e-6


@pytest.mark.parametrize(
    "means", [np.linspace(0.30, 0.48, 10), np.linspace(0.1, 0.9, 9), np.array([0.0, 1.0])]
)
def test_probabilities_follow_batches_of_rewards(means) -> None:
    rng = np.random.default_rng(8)
    a, b = np.ones(len(means)), np.ones(len(means))
    table = empty_win_table(len(means))
    for _ in range(80):
        assert _error(table, a, b) < 1e-5
        counts = rng.multinomial(100, probability_best_beta(a, b))
        wins = rng.binomial(counts, means)
        a, b = a + wins, b + counts - wins


@pytest.mark.parametrize("whole", [True, False])
def test_posteriors_may_widen_and_move(whole) -> None:
    rng, table = np.random.default_rng(2), empty_win_table(5)
    for _ in range(200):
        size, mean = 10.0 ** rng.uniform(0.5, 4.0, 5), rng.uniform(0.05, 0.95, 5)
        a, b = size * mean, size * (1.0 - mean)
        a, b = (np.floor(a), np.floor(b)) if whole else (a, b)
        assert _error(table, 1.0 + a, 1.0 + b) < 1e-5
