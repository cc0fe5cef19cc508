from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from armlift.reporting import SimulationFacts, decide
from armlift.reporting.results import champion
from armlift.reporting.verdict import lift_sentence

FACTS = SimulationFacts("movielens", "ml-latest-small", 20_000, 50, 100, "svd", 0.9)
RATES = pd.DataFrame(
    [
        ("all", "svd", 1.0, 0.06, True),
        ("all", "random", 1.0, 0.03, False),
        ("new", "svd", 0.12, 0.04, False),
        ("new", "random", 0.12, 0.0525, True),
    ],
    columns=["segment", "arm", "traffic_share", "click_rate", "is_best"],
)


def summary(**lifts: tuple[float, float, float]) -> pd.DataFrame:
    """One row for the fixed split with 1,000 clicks, and one per bandit with its lift and interval."""
    rows = [("fixed", 1000.0, 0.05, 228.4, 0.2, 0.0, 0.0, 0.0, np.nan)]
    for policy, (lift, low, high) in lifts.items():
        rows.append((policy, 1000 * (1 + lift), 0.05 * (1 + lift), 40.0, 0.9, lift, low, high, 3400.0))
    columns = (
        "policy reward_mean ctr_mean regret_mean best_arm_share lift lift_low lift_high decisions_to_best"
    )
    return pd.DataFrame(rows, columns=columns.split())


def test_gain_names_the_best_bandit_its_lift_and_what_the_fixed_split_costs() -> None:
    verdict = decide(summary(kl_ucb=(0.062, 0.051, 0.073), exp3=(-0.02, -0.03, -0.01)), RATES, FACTS)
    assert verdict.outcome == "gain"
    assert verdict.headline == "kl_ucb earns 6.2\u00a0% more clicks than the fixed split."
    text = " ".join(verdict.findings)
    assert "+5.1\u00a0% to +7.3\u00a0%; it excludes 0 (50 runs)" in text
    assert "1 of 2 bandits beat the fixed split; exp3 earns less than it." in text
    assert "the fixed split loses 228 clicks in 20,000 decisions (it earns 1,000); kl_ucb loses 40." in text
    assert "kl_ucb gives the best arm, svd, 80 % of its attainable share after 3,400 decisions." in text
    assert "segment “new” (12\u00a0% of the decisions)" in text
    assert "random with a click rate of 5.25\u00a0%, against 4.00\u00a0% for svd" in text


def test_no_interval_excludes_zero() -> None:
    verdict = decide(summary(ucb1=(0.01, -0.01, 0.03)), RATES, FACTS)
    assert verdict.outcome == "none"
    assert "no difference" in verdict.headline
    assert "includes 0" in verdict.findings[0]


def test_aa_world_shows_no_difference_even_after_a_false_alarm() -> None:
    facts = replace(FACTS, kind="aa")
    verdict = decide(summary(ucb1=(0.03, 0.01, 0.05), exp3=(0.0, -0.02, 0.02)), RATES, facts)
    assert verdict.outcome == "none"
    assert "no difference" in verdict.headline
    assert verdict.findings[1].startswith("1 of 2 intervals exclude 0;")
    assert not any("segment" in finding for finding in verdict.findings)


def test_all_bandits_lose() -> None:
    verdict = decide(summary(exp3=(-0.03, -0.05, -0.01), ucb1=(-0.02, -0.03, -0.01)), RATES, FACTS)
    assert verdict.outcome == "loss"
    assert verdict.headline == "No bandit beats the fixed split; even ucb1 loses 2.0\u00a0%."


def test_best_is_undecided_but_another_loses() -> None:
    verdict = decide(summary(ucb1=(0.01, -0.01, 0.03), exp3=(-0.03, -0.05, -0.01)), RATES, FACTS)
    assert verdict.outcome == "loss"
    assert "at least one falls behind" in verdict.headline


def test_a_proven_bandit_goes_before_a_lucky_one() -> None:
    assert champion(summary(lucky=(0.05, -0.01, 0.11), proven=(0.04, 0.02, 0.06))) == "proven"


def test_best_arm_never_reached() -> None:
    table = summary(ucb1=(0.02, 0.01, 0.03)).assign(decisions_to_best=pd.array([None, None], dtype="Float64"))
    text = " ".join(decide(table, RATES, FACTS).findings)
    assert "does not bring the best arm, svd, to 80 %" in text
    assert "the runner-up, random, has a click rate of 3.00\u00a0% against 6.00\u00a0%." in text


def test_rivals_whose_intervals_overlap_are_named() -> None:
    table = summary(first=(0.05, 0.04, 0.06), second=(0.045, 0.03, 0.06), third=(0.02, 0.01, 0.03))
    findings = decide(table, RATES, FACTS).findings
    assert "second is not told apart from first: the intervals overlap." in findings
    assert not any(finding.startswith("third") for finding in findings)


@pytest.mark.parametrize("lift", [0.05, np.nan])
def test_without_the_fixed_split_there_is_no_lift(lift: float) -> None:
    table = summary(ucb1=(lift, lift, lift)).query("policy != 'fixed'").assign(lift=np.nan)
    verdict = decide(table.assign(reward_mean=1050.0), RATES, FACTS)
    assert verdict.outcome == "unknown"
    assert verdict.headline.startswith("ucb1 earns the most clicks (1,050 per run)")


def test_only_the_fixed_split() -> None:
    assert decide(summary(), RATES, FACTS).outcome == "unknown"


def test_ties_in_a_segment_are_no_finding() -> None:
    tied = RATES.assign(is_best=True)
    findings = decide(summary(ucb1=(0.02, 0.01, 0.03)), tied, FACTS).findings
    assert not any("segment" in finding for finding in findings)


def test_lift_sentence_equals_the_table(make_tables: Callable[..., Any]) -> None:
    table = make_tables(checkpoints=5).policy_summary
    best = table.set_index("policy").loc[champion(table)]
    sentence = lift_sentence(table)
    assert sentence.startswith(f"{best.name} ends {best['lift'] * 100:.1f}\u00a0% above the fixed split")
    assert f"+{best['lift_low'] * 100:.1f}\u00a0% to +{best['lift_high'] * 100:.1f}\u00a0%" in sentence


def test_lift_sentence_admits_doubt() -> None:
    assert "below the fixed split" in lift_sentence(summary(ucb1=(-0.01, -0.03, 0.01)))
    assert "no difference is shown" in lift_sentence(summary(ucb1=(-0.01, -0.03, 0.01)))
