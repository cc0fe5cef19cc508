"""What a strategy knew, and the allocation that follows from it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from live_log import brief as films
from scipy import stats

from armlift.experiments.allocation import Sums, live_experiment
from dashboard.decision_reasons import allocation_over_time, decisions_by_arm, knowledge


def rows(*cells):
    """Sums of (strategy, arm, decisions, rewards, total), each reward 0 or 1."""
    names = ("strategy_id", "arm_id", "decisions", "rewards", "reward_total")
    table = pd.DataFrame([dict(zip(names, cell, strict=True)) for cell in cells], columns=list(names))
    return table.assign(reward_squares=table["reward_total"])


LEARNED = rows(
    ("bandit", "popularity", 500, 490, 40.0),
    ("bandit", "svd", 900, 600, 66.0),
    ("bandit", "svd", 100, 100, 12.0),
    ("split", "svd", 10_000, 10_000, 9_999.0),
)


def test_knowledge_is_the_posterior_and_the_routers_own_allocation():
    brief = films()
    popularity, svd = knowledge(brief, brief.strategies[1], LEARNED)
    assert (popularity.arm, svd.arm) == ("popularity", "svd")
    assert (popularity.rewards, svd.rewards) == (490, 700)
    assert svd.mean == pytest.approx(78 / 700)
    assert (svd.low, svd.high) == pytest.approx(stats.beta(79, 623).interval(0.95))
    sums = {"bandit": [Sums(500, 490, 40.0, 40.0), Sums(1000, 700, 78.0, 78.0)]}
    live = live_experiment(brief, "running", None, {}, sums).strategy("bandit")
    assert [popularity.allocation, svd.allocation] == pytest.approx(live.probabilities)


def test_a_fixed_split_knows_without_caring():
    brief = films()
    popularity, svd = knowledge(brief, brief.strategies[0], LEARNED)
    assert (popularity.allocation, svd.allocation) == (0.5, 0.5)
    assert (popularity.mean, popularity.low, svd.low, svd.high) == (None, None, None, None)
    assert svd.mean == pytest.approx(0.9999)


def test_ucb_is_explained_by_its_bound():
    ucb = [{"id": "bandit", "share": 1.0, "allocation": "ucb", "floor": 0.0}]
    brief = films(strategies=ucb)
    popularity, svd = knowledge(brief, brief.strategies[0], LEARNED)
    assert svd.high == pytest.approx(78 / 700 + np.sqrt(2 * np.log(1190) / 700))
    assert svd.high > popularity.high
    assert [popularity.allocation, svd.allocation] == [0.0, 1.0]
    unseen = knowledge(brief, brief.strategies[0], rows())
    assert [arm.high for arm in unseen] == [None, None]


def test_amounts_have_a_normal_posterior():
    amounts = [{"id": "bandit", "share": 1.0, "allocation": "thompson_gaussian"}]
    brief = films(strategies=amounts)
    _, svd = knowledge(brief, brief.strategies[0], LEARNED)
    assert svd.low < 78 / 700 < svd.high
    assert (svd.low + svd.high) / 2 == pytest.approx(79 / 701)  # the prior is one reward of 1


def test_allocation_follows_the_sums_bucket_by_bucket():
    brief = films()
    at = pd.date_range("2026-01-05 10:00", periods=2, freq="5min", tz="UTC")
    first, second = (
        rows(("bandit", "popularity", 100, 100, 5.0), ("bandit", "svd", 300, 300, 45.0)),
        rows(("bandit", "svd", 50, 50, 6.0), ("bandit", "left_the_brief", 9, 9, 9.0)),
    )
    series = pd.concat([first.assign(bucket_at=at[0]), second.assign(bucket_at=at[1])])
    told = allocation_over_time(brief, brief.strategies[1], LEARNED, series)
    assert told["bucket_at"].tolist() == [at[0], at[0], at[1], at[1]]
    assert told["chosen"].tolist() == [0.25, 0.75, 0.0, 1.0]
    for moment, sums in ((at[0], [LEARNED, first]), (at[1], [LEARNED, first, second])):
        expected = [arm.allocation for arm in knowledge(brief, brief.strategies[1], pd.concat(sums))]
        assert told.loc[told["bucket_at"] == moment, "allocation"].tolist() == pytest.approx(expected)


def test_allocation_over_no_time_is_empty():
    brief = films()
    series = rows().assign(bucket_at=pd.DatetimeIndex([], tz="UTC"))
    assert allocation_over_time(brief, brief.strategies[1], LEARNED, series).empty


def test_decisions_by_arm():
    assert decisions_by_arm(LEARNED.query("strategy_id == 'bandit'")) == {"svd": 1000, "popularity": 500}
    assert decisions_by_arm(rows()) == {}
