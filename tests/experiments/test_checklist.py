from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import samplesize_proportions_2indep_onetail

from armlift.experiments.brief import Brief, load_brief
from armlift.experiments.checklist import Status, check_brief, units_by_arm, units_needed

BRIEFS = Path(__file__).parents[2] / "conf" / "base" / "briefs"


@pytest.fixture
def document():
    return load_brief(BRIEFS / "movielens_ab.yml").model_dump(mode="json")


def judged(document, **fields):
    return {item.id: item for item in check_brief(Brief.model_validate(document | fields)).items}


@pytest.mark.parametrize("path", sorted(BRIEFS.glob("*.yml")), ids=lambda path: path.stem)
def test_shipped_briefs_fail_nothing(path):
    checklist = check_brief(load_brief(path))
    assert not checklist.failed
    assert {item.status for item in checklist.items} == {Status.PASSED, Status.NOT_JUDGED}
    assert all(item.reason for item in checklist.items)


@pytest.mark.parametrize(
    ("fields", "failed", "words"),
    [
        ({"maximum_duration_days": 3}, "duration.fixed", "gets 3,000 users in 3 days"),
        ({"minimum_sample": 40_000}, "duration.fixed", "the minimum sample is 40,000"),
        ({"quality": {"sticky": False, "bot_filter": False}}, "trustworthy", "sticky assignment, bot filter"),
        ({"quality": {"sample_ratio_alarm": None}}, "trustworthy", "sample-ratio alarm"),
        ({"stopping_rule": "p_best_95"}, "stopping_rule", "30 looks"),
        (
            {"guardrails": [{"metric": "lcp_seconds", "at_most": 3.5}], "segments": []},
            "report",
            "no segments",
        ),
        ({"guardrails": [{"metric": "error_rate", "at_most": 0.1}]}, "page_speed", "no guardrail measures"),
    ],
)
def test_what_is_not_good_fails_with_its_reason(document, fields, failed, words):
    items = judged(document, **fields)
    assert [item.id for item in items.values() if item.status is Status.FAILED] == [failed]
    assert words in items[failed].reason


def test_no_guardrails_fail_twice(document):
    items = judged(document, guardrails=[])
    assert items["guardrails"].status is items["page_speed"].status is Status.FAILED


def test_one_look_at_the_posterior_is_no_peeking(document):
    assert judged(document, stopping_rule="p_best_95", looks=1)["stopping_rule"].status is Status.PASSED
    assert judged(document, stopping_rule="fixed_horizon")["stopping_rule"].status is Status.PASSED


def test_a_bandit_is_judged_by_its_plan(document):
    strategies = [{"id": "bandit", "allocation": "thompson"}]
    assert judged(document, strategies=strategies)["duration.bandit"].status is Status.NOT_JUDGED


def test_needed_units_of_a_proportion_are_statsmodels(document):
    brief = Brief.model_validate(document)
    needed = units_needed(brief, brief.strategies[0])
    # Its variance under the null pools the arms; ours, like the analysis, does not: hence the tolerance.
    expected = samplesize_proportions_2indep_onetail(0.01, 0.10, 0.8, alpha=0.05, alternative="two-sided")
    assert needed["lightgbm"] == pytest.approx(expected, rel=2e-3)
    assert needed["popularity"] == needed["lightgbm"]


def test_needed_units_of_a_mean_are_statsmodels(document):
    metric = {
        "id": "revenue_per_user", "kind": "mean", "baseline": 5.0, "mde": 0.04, "standard_deviation": 8.0,
        "direction": "decrease",
    }  # fmt: skip
    weights = {"popularity": 0.75, "lightgbm": 0.25}
    brief = Brief.model_validate(
        document
        | {
            "primary_metric": metric,
            "secondary_metrics": [],
            "strategies": [{"id": "fixed", "allocation": "fixed", "weights": weights}],
        }
    )
    needed = units_needed(brief, brief.strategies[0])
    expected = NormalIndPower().solve_power(effect_size=0.2 / 8.0, alpha=0.05, power=0.8, ratio=1 / 3)
    assert needed["popularity"] == pytest.approx(expected, abs=1.0)
    assert needed["lightgbm"] == pytest.approx(expected / 3, abs=1.0)
    there = units_by_arm(brief, brief.strategies[0])
    assert there == pytest.approx({"popularity": 45_000.0, "lightgbm": 15_000.0})


def test_a_checklist_cannot_be_changed(document):
    checklist = check_brief(Brief.model_validate(document))
    with pytest.raises(FrozenInstanceError):
        checklist.items = ()
    with pytest.raises(FrozenInstanceError):
        checklist.items[0].status = Status.PASSED
