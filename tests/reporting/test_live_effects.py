from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from reporting.live_sums import START, ab, row, table

from armlift.experiments.rules import RULES, declared_design
from armlift.reporting.live_effects import effects_now, effects_over_time, live_verdict
from armlift.statistics import Proportion, Verdict, confidence_sequence

ROOT = Path(__file__).parents[2]
BRIEF = ab(ROOT)


def sums(control: tuple[int, int], treatment: tuple[int, int]) -> pd.DataFrame:
    return table([row("fixed", "popularity", *control), row("fixed", "lightgbm", *treatment)])


def test_the_difference_and_the_plain_interval_are_those_of_two_proportions():
    series = table(
        [
            row("fixed", "popularity", 100, 10),
            row("fixed", "lightgbm", 100, 20),
            row("fixed", "popularity", 300, 30),
            row("fixed", "lightgbm", 300, 40),
        ],
        bucket_at=[START, START, START + pd.Timedelta("1h"), START + pd.Timedelta("1h")],
    )
    first, last = effects_over_time(series, BRIEF).itertuples()
    assert (first.n, last.n, last.control_n) == (100, 400, 400)
    assert first.estimate == pytest.approx(0.10)
    assert last.estimate == pytest.approx(60 / 400 - 40 / 400)
    half = 1.959964 * np.sqrt(0.15 * 0.85 / 400 + 0.10 * 0.90 / 400)
    assert (last.low, last.high) == (
        pytest.approx(0.05 - half, abs=1e-6),
        pytest.approx(0.05 + half, abs=1e-6),
    )


def sequence(brief, alternative, *, confidence):
    looks = Proportion(4000, 480), Proportion(4000, 400)
    tuned_at = declared_design(brief).tuning
    return confidence_sequence(*looks, alternative=alternative, tuned_at=tuned_at, confidence=confidence)


def test_the_always_valid_band_is_that_of_the_rule():
    found = effects_over_time(sums((4000, 400), (4000, 480)).assign(bucket_at=START), BRIEF).iloc[-1]
    gain = sequence(BRIEF, "greater", confidence=0.95)
    assert found["always_low"] == pytest.approx(float(gain.low))
    assert found["always_high"] == pytest.approx(float(sequence(BRIEF, "less", confidence=0.95).high))
    assert found["always_p_value"] == pytest.approx(float(gain.p_value))
    assert found["always_low"] < found["low"] < found["high"] < found["always_high"]


@pytest.mark.parametrize(("control", "treatment"), [((3000, 300), (3000, 400)), ((3000, 300), (3000, 390))])
def test_the_verdict_is_that_of_the_declared_rule(control, treatment):
    looks = Proportion(np.array([[3000, 3000]]), np.array([[control[1], treatment[1]]]))
    (code,) = RULES["always_valid"].verdicts(looks, declared_design(BRIEF)).ravel()
    expected = {Verdict.WIN: "deploy", Verdict.CONTINUE: "continue"}[Verdict(int(code))]
    assert live_verdict(sums(control, treatment), BRIEF, days=1).outcome == expected


def test_what_a_bandit_did_is_left_out():
    mixed = pd.concat(
        [sums((400, 40), (400, 60)), table([row("bandit", "lightgbm", 5000, 5000)])], ignore_index=True
    )
    (effect,) = effects_now(mixed, BRIEF)
    assert (effect.n, effect.value) == (400, pytest.approx(0.15))


def test_without_a_fixed_split_there_is_nothing_to_compare():
    brief = ab(ROOT, strategies=[{"id": "bandit", "allocation": "thompson"}])
    only = table([row("bandit", "popularity", 500, 50), row("bandit", "lightgbm", 500, 90)])
    assert effects_now(only, brief) == ()
    assert effects_over_time(only.assign(bucket_at=START), brief).empty
    verdict = live_verdict(only, brief, days=1)
    assert (verdict.outcome, verdict.arm) == ("nothing", "lightgbm")


@pytest.mark.parametrize(
    ("control", "treatment", "days", "outcome"),
    [
        ((0, 0), (0, 0), 0.1, "collecting"),
        ((99, 10), (5000, 900), 3, "collecting"),  # the minimum sample is 100 of each arm
        ((3000, 300), (3000, 330), 3, "continue"),
        ((3000, 300), (3000, 600), 3, "deploy"),
        ((3000, 600), (3000, 300), 3, "keep"),
        ((400_000, 40_000), (400_000, 40_000), 3, "keep"),  # no effect worth having is left
        ((3000, 300), (3000, 330), 30, "expired"),  # 30 days were planned
        ((3000, 300), (3000, 600), 31, "deploy"),
    ],
)
def test_verdicts(control, treatment, days, outcome):
    verdict = live_verdict(sums(control, treatment), BRIEF, days=days)
    assert verdict.outcome == outcome
    assert verdict.n == min(control[0], treatment[0])


def test_a_verdict_names_the_arm_its_interval_and_its_error_rate():
    verdict = live_verdict(sums((3000, 300), (3000, 600)), BRIEF, days=3)
    assert (verdict.arm, verdict.control, verdict.confidence) == ("lightgbm", "popularity", 0.95)
    assert verdict.estimate == pytest.approx(0.1)
    assert 0 < verdict.low < 0.1 < verdict.high
    assert verdict.p_value < 0.05


def test_several_arms_share_the_error_rate():
    brief = ab(
        ROOT,
        variants=[{"id": arm, "description": ""} for arm in ("popularity", "lightgbm", "svd")],
        strategies=[{"id": "fixed", "allocation": "fixed"}],
    )
    rows = pd.concat([sums((4000, 400), (4000, 480)), table([row("fixed", "svd", 4000, 400)])])
    verdict, gain = live_verdict(rows, brief, days=1), sequence(brief, "greater", confidence=0.975)
    assert verdict.arm == "lightgbm"
    assert verdict.low == pytest.approx(float(gain.low))
    assert verdict.p_value == pytest.approx(2 * float(gain.p_value))


def test_amounts_are_compared_as_means():
    brief = ab(
        ROOT,
        primary_metric={
            "id": "revenue_per_user",
            "kind": "mean",
            "baseline": 2.0,
            "mde": 0.1,
            "standard_deviation": 3.0,
        },
        reward_event="purchase",
    )
    # Two rewards of 1 and 3 against two of 2 and 6: means 2 and 4.
    rows = table(
        [
            {**row("fixed", "popularity", 2, 4.0), "reward_squares": 10.0},
            {**row("fixed", "lightgbm", 2, 8.0), "reward_squares": 40.0},
        ]
    )
    (effect,) = effects_now(rows, brief)
    assert (effect.value, effect.estimate) == (pytest.approx(4.0), pytest.approx(2.0))
