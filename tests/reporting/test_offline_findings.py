"""What the charts of an evaluation and of a plan say."""

import numpy as np
import pandas as pd
import pytest
from reporting.invented_evaluation import (
    FACTS,
    click_curves,
    model_comparison,
    offline_metrics,
    segment_metrics,
)

from armlift.reporting.evaluation_results import means, paired_tests
from armlift.reporting.offline_findings import (
    accuracy_finding,
    folds_finding,
    gain_finding,
    leader_finding,
    pairs_finding,
    ranking_finding,
    segments_finding,
)
from armlift.reporting.plan_findings import (
    cost_finding,
    false_finding,
    plan_finding,
    power_finding,
    stopping_finding,
)


def table(**metrics):
    return pd.DataFrame(metrics, index=["a", "b", "popularity"])


def test_the_best_ranking_is_named_with_its_verdict():
    metrics, pairs = offline_metrics(), model_comparison()
    said = ranking_finding(metrics, pairs, FACTS)
    best = means(metrics, "temporal")[FACTS.ndcg].idxmax()
    tests = paired_tests(pairs, FACTS.ndcg).set_index(["model", "other"])["verdict"]
    keys = {"better": "better", "worse": "worse", "not decided": "open"}
    assert said.words["model"] == best
    assert said.key == f"offline.verdict.{keys[tests[best, 'popularity']]}"
    assert ranking_finding(metrics, pairs.iloc[:0], FACTS).key == "offline.verdict.untested"
    one = metrics[metrics["model"] == best]
    assert ranking_finding(one, pairs, FACTS).key == "offline.verdict.one"
    popular = metrics[metrics["model"].isin(["popularity", "random"])]
    assert ranking_finding(popular, pairs, FACTS).key == "offline.verdict.popularity"


def test_pairs_are_counted():
    tests = pd.DataFrame(
        {"model": ["a"] * 3, "other": list("bcd"), "verdict": ["better", "better", "not decided"]}
    )
    said = pairs_finding(tests, "rmse", "a")
    assert said.words == {"model": "a", "metric": "RMSE", "better": "2", "worse": "0", "open": "1"}
    assert pairs_finding(tests, "rmse", "z").key == "offline.pairs.none"


@pytest.mark.parametrize(
    ("rmse", "ndcg", "key"),
    [
        ([0.8, 0.9, np.nan], [0.3, 0.2, 0.1], "both"),
        ([0.8, 0.9, np.nan], [0.2, 0.3, 0.1], "differs"),
        ([0.8, 0.9, np.nan], [np.nan, 0.3, 0.1], "unranked"),
        ([np.nan] * 3, [0.2, 0.3, 0.1], "none"),
    ],
)
def test_accuracy_of_ratings_beside_that_of_rankings(rmse, ndcg, key):
    said = accuracy_finding(table(**{"rmse": rmse, "ndcg@10": ndcg}), FACTS)
    assert said.key == f"offline.accuracy.{key}"
    if key == "differs":
        assert (said.words["model"], said.words["place"], said.words["best"]) == ("a", "2", "b")


def test_leaders():
    values = table(auc=[0.7, 0.8, np.nan], log_loss=[0.5, 0.5, np.nan])
    assert leader_finding(values, "auc").words == {
        "model": "b",
        "metric": "AUC",
        "value": "0.800",
        "other": "a",
        "less": "0.700",
    }
    assert leader_finding(values, "log_loss").key == "offline.leader.tie"
    assert leader_finding(values[1:], "auc").key == "offline.leader.one"
    assert leader_finding(values, "pr_auc").key == "offline.leader.none"


def test_gain_of_the_highest_tenth():
    curves = pd.DataFrame(
        {"model": ["a", "b", "a"], "curve": "gain", "x": [0.1, 0.1, 0.2], "y": [0.25, 0.3, 0.9], "base": 0.4}
    )
    said = gain_finding(curves)
    assert said.words == {"model": "b", "share": "30.0\xa0%", "times": "3.00"}
    assert gain_finding(curves.iloc[:0]).key == "offline.leader.none"
    assert gain_finding(click_curves()).key == "offline.gain"


