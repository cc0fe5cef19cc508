"""What the comparison's charts say, at the edges too."""

import math

import numpy as np
import pandas as pd
import pytest

from armlift.reporting.comparison_findings import (
    ctr_finding,
    lift_finding,
    money,
    money_finding,
    regret_finding,
    reward_finding,
    traffic_finding,
)
from armlift.reporting.findings import Finding
from armlift.reporting.live_lift import LiftNow, LiveLift
from armlift.reporting.live_regret import LiveRegret
from armlift.reporting.live_trends import Roles
from armlift.reporting.session_rewards import ecdf, histogram, session_finding, session_rewards
from armlift.reporting.simulated_findings import (
    simulated_lift_finding,
    simulated_traffic_finding,
    simulated_trend_finding,
)
from armlift.statistics.effect import Reason

WHO = Roles("fixed", ("thompson",), ("a", "b"), (0.5, 0.5), 1000.0)
INF = math.inf


def lift(relative, low, high, *, difference=None, ends=None, reason=Reason.NONE, baseline="fixed"):
    plain = (relative / 10, low / 10, high / 10) if difference is None else (difference, *ends)
    now = LiftNow(relative, low, high, *plain, units=2000.0, reason=reason)
    return LiveLift("thompson", baseline, "randomised", pd.DataFrame(), now)


@pytest.mark.parametrize(
    ("found", "key", "values"),
    [
        (lift(0.16, 0.02, 0.30), "gain", {"lift": "16.0\xa0%", "low": "+2.0\xa0%", "high": "+30.0\xa0%"}),
        (lift(-0.16, -0.3, -0.02), "loss", {"lift": "16.0\xa0%", "high": "−2.0\xa0%"}),
        (lift(0.1, -0.05, 0.25), "open", {"lift": "+10.0\xa0%", "low": "−5.0\xa0%"}),
        (lift(0.0, -0.05, 0.05), "open", {"lift": "0.0\xa0%"}),
        (lift(0.1, 0.0, 0.2), "open", {}),
        (lift(0, -INF, INF, reason=Reason.NO_DATA), "no_data", {"baseline": "fixed"}),
        (lift(0, -INF, INF, reason=Reason.EMPTY_ARM), "empty", {}),
        (lift(0, -INF, INF, reason=Reason.TOO_FEW), "too_few", {}),
        (lift(0, -INF, INF, reason=Reason.NO_VARIANCE), "no_variance", {}),
        (
            lift(0, -INF, INF, difference=0.02, ends=(0.01, 0.03)),
            "gain_absolute",
            {"lift": "20.0", "low": "+10.0"},
        ),
        (lift(0, -INF, INF, difference=-0.02, ends=(-0.05, 0.01)), "open_absolute", {"low": "−50.0"}),
        (lift(0.1, -0.05, 0.25, baseline=None), "open", {"baseline": Finding("comparison.imagined")}),
    ],
)
def test_lift(found, key, values):
    said = lift_finding(found, WHO)
    assert said.key == f"comparison.lift.{key}"
    assert dict(said.words).items() >= values.items()


def test_lift_without_a_bandit():
    assert lift_finding(None, WHO) == Finding("comparison.lift.no_bandit", {"baseline": "fixed"})


def test_money_is_the_difference_of_all_decisions_times_the_value():
    now = lift(0.16, 0.02, 0.30).now  # 0.016 more for each of 2,000 decisions
    assert money_finding(now, 2.5) == Finding(
        "comparison.money.gain", {"gained": "+80.00", "low": "+10.00", "high": "+150"}
    )
    assert money_finding(now, 0.0) is None
    assert money_finding(lift(0, -INF, INF, reason=Reason.NO_DATA).now, 2.5) is None
    assert money_finding(lift(0.1, -0.05, 0.25).now, 1.0).key == "comparison.money.open"
    assert (money(-0.001), money(-1e6)) == ("0", "−1,000,000")


def trend(**strategies):
    """Last rows: scaled, mean, ctr, ctr_low, ctr_high."""
    names = ["scaled", "mean", "ctr", "ctr_low", "ctr_high"]
    rows = [
        {"strategy": name, "reward": 7.0, "decisions": 70.0, **dict(zip(names, values, strict=True))}
        for name, values in strategies.items()
    ]
    return pd.DataFrame(rows, columns=["strategy", "reward", "decisions", *names])


