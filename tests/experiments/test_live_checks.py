"""Readings of a running experiment, from sums and users."""

import json

import numpy as np
import pandas as pd
import pytest
from live_log import brief

from armlift.experiments.live_checks import arms_are_equal, live_readings, unknown_live
from armlift.experiments.live_window import LiveSums

ARMS = ("popularity", "svd")
MEASURES = ("impressions", "clicks", "add_to_carts", "purchases", "revenue", "reward", "sessions")
PAIRS = ("add_to_carts*impressions", "clicks*impressions", "purchases*clicks", "purchases*impressions")


def totals(**cells):
    """Sums by `strategy_arm`."""
    rows = []
    for strategy in ("split", "bandit"):
        for arm in ARMS:
            sums = LiveSums(**cells.get(f"{strategy}_{arm}", {}))._asdict()
            rows.append({"strategy_id": strategy, "arm_id": arm, **sums})
    return pd.DataFrame(rows).drop(columns="propensity_total")


def users(clicks=None, propensities=None, numbers=None, complete=True, seed=0, **means):
    """Moments of users with Poisson clicks and the like, and an impression each."""
    rng = np.random.default_rng(seed)
    rows = []
    for strategy in ("split", "bandit"):
        for place, arm in enumerate(ARMS):
            n = (numbers or {}).get(strategy, (1000, 1000))[place]
            did = {name: rng.poisson(means.get(name, 0.2), n) for name in MEASURES}
            did |= {"impressions": np.ones(n), "clicks": rng.binomial(1, (clicks or (0.2, 0.2))[place], n)}
            inverse = 1 / (propensities or (0.5, 0.5))[place]
            row = {"strategy_id": strategy, "arm_id": arm, "users": n, "users_once": n, "decisions": n}
            row |= {name: values.sum() for name, values in did.items()}
            pairs = [*(f"{name}*{name}" for name in MEASURES), *PAIRS, "reward*sessions"]
            row |= {pair: (did[pair.split("*")[0]] * did[pair.split("*")[1]]).sum() for pair in pairs}
            row |= {f"any_{name}": (did[name] > 0).sum() for name in ("clicks", "purchases")}
            for name in ("inverse", "decision_inverse"):
                row |= {name: n * inverse, f"{name}*{name}": n * inverse**2}
            rows.append(row)
    table = pd.DataFrame(rows)
    table.attrs["complete"] = complete
    return table


def read(declared=None, seen=None, counted=None):
    """Readings by metric and segment."""
    found = live_readings(
        declared or brief(),
        totals() if counted is None else counted,
        users() if seen is None else seen,
    )
    assert len({(each.metric, each.segment) for each in found}) == len(found)
    json.dumps([dict(each.details) for each in found], allow_nan=False)
    return {(each.metric, each.segment): each for each in found}


def _cvr(denominator):
    return {"secondary_metrics": ["cvr"], "cvr_denominator": denominator}


def empty():
    return totals().iloc[:0], users(numbers={"split": (0, 0), "bandit": (0, 0)}).iloc[:0]


def test_without_traffic_there_is_nothing_to_compare():
    counted, seen = empty()
    found = read(counted=counted, seen=seen, declared=brief(guardrails=[{"metric": "ctr", "at_least": 0.1}]))
    assert all(each.value is None and not each.alarm for each in found.values())
    assert {metric for metric, _ in found} == {"excluded_share", "traffic_share", "ctr", "reward"}


def test_traffic_as_planned_raises_no_alarm():
    found = read()
    ratios = {segment: each for (metric, segment), each in found.items() if metric == "sample_ratio"}
    assert set(ratios) == {"", "split", "bandit"}
    assert not any(each.alarm for each in ratios.values())
    assert ratios["split"].details["users"] == {"popularity": 1000.0, "svd": 1000.0}
    assert ratios["split"].threshold == 0.001
    assert ratios[""].details["complete"] is True


