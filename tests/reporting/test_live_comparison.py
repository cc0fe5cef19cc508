"""Live trends, lift and regret, by hand and by simulation."""

import numpy as np
import pandas as pd
import pytest

from armlift.experiments.live_window import LiveSums
from armlift.reporting.live_lift import live_lift, propensities
from armlift.reporting.live_regret import arm_values, live_regret
from armlift.reporting.live_trends import Roles, strategy_trend, traffic_trend
from armlift.statistics.adaptive import aipw_scores, arm_scores
from armlift.statistics.effect import Reason

START = pd.Timestamp("2026-03-01", tz="UTC")
BOTH = Roles("fixed", ("thompson",), ("a", "b"), (0.5, 0.5), 1000.0)
ALONE = Roles(None, ("thompson",), ("a", "b"), (0.5, 0.5), 1000.0)


def table(*rows):
    """Sums: (stretch, strategy, arm, {column: value}); clicks and impressions follow rewards."""
    return pd.DataFrame(
        [
            {
                "bucket_at": START + pd.Timedelta(minutes=5 * stretch),
                "strategy_id": strategy,
                "arm_id": arm,
                **LiveSums(**sums)._asdict(),
            }
            for stretch, strategy, arm, sums in rows
        ]
    )


def clicks(decisions, rewarded, propensity=0.5):
    return {
        "decisions": decisions,
        "rewards": decisions,
        "reward_total": float(rewarded),
        "reward_squares": float(rewarded),
        "impressions": decisions,
        "clicks": rewarded,
        "propensity_total": decisions * propensity,
    }


NOTHING = table().reindex(columns=["bucket_at", "strategy_id", "arm_id", *LiveSums._fields])
NOTHING["bucket_at"] = pd.DatetimeIndex([], tz="UTC")


def test_trend_adds_up_over_arms_and_time():
    series = table(
        (0, "fixed", "a", clicks(10, 2)),
        (0, "fixed", "b", clicks(10, 4)),
        (1, "thompson", "b", clicks(30, 9)),
    )
    trend = strategy_trend(series, BOTH).set_index(["at", "strategy"])
    last = trend.loc[START + pd.Timedelta(minutes=5)]
    assert last.loc["fixed", ["decisions", "rewards", "reward", "mean", "ctr"]].tolist() == [
        20,
        20,
        6,
        0.3,
        0.3,
    ]
    assert last.loc["thompson", ["decisions", "reward", "mean"]].tolist() == [30, 9, 0.3]
    # At equal traffic both have 25 rewards.
    assert last["scaled"].tolist() == [0.3 * 25, 0.3 * 25]
    assert (last["mean_low"] >= 0).all()
    assert (last["mean_high"] > 0.3).all()
    assert np.isnan(trend.loc[(START, "thompson"), "mean"])


def test_trend_of_clicks_beyond_impressions_has_a_band():
    sums = clicks(50, 10) | {"clicks": 80}
    last = strategy_trend(table((0, "fixed", "a", sums), (0, "thompson", "a", sums)), BOTH).iloc[-1]
    assert last["ctr"] == 1.6
    assert last["ctr_low"] < 1.6 < last["ctr_high"]


def test_traffic_share_is_of_the_strategy_and_leaves_out_silence():
    series = table(
        (0, "fixed", "a", clicks(10, 2)),
        (0, "thompson", "a", clicks(1, 0)),
        (0, "thompson", "b", clicks(3, 0)),
        (1, "thompson", "b", clicks(5, 0)),
    )
    shares = traffic_trend(series, BOTH)
    assert shares["share"].tolist() == [1.0, 0.0, 0.25, 0.75, 0.0, 1.0]
    assert shares["strategy"].tolist() == ["fixed"] * 2 + ["thompson"] * 4


def test_randomised_lift_is_the_ratio_of_the_strategies_means():
    series = table(
        (0, "fixed", "a", clicks(1000, 80)),
        (0, "fixed", "b", clicks(1000, 120)),
        (0, "thompson", "a", clicks(200, 16)),
        (0, "thompson", "b", clicks(1800, 216)),
    )
    lift = live_lift(series, BOTH, "thompson")
    assert lift.method == "randomised"
    assert lift.baseline == "fixed"
    assert lift.now.difference == pytest.approx(0.116 - 0.1)
    assert lift.now.relative == pytest.approx(0.16)
    assert lift.now.outcome == "open"
    assert lift.now.low < 0 < lift.now.high
    assert lift.now.gained(2.5)[0] == pytest.approx(0.016 * 2000 * 2.5)
    assert lift.now.gained()[1:] == (lift.now.low * 2000, lift.now.high * 2000)


def test_lift_is_found_when_it_is_large_and_a_loss_when_it_is_negative():
    more, less = clicks(5000, 1000), clicks(5000, 500)
    gain = live_lift(table((0, "fixed", "a", less), (0, "thompson", "a", more)), BOTH, "thompson").now
    loss = live_lift(table((0, "fixed", "a", more), (0, "thompson", "a", less)), BOTH, "thompson").now
    assert (gain.outcome, loss.outcome) == ("gain", "loss")
    assert gain.relative == pytest.approx(1.0)
    assert loss.relative == pytest.approx(-0.5)