NAMES = ("fixed", "thompson")


def test_reward():
    both = trend(fixed=(20.0, 0.2, 0.1, 0.08, 0.12), thompson=(25.0, 0.25, 0.15, 0.13, 0.17))
    assert reward_finding(both, NAMES) == Finding(
        "comparison.reward.lead", {"strategy": "thompson", "other": "fixed", "reward": "25.0", "less": "20.0"}
    )
    assert reward_finding(both, ("fixed",)).key == "comparison.reward.one"
    assert reward_finding(both, ()).key == "comparison.reward.no_data"
    tie = trend(fixed=(20.0, 0.2, 0.1, 0.08, 0.12), thompson=(20.0, 0.2, 0.1, 0.08, 0.12))
    assert reward_finding(tie, NAMES).key == "comparison.reward.tie"
    silent = trend(fixed=(20.0, 0.2, 0.1, 0.0, 0.2), thompson=(np.nan,) * 5)
    assert reward_finding(silent, NAMES).key == "comparison.reward.one"


def test_ctr_tells_apart_only_what_is_apart():
    def said(low, **more):
        both = trend(fixed=(0, 0, 0.1, 0.08, 0.12), thompson=(0, 0, 0.15, low, 0.17), **more)
        return ctr_finding(both, (*NAMES, *more)).key.rpartition(".")[2]

    assert (said(0.13), said(0.11), said(np.nan)) == ("apart", "overlap", "overlap")
    same = trend(fixed=(0, 0, 0.1, 0.08, 0.12), thompson=(0, 0, 0.1, 0.08, 0.12))
    assert ctr_finding(same, NAMES).key == "comparison.ctr.tie"
    assert ctr_finding(same, ("fixed",)).key == "comparison.ctr.one"
    assert ctr_finding(same.iloc[:0], NAMES).key == "comparison.ctr.no_data"


def test_regret():
    def regret(*rows, best="b"):
        columns = ["strategy", "regret", "low", "high"]
        return LiveRegret(best, pd.DataFrame(), pd.DataFrame(rows, columns=columns))

    several = regret_finding(regret(("fixed", 100, 80, 120), ("thompson", 30, 20, 40)), NAMES)
    assert several.key == "comparison.regret.several"
    assert several.words == {
        "best": "b",
        "strategy": "thompson",
        "lost": "30.0",
        "low": "20.0",
        "high": "40.0",
        "other": "fixed",
        "more": "100",
    }
    assert regret_finding(regret(("fixed", 0, 0, 0)), NAMES).key == "comparison.regret.none"
    assert regret_finding(regret(("fixed", 3, 0, 9)), NAMES).key == "comparison.regret.one"
    assert regret_finding(regret(best=None), NAMES).key == "comparison.regret.no_data"


@pytest.mark.parametrize(
    ("decisions", "key", "share"),
    [
        ({"a": 30, "b": 10}, "lead", "75\xa0%"),
        ({"a": 10, "b": 10}, "tie", "50\xa0%"),
        ({"a": 3}, "one", "100\xa0%"),
    ],
)
def test_traffic(decisions, key, share):
    rows = [{"strategy": "thompson", "arm": arm, "decisions": n} for arm, n in decisions.items()]
    said = traffic_finding(pd.DataFrame(rows), "thompson")
    assert (said.key, said.words["share"]) == (f"comparison.traffic.{key}", share)
    assert traffic_finding(pd.DataFrame(rows), "fixed").key == "comparison.traffic.no_data"


def sessions(*rows):
    return session_rewards(pd.DataFrame(rows, columns=["arm_id", "session_id", "reward"]), ("a", "b"))