@pytest.mark.parametrize(
    ("numbers", "alarms"),
    [
        ({"split": (1200, 800)}, {"split"}),
        ({"split": (1300, 1300)}, {""}),
        ({"bandit": (1200, 800)}, {"bandit"}),
        ({"bandit": (1020, 980)}, set()),
    ],
)
def test_a_broken_split_is_told_by_strategy(numbers, alarms):
    found = read(seen=users(numbers=numbers))
    assert {s for (metric, s), each in found.items() if metric == "sample_ratio" and each.alarm} == alarms


def test_a_bandit_is_judged_by_the_propensities_it_logged():
    skewed = users(numbers={"bandit": (400, 1600)}, propensities=(0.2, 0.8))
    assert not read(seen=skewed)["sample_ratio", "bandit"].alarm
    few = users(numbers={"bandit": (5, 1)}, propensities=(0.9, 0.9))
    assert read(seen=few)["sample_ratio", "bandit"].value == 1.0


def test_decisions_are_the_units_of_a_bandit_that_forgets():
    seen = users(numbers={"bandit": (500, 500)})
    at_bandit = seen["strategy_id"] == "bandit"
    seen.loc[at_bandit, "decisions"] = [1500, 500]
    seen.loc[at_bandit, "decision_inverse"] = [3000.0, 1000.0]
    seen.loc[at_bandit, "decision_inverse*decision_inverse"] = [6000.0, 2000.0]
    assert not read(seen=seen)["sample_ratio", "bandit"].alarm
    assert read(brief(quality={"sticky": False}), seen)["sample_ratio", "bandit"].alarm


def test_an_alarm_can_be_turned_off():
    found = read(brief(quality={"sample_ratio_alarm": None}), users(numbers={"split": (1500, 900)}))
    reading = found["sample_ratio", "split"]
    assert (reading.threshold, reading.alarm) == (None, False)
    assert reading.value < 1e-6


def test_guardrails_are_watched_by_strategy_and_arm():
    declared = brief(
        guardrails=[
            {"metric": "ctr", "non_inferiority_margin": 0.1},
            {"metric": "revenue_per_user", "at_least": 5.0},
            {"metric": "lcp_seconds", "at_most": 2.5},
        ]
    )
    found = read(declared, users(clicks=(0.3, 0.2), revenue=6.0))
    harmed = found["ctr", "split/svd"]
    assert harmed.alarm
    assert harmed.value == pytest.approx(-1 / 3, abs=0.1)
    assert harmed.threshold == -0.1
    assert ("ctr", "split/popularity") not in found, "the control is not compared with itself"
    revenue = [each for (metric, _), each in found.items() if metric == "revenue_per_user"]
    assert len(revenue) == 4
    assert not any(each.alarm for each in revenue)
    assert unknown_live(declared) == ("lcp_seconds",)
    assert not any(metric == "lcp_seconds" for metric, _ in found), "nothing is made up"
    poor = read(declared, users(revenue=4.0))
    assert poor["revenue_per_user", "bandit/svd"].alarm
    assert poor["revenue_per_user", "bandit/svd"].details["unit"] == "currency per user"


@pytest.mark.parametrize("metric", ["conversion", "clicked", "cvr", "add_to_cart_rate", "reward_per_session"])
def test_every_metric_of_the_log_can_be_a_guardrail(metric):
    declared = brief(guardrails=[{"metric": metric, "at_most": 0.01}], **_cvr("impressions"))
    found = read(declared, users(clicks=(0.3, 0.3)))
    assert found[metric, "split/svd"].alarm
    kept = brief(guardrails=[{"metric": metric, "at_most": 0.99}], **_cvr("clicks"))
    assert not read(kept, users(purchases=0.05, reward=0.05))[metric, "split/svd"].alarm


def test_a_guardrail_waits_for_the_minimum_sample():
    declared = brief(guardrails=[{"metric": "clicked", "at_most": 0.01}], minimum_sample=5000)
    assert not read(declared, users(clicks=(0.9, 0.9)))["clicked", "split/svd"].alarm


def test_equal_arms_look_equal_unless_something_is_wrong():
    variants = [{"id": arm, "description": "The same page."} for arm in ARMS]
    declared = brief(variants=variants)
    assert arms_are_equal(declared)
    assert not arms_are_equal(brief())
    assert not any(metric == "aa_p_value" for metric, _ in read())
    sound, broken = (read(declared, users(clicks=rates)) for rates in ((0.2, 0.2), (0.1, 0.3)))
    assert not sound["aa_p_value", "split"].alarm
    assert broken["aa_p_value", "split"].alarm
    assert broken["aa_p_value", "split"].threshold == 0.025


