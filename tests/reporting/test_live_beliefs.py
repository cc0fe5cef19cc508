from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from reporting.live_sums import START, ab, row, table
from scipy import stats

from armlift.reporting.live_beliefs import beliefs, beliefs_over_time, densities, upper_bounds

ROOT = Path(__file__).parents[2]
BRIEF = ab(ROOT)
SUMS = table(
    [row("fixed", "popularity", 98, 9), row("fixed", "lightgbm", 48, 9), row("b", "lightgbm", 50, 10)]
)


def series(steps: int) -> pd.DataFrame:
    rows = [
        each
        for _ in range(steps)
        for each in (row("fixed", "popularity", 10, 1), row("fixed", "lightgbm", 10, 3))
    ]
    at = [START + step * pd.Timedelta("5min") for step in range(steps) for _ in range(2)]
    return table(rows, bucket_at=at)


def test_all_strategies_rewards_count():
    found = beliefs(SUMS, BRIEF).set_index("arm")
    assert found.loc["popularity", "mean"] == pytest.approx(10 / 100)  # Beta(10, 90)
    assert found.loc["lightgbm", "mean"] == pytest.approx(20 / 100)  # Beta(20, 80)
    assert found.loc["lightgbm", "n"] == 98


def test_intervals_and_the_win_probability_are_those_of_the_posteriors():
    found = beliefs(SUMS, BRIEF).set_index("arm")
    one, other = stats.beta(10, 90), stats.beta(20, 80)
    assert found.loc["popularity", "low"] == pytest.approx(one.ppf(0.025))
    assert found.loc["lightgbm", "high"] == pytest.approx(other.ppf(0.975))
    grid = np.linspace(0, 1, 20_001)
    wins = np.trapezoid(other.pdf(grid) * one.cdf(grid), grid)
    assert found.loc["lightgbm", "p_best"] == pytest.approx(wins, abs=1e-6)
    assert found["p_best"].sum() == pytest.approx(1.0)
    assert found.loc["lightgbm", "ahead"] == pytest.approx(0.1)
    assert found.loc["lightgbm", "ahead_low"] < 0.1 < found.loc["lightgbm", "ahead_high"]
    assert found.loc["popularity", "ahead"] == pytest.approx(-0.1)


def test_nothing_is_known_without_rewards():
    found = beliefs(table([row("fixed", "popularity", 0, 0)]), BRIEF)
    assert list(found["p_best"]) == pytest.approx([0.5, 0.5])
    assert beliefs_over_time(series(1)[:0], BRIEF).empty
    at, grid, heights = densities(series(1)[:0], BRIEF)
    assert len(at) == len(grid) == len(heights) == 0


def test_the_last_moment_is_what_is_believed_now():
    over = beliefs_over_time(series(90), BRIEF)
    assert over["at"].nunique() == 40  # more would draw nothing that the eye sees
    last = over[over["at"] == over["at"].max()].set_index("arm")
    now = beliefs(series(90), BRIEF).set_index("arm")
    for name in ("mean", "low", "high", "p_best"):
        assert last.loc["lightgbm", name] == pytest.approx(now.loc["lightgbm", name])


def test_densities_are_those_of_beta_and_sum_to_one():
    at, grid, heights = densities(series(12), BRIEF)
    assert heights.shape == (len(at), 2, len(grid))
    assert heights[-1, 1] == pytest.approx(stats.beta(37, 85).pdf(grid))
    assert np.trapezoid(heights[-1], grid, axis=-1) == pytest.approx([1.0, 1.0], abs=0.02)


def test_bounds_are_those_of_the_index_policies():
    found = upper_bounds(SUMS, BRIEF, "fixed").set_index("arm")
    mean, n, t = 9 / 48, 48, 98 + 48
    assert found.loc["lightgbm", "mean"] == pytest.approx(mean)
    assert found.loc["lightgbm", "ucb1"] == pytest.approx(mean + np.sqrt(2 * np.log(t) / n))
    bound = found.loc["lightgbm", "kl_ucb"]
    divergence = mean * np.log(mean / bound) + (1 - mean) * np.log((1 - mean) / (1 - bound))
    assert n * divergence == pytest.approx(np.log(t), rel=1e-4)
    assert upper_bounds(SUMS, BRIEF, "b").set_index("arm").loc["popularity"].isna()["kl_ucb"]