def test_sessions_add_up_by_arm():
    rewards = sessions(
        ("b", "s1", 1.0), ("a", "s1", 0.0), ("a", "s2", 1.0), ("a", "s2", 1.0), ("old", "s3", 9.0)
    )
    assert rewards.to_numpy().tolist() == [["a", "s1", 0.0], ["a", "s2", 2.0], ["b", "s1", 1.0]]
    assert ecdf(rewards).to_numpy().tolist() == [["a", 0.0, 0.5], ["a", 2.0, 1.0], ["b", 1.0, 1.0]]
    bins = histogram(rewards)
    assert bins[bins["arm"] == "a"][["left", "right", "share"]].to_numpy().tolist() == [
        [-0.5, 0.5, 0.5],
        [0.5, 1.5, 0.0],
        [1.5, 2.5, 0.5],
    ]
    assert bins.groupby("arm")["share"].sum().tolist() == [1.0, 1.0]
    assert session_finding(rewards).key == "comparison.sessions.tie"
    assert session_finding(sessions(("a", "s1", 1.0), ("b", "s2", 3.0))).words == {
        "sessions": "2",
        "arm": "b",
        "mean": "3",
        "other": "a",
        "less": "1",
    }
    assert session_finding(sessions(("a", "s1", 1.0))).key == "comparison.sessions.one"


def test_no_sessions():
    nothing = sessions()
    assert ecdf(nothing).empty
    assert histogram(nothing).empty
    assert session_finding(nothing).key == "comparison.sessions.no_data"


def test_many_different_rewards_share_a_few_bins():
    rows = [("a", f"s{number}", float(number)) for number in range(1000)]
    bins = histogram(sessions(*rows))
    assert len(bins) == 12
    assert bins["share"].sum() == pytest.approx(1.0)
    assert len(ecdf(sessions(*rows))) == 200


def summary(*rows):
    columns = ["policy", "reward_mean", "lift", "lift_low", "lift_high"]
    rest = dict.fromkeys(("ctr_mean", "regret_mean", "best_arm_share"), 0.0)
    return pd.DataFrame(rows, columns=columns).assign(**rest, decisions_to_best=np.nan)


FIXED = ("fixed", 100.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("rows", "key"),
    [
        ([FIXED, ("ucb1", 110.0, 0.1, 0.05, 0.15)], "gain"),
        ([FIXED, ("ucb1", 90.0, -0.1, -0.15, -0.05)], "loss"),
        ([FIXED, ("ucb1", 101.0, 0.01, -0.05, 0.07)], "open"),
        ([FIXED], "no_bandit"),
        ([("ucb1", 101.0, np.nan, np.nan, np.nan)], "no_baseline"),
    ],
)
def test_simulated_lift(rows, key):
    assert simulated_lift_finding(summary(*rows)).key == f"comparison.simulated.lift.{key}"


def test_simulated_trend_reads_the_end():
    table = pd.DataFrame(
        {
            "policy": ["fixed", "fixed", "ucb1", "ucb1"],
            "decisions": [100, 200] * 2,
            "ctr_mean": [0.5, 0.1, 0.1, 0.12],
            "cumulative_regret_mean": [1.0, 20.0, 1.0, 12.0],
        }
    )
    both = ["fixed", "ucb1"]
    ctr = simulated_trend_finding(table, "ctr", both)
    assert (ctr.key, ctr.words["policy"], ctr.words["value"]) == (
        "comparison.simulated.ctr.lead",
        "ucb1",
        "12.00\xa0%",
    )
    regret = simulated_trend_finding(table, "cumulative_regret", both)
    assert (regret.words["policy"], regret.words["less"], regret.words["decisions"]) == (
        "ucb1",
        "20",
        "200",
    )
    assert simulated_trend_finding(table, "ctr", ["fixed"]).key == "comparison.simulated.ctr.one"
    assert simulated_trend_finding(table, "ctr", []).key == "comparison.simulated.no_data"
    same = table.assign(ctr_mean=0.1)
    assert simulated_trend_finding(same, "ctr", both).key == "comparison.simulated.ctr.tie"


def test_simulated_traffic():
    table = pd.DataFrame(
        {
            "policy": "ucb1",
            "decisions": [10, 10, 100, 100],
            "arm": ["a", "b"] * 2,
            "share_mean": [1.0, 0.0, 0.2, 0.8],
        }
    )
    said = simulated_traffic_finding(table, "ucb1")
    assert (said.key, said.words["arm"], said.words["share"]) == (
        "comparison.simulated.traffic.lead",
        "b",
        "80\xa0%",
    )
    assert simulated_traffic_finding(table.assign(share_mean=0.5), "ucb1").key.endswith(".even")
    assert simulated_traffic_finding(table, "fixed").key == "comparison.simulated.no_data"