def test_looking_every_day_cries_wolf_no_more_often_than_said():
    """Of 40 sound A/A tests, looked at after every 200 users of an arm, few ever alarm."""
    variants = [{"id": arm, "description": "The same page."} for arm in ARMS]
    declared = brief(variants=variants, strategies=[{"id": "split", "share": 1.0, "allocation": "fixed"}])
    rng, ever = np.random.default_rng(7), 0
    for _ in range(40):
        looks = np.cumsum(rng.binomial(200, 0.2, (4, 2)), axis=0)
        ever += any(
            read(declared, seen=_clicked(n, clicks))["aa_p_value", "split"].alarm
            for n, clicks in zip(range(200, 801, 200), looks, strict=True)
        )
    assert ever <= 7  # 5 % of 40, and what chance adds once in 1,000 times


def _clicked(n, clicks):
    """Users of whom some clicked, once each."""
    table = users(numbers={"split": (1, 1), "bandit": (0, 0)})
    rows = table["strategy_id"] == "split"
    for name in ("users", "users_once", "decisions", "impressions", "impressions*impressions"):
        table.loc[rows, name] = n
    for name in ("clicks", "clicks*clicks", "clicks*impressions", "any_clicks"):
        table.loc[rows, name] = clicks
    return table


def test_rates_and_shares_are_those_of_the_sums():
    counted = totals(
        split_svd={
            "decisions": 30,
            "impressions": 20,
            "clicks": 5,
            "purchases": 2,
            "rewards": 10,
            "excluded": 33,
        },
        split_popularity={
            "decisions": 10,
            "impressions": 20,
            "clicks": 3,
            "rewards": 10,
            "reward_total": 4.0,
        },
        bandit_svd={"decisions": 60},
    )
    found = read(brief(**_cvr("impressions")), counted=counted)
    assert found["ctr", "split"].value == 8 / 40
    assert found["ctr", "split"].details["arms"] == {"popularity": 0.15, "svd": 0.25}
    assert found["ctr", "bandit"].value is None
    assert found["cvr", "split"].value == 2 / 40
    assert found["cvr", "split"].details["per"] == "impressions"
    assert found["reward", "split"].value == 4 / 20
    assert found["traffic_share", "split"].value == 0.4
    assert found["traffic_share", "split"].details["arms"] == {"popularity": 0.25, "svd": 0.75}
    assert found["excluded_share", "split"].details["arms"]["svd"] == 33 / 100
    assert read(brief(**_cvr("clicks")), counted=counted)["cvr", "split"].value == 2 / 8
    by_user = read(brief(**_cvr("users")), users(purchases=0.5), counted)["cvr", "split"]
    assert by_user.value == pytest.approx(0.5, abs=0.1)
    assert not any(metric == "cvr" for metric, _ in read(counted=counted)), "the brief defines none"


def test_regret_is_measured_by_the_fixed_split():
    enough = {"rewards": 100, "reward_total": 20.0}
    counted = totals(
        split_popularity={"rewards": 100, "reward_total": 30.0},
        split_svd=enough,
        bandit_popularity={"rewards": 300, "reward_total": 30.0},
        bandit_svd={"rewards": 50, "reward_total": 50.0},
    )
    found = read(counted=counted)
    assert found["regret", "split"].value == pytest.approx(100 * 0.1)
    assert found["regret", "bandit"].value == pytest.approx(50 * 0.1)
    details = found["regret", "bandit"].details
    assert (details["best"], details["valued_by"]) == ("popularity", ["split"])
    assert details["per_reward"] == pytest.approx(5 / 350)
    lone = totals(bandit_popularity=enough, bandit_svd=enough)
    assert read(counted=lone)["regret", "bandit"].details["valued_by"] == ["split", "bandit"]
    assert not any(metric == "regret" for metric, _ in read(counted=totals(split_svd=enough)))
