"""The pivot table and the choice made from it, against scipy and quadrature."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit
from scipy import stats

from armlift.bandits.best_draw import add_reward, best_draw, empty_table, place_pivots
from armlift.bandits.draws import stream_key
from armlift.statistics import probability_best_beta

POSTERIORS = {
    "prior only": ([1.0] * 10, [1.0] * 10),
    "one arm": ([3.0], [4.0]),
    "two arms": ([30.0, 35.0], [60.0, 55.0]),
    "narrow inside wide": ([3000.0, 2.0, 1.0, 400.0], [6000.0, 3.0, 1.0, 700.0]),
    "near zero": ([1.0, 1.0, 3.0, 2.0], [5000.0, 300.0, 2000.0, 10.0]),
    "near one": ([5000.0, 300.0, 2000.0], [1.0, 2.0, 1.0]),
    "non-integer": ([1.5, 2.25, 7.75], [2.5, 1.0, 9.5]),
    "rough at the ends": ([1.2, 1.5], [1.2, 1.3]),
    "a million rewards": ([300_000.0, 300_500.0, 20.0], [700_000.0, 699_500.0, 60.0]),
    "hundred arms": (list(1.0 + np.arange(100) % 7), list(3.0 + np.arange(100) % 11)),
}


@njit(error_model="numpy")
def _choices(stream, table, counts, draws):
    for _ in range(draws):
        counts[best_draw(stream, table)] += 1


@njit(error_model="numpy")
def _follow(table, arms, successes):
    for i in range(len(arms)):
        add_reward(table, arms[i], successes[i])


def _table(a, b):
    table = empty_table(len(a))
    table.a[:], table.b[:] = a, b
    place_pivots(table)
    return table


def _cdf_error(table):
    exact = stats.beta.cdf(table.pivots[None, :], table.a[:, None], table.b[:, None])
    return np.abs(table.below - exact).max()


@pytest.mark.parametrize("name", POSTERIORS)
def test_distribution_functions_agree_with_scipy(name: str) -> None:
    table = _table(*POSTERIORS[name])
    assert _cdf_error(table) < 1e-8
    assert np.allclose(table.largest, np.prod(table.below, axis=0), atol=1e-12)


def test_distribution_functions_follow_thousands_of_rewards() -> None:
    rng = np.random.default_rng(5)
    table = _table(np.ones(4), np.ones(4))
    for _ in range(5):
        arms = rng.integers(4, size=1000)
        _follow(table, arms, rng.random(1000) < np.array([0.2, 0.3, 0.35, 0.4])[arms])
        assert _cdf_error(table) < 1e-8
        assert np.allclose(table.largest, np.prod(table.below, axis=0), rtol=1e-9, atol=1e-12)
        place_pivots(table)
    assert table.a.sum() + table.b.sum() == 5008


def _check_choices(name: str, draws: int) -> None:
    table = _table(*POSTERIORS[name])
    counts = np.zeros(len(table.a))
    _choices(np.array([stream_key(11, 7, 3)], dtype=np.uint64), table, counts, draws)
    exact = probability_best_beta(table.a, table.b)
    rare = exact * draws < 20
    seen, expected = counts[~rare], draws * exact[~rare]
    if rare.any():
        assert counts[rare].sum() < 20 * rare.sum() + 100
        expected = expected * seen.sum() / expected.sum()
    if len(seen) > 1:
        assert stats.chisquare(seen, expected * seen.sum() / expected.sum()).pvalue > 1e-4


@pytest.mark.parametrize("name", POSTERIORS)
def test_choices_have_the_distribution_of_the_argmax(name: str) -> None:
    _check_choices(name, 300_000)


@pytest.mark.slow
@pytest.mark.parametrize("name", POSTERIORS)
def test_choices_have_the_distribution_of_the_argmax_at_length(name: str) -> None:
    _check_choices(name, 2_000_000)


def test_choices_stay_exact_on_worn_pivots() -> None:
    table = _table(np.ones(3), np.ones(3))
    _follow(table, np.arange(150) % 3, np.arange(150) % 2 == 0)
    counts = np.zeros(3)
    _choices(np.array([stream_key(1, 2, 3)], dtype=np.uint64), table, counts, 200_000)
    expected = 200_000 * probability_best_beta(table.a, table.b)
    assert stats.chisquare(counts, expected).pvalue > 1e-4