def test_segments_and_folds():
    said = segments_finding(segment_metrics(), FACTS, genres=False)
    assert said.key == "offline.segments.some"
    assert int(said.words["leads"]) <= int(said.words["segments"])
    assert segments_finding(segment_metrics().iloc[:0], FACTS, genres=True).key == "offline.segments.none"
    rows = pd.DataFrame(
        {
            "model": list("aabb"),
            "split": "k_fold",
            "fold": [1, 2] * 2,
            "metric": "rmse",
            "value": [0.8, 0.9, 1.0, 1.1],
        }
    )
    assert folds_finding(rows, "k_fold", "rmse").words == {
        "model": "a",
        "metric": "RMSE",
        "folds": "2",
        "low": "0.800",
        "high": "0.900",
        "other": "b",
        "less": "1.050",
    }
    assert folds_finding(rows[:2], "k_fold", "rmse").key == "offline.folds.one"
    assert folds_finding(rows, "repeated_temporal", "rmse").key == "offline.folds.none"


def world(name, rate, look=5.0, days=3.0):
    return {
        "name": name,
        "declared_winner_rate": rate,
        "replicates": 4000,
        "median_stop_look": look,
        "mean_users": 1234.0,
        "mean_days": days,
    }


def record(*worlds, safer=None):
    return {
        "rule": "own",
        "alpha": 0.05,
        "looks": 30,
        "mde": 0.1,
        "safer_rule": safer,
        "scenarios": list(worlds),
    }


@pytest.mark.parametrize(
    ("found", "key"),
    [
        (record(world("aa", 0.02), world("mde", 0.9)), "days"),
        (record(world("aa", 0.02), world("mde", 0.9, days=None)), "found"),
        (record(world("aa", 0.02), world("mde", 0.3, look=None)), "seldom"),
        (record(world("aa", 0.4), world("mde", 0.9), safer="pocock"), "unsafe"),
        (record(world("aa", 0.4), world("mde", 0.9)), "unsafe_alone"),
        (record(world("aa", 0.02)), "no_mde"),
        (record(world("effect", 0.9)), "no_null"),
    ],
)
def test_plan(found, key):
    assert plan_finding(found).key == f"plan.finding.{key}"


def rules(*rows):
    columns = ["rule", "scenario", "declared_winner_rate", "median_stop_look"]
    return pd.DataFrame(rows, columns=columns).assign(declares="winner", replicates=4000)


def test_rules_of_a_plan():
    tables = rules(
        ("own", "aa", 0.04, np.nan),
        ("own", "mde", 0.7, 12.0),
        ("bold", "aa", 0.30, np.nan),
        ("bold", "mde", 0.95, 3.0),
        ("calm", "aa", 0.05, np.nan),
        ("calm", "mde", 0.8, 20.0),
    )
    found = record()
    assert false_finding(tables, found).words["rules"] == "bold"
    assert false_finding(tables[tables["rule"] != "bold"], found).key == "plan.false.none"
    power = power_finding(tables, found)  # bold finds more, with winners that are false
    assert (power.key, power.words["best"], power.words["power"]) == ("plan.power.other", "calm", "70\xa0%")
    assert power_finding(tables[tables["rule"] != "calm"], found).key == "plan.power.best"
    assert power_finding(tables[tables["scenario"] == "aa"], found).key == "plan.power.none"
    assert stopping_finding(tables, found).words["look"] == "12"
    assert stopping_finding(tables[tables["scenario"] == "aa"], found).key == "plan.stopping.seldom"


def test_costs_of_a_plan():
    costs = pd.DataFrame(
        {"allocation": ["fixed", "thompson"], "scenario": "mde", "expected_regret": [90.0, 30.0]}
    )
    assert cost_finding(costs).words == {"least": "thompson", "lost": "30", "most": "fixed", "more": "90"}
    assert cost_finding(costs[:1]).key == "plan.cost.one"
    assert cost_finding(costs[:0]).key == "plan.cost.none"