@pytest.mark.parametrize(
    ("series", "reason"),
    [
        (NOTHING, Reason.NO_DATA),
        (table((0, "thompson", "a", clicks(50, 5))), Reason.EMPTY_ARM),
        (table((0, "fixed", "a", clicks(50, 0)), (0, "thompson", "a", clicks(50, 0))), Reason.NO_VARIANCE),
    ],
)
def test_lift_says_why_it_says_nothing(series, reason):
    lift = live_lift(series, BOTH, "thompson")
    assert lift.now.reason == reason
    assert lift.now.outcome == "unknown"
    assert lift.trend["low"].isna().all()
    assert all(np.isnan(end) or np.isinf(end) or end == 0 for end in lift.now.gained()[1:])


def test_weighted_lift_compares_with_an_imagined_split():
    series = table(
        (0, "thompson", "a", clicks(200, 20, 0.2)),
        (0, "thompson", "b", clicks(800, 160, 0.8)),
    )
    lift = live_lift(series, ALONE, "thompson")
    # An even split would have played b 0.5 / 0.8 as often: 20 * 2.5 + 160 * 0.625 = 150 of 180.
    assert lift.method == "weighted"
    assert lift.baseline is None
    assert lift.now.difference == pytest.approx(0.18 - 0.15)
    assert lift.now.relative == pytest.approx(180 / 150 - 1)
    assert lift.now.relative_low < 0.2 < lift.now.relative_high


def test_propensities_are_carried_to_stretches_without_decisions():
    decisions = np.array([[[0.0]], [[4.0]], [[0.0]]])
    assert propensities(decisions, decisions * 0.25, (0.5,)).ravel().tolist() == [0.5, 0.25, 0.25]


def test_arm_values_are_the_aipw_scores_of_single_decisions():
    """With one decision a stretch, sums by stretch are the decisions themselves."""
    rng = np.random.default_rng(3)
    arms, rewards = rng.integers(0, 2, 40), rng.integers(0, 2, 40)
    chances = np.full((40, 2), 0.5)
    series = table(*[(t, "thompson", "ab"[arms[t]], clicks(1, rewards[t])) for t in range(40)])
    ours, exact = arm_values(series, ALONE), arm_scores(aipw_scores(arms, rewards, chances))
    np.testing.assert_allclose(ours.mean, exact.mean)
    np.testing.assert_allclose(ours.covariance, exact.covariance)


def test_regret_counts_what_the_other_arms_cost():
    series = table(
        (0, "fixed", "a", clicks(1000, 100)),
        (0, "fixed", "b", clicks(1000, 200)),
        (0, "thompson", "a", clicks(1000, 100)),
        (0, "thompson", "b", clicks(1000, 200)),
    )
    found = live_regret(series, BOTH)
    assert found.best == "b"
    assert found.arm_values["value"].tolist() == pytest.approx([0.1, 0.2])
    assert found.trend["regret"].tolist() == pytest.approx([100.0, 100.0])
    assert (found.trend["low"] < 100).all()
    assert (found.trend["high"] > 100).all()


def test_regret_of_one_arm_is_none_and_of_nothing_unknown():
    one = Roles(None, ("thompson",), ("a",), (1.0,), 100.0)
    assert live_regret(table((0, "thompson", "a", clicks(10, 3, 1.0))), one).trend["high"].tolist() == [0.0]
    nothing = live_regret(NOTHING, BOTH)
    assert nothing.best is None
    assert nothing.trend.empty


def test_regret_tolerates_sums_of_foreign_strategies():
    series = table((0, "fixed", "a", clicks(10, 3)), (1, "old", "a", clicks(10, 3)))
    assert len(live_regret(series, BOTH).trend) == 2


RUNS = 150


@pytest.fixture(scope="module")
def greedy():
    """Runs of a greedy bandit with a floor beside a fixed split, on equal arms."""
    rng = np.random.default_rng(7)
    runs = []
    for _ in range(RUNS):
        rows, sums = [], np.zeros((2, 2))  # rewards and their number by arm
        for stretch in range(20):
            favourite = int(np.argmax(sums[0] / np.maximum(sums[1], 1)))
            chance = np.where(np.arange(2) == favourite, 0.9, 0.1)
            for strategy, p in (("thompson", chance), ("fixed", np.array([0.5, 0.5]))):
                played = rng.multinomial(60, p)
                won = rng.binomial(played, 0.3)
                rows += [(stretch, strategy, "ab"[k], clicks(played[k], won[k], p[k])) for k in range(2)]
                if strategy == "thompson":
                    sums += [won, played]
        runs.append(table(*rows))
    return runs


@pytest.mark.parametrize("who", [BOTH, ALONE])
def test_lift_interval_holds_at_all_looks_for_a_bandit_that_adapts(who, greedy):
    """Its lift is 0, whatever it plays."""
    trends = [live_lift(run, who, "thompson").trend for run in greedy]
    misses = sum(bool(((trend["low"] > 0) | (trend["high"] < 0)).any()) for trend in trends)
    assert misses <= 14  # 5 % of 150 are 7.5; 15 or more have a probability below 1 %
