import hashlib
import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from armlift.errors import ArmliftError, BriefError
from armlift.experiments.brief import Brief, load_brief
from armlift.experiments.log_rows import EVENT_TYPES

BRIEFS = Path(__file__).parents[2] / "conf" / "base" / "briefs"
SMALLEST = {
    "id": "small",
    "objective": "More clicks",
    "hypothesis": "B gets more clicks because it is red",
    "primary_metric": {"id": "ctr", "baseline": 0.1, "mde": 0.1},
    "variants": ["a", "b"],
    "control": "a",
    "strategies": [{"id": "split", "allocation": "fixed"}],
    "minimum_sample": 100,
    "daily_users": 1000,
    "maximum_duration_days": 14,
}


def changed(**fields):
    return SMALLEST | fields


def metric(**fields):
    return changed(primary_metric=SMALLEST["primary_metric"] | fields)


def strategy(**fields):
    return changed(strategies=[SMALLEST["strategies"][0] | fields])


def faults_of(document):
    with pytest.raises(BriefError) as caught:
        Brief.model_validate(document)
    return [(fault.field, fault.message) for fault in caught.value.faults]


@pytest.mark.parametrize("name", ["movielens", "movielens_ab", "product_page"])
def test_shipped_briefs_are_valid(name):
    brief = load_brief(BRIEFS / f"{name}.yml")
    assert brief.id == name
    assert brief.stopping_rule == "always_valid"
    assert brief.control == brief.arms[0]


def test_movielens_briefs_compare_the_recommenders_that_are_trained():
    training = yaml.safe_load((BRIEFS.parent / "parameters" / "training.yml").read_text())
    recommenders = tuple(training["training"]["recommenders"])
    assert load_brief(BRIEFS / "movielens.yml").arms == recommenders
    assert set(load_brief(BRIEFS / "movielens_ab.yml").arms) <= set(recommenders)


def test_movielens_runs_both_ways_side_by_side():
    strategies = load_brief(BRIEFS / "movielens.yml").strategies
    assert [(each.allocation, each.share) for each in strategies] == [("fixed", 0.5), ("thompson", 0.5)]


def test_defaults():
    brief = Brief.model_validate(SMALLEST)
    assert brief.stopping_rule == "always_valid"
    assert brief.number_of_looks == 14
    assert [stage.share for stage in brief.promotion] == [0.25, 0.5, 1.0]
    assert (brief.rollback.drop, brief.rollback.window_minutes) == (0.2, 30.0)
    assert brief.weights(brief.strategies[0]) == (0.5, 0.5)


def test_rewards_by_default():
    brief = Brief.model_validate(SMALLEST)
    assert (brief.reward_event, brief.reward_window_minutes, brief.default_reward) == (None, 30.0, 0.0)
    assert not brief.durable_decisions
    assert brief.tracked_as == "small"


def test_movielens_counts_clicks_as_rewards_and_is_tracked_under_its_own_name():
    brief = load_brief(BRIEFS / "movielens.yml")
    assert brief.reward_event == "click_detail"
    assert brief.tracked_as == brief.tracking_experiment == "abtest_movielens"


@pytest.mark.parametrize(
    ("allocations", "any_reward"),
    [
        (["fixed"], True),
        (["thompson_gaussian"], True),
        (["fixed", "thompson_gaussian"], True),
        (["thompson"], False),
        (["thompson_gaussian", "thompson"], False),
        (["fixed", "ucb"], False),
        (["contextual"], False),
    ],
)
def test_rewards_may_be_amounts_where_no_strategy_needs_them_in_0_to_1(allocations, any_reward):
    strategies = [
        {"id": f"s{number}", "share": 1 / len(allocations), "allocation": allocation}
        for number, allocation in enumerate(allocations)
    ]
    document = changed(strategies=strategies, default_reward=None)
    assert Brief.model_validate(document).any_reward is any_reward
    if any_reward:
        assert Brief.model_validate(document | {"default_reward": -12.5}).default_reward == -12.5
    else:
        assert [field for field, _ in faults_of(document | {"default_reward": -12.5})] == ["default_reward"]


@pytest.mark.parametrize("event", [each for each in EVENT_TYPES if each != "reward"])
def test_every_event_can_be_the_reward(event):
    assert Brief.model_validate(changed(reward_event=event)).reward_event == event


def test_a_brief_cannot_be_changed():
    with pytest.raises(ValidationError):
        Brief.model_validate(SMALLEST).alpha = 0.1


@pytest.mark.parametrize(
    ("document", "field", "words"),
    [
        (changed(alpha=0.7), "alpha", "must be <= 0.5"),
        (changed(alpha="nan"), "alpha", "finite"),
        (changed(alfa=0.05), "alfa", "did you mean `alpha`?"),
        (changed(objective="  "), "objective", "is empty"),
        (changed(objective=False), "objective", "put it into quotes"),
        (changed(id="1 test"), "id", "begin with a letter"),
        (changed(control="c"), "control", "not a variant"),
        (changed(variants=["a"]), "variants", "at least 2"),
        (changed(variants=["a", "b", "a"]), "variants", "stands there 2 times"),
        (changed(strategies=[]), "strategies", "at least 1"),
        (changed(stopping_rule="always"), "stopping_rule", "did you mean `always_valid`?"),
        (changed(alpha=0.1, power=0.1), "power", "above alpha"),
        (changed(looks=0), "looks.number", "must be >= 1"),
        (changed(looks={"number": 3, "every_hours": 24}), "looks", "either"),
        (changed(looks={"every_hours": 24 * 15}), "looks.every_hours", "lasts 336 hours"),
        (changed(promotion=[{"share": 0.5, "hours": 6}]), "promotion", "must reach 1"),
        (changed(promotion=[{"share": 1, "hours": 30}]), "promotion[0].hours", "must be <= 24"),
        (
            changed(promotion=[{"share": s, "hours": 6} for s in (0.5, 0.25, 1)]),
            "promotion",
            "must grow",
        ),
        (changed(secondary_metrics=["ctr"]), "secondary_metrics", "primary metric already"),
        (changed(secondary_metrics=["conversoin"]), "secondary_metrics", "did you mean `conversion`?"),
        (changed(secondary_metrics=["cvr"]), "cvr_denominator", "is missing"),
        (changed(cvr_denominator="clicks"), "cvr_denominator", "no use"),
        (changed(guardrails=[{"metric": "lcp_second", "at_most": 3}]), "guardrails[0].metric", "lcp_seconds"),
        (changed(guardrails=[{"metric": "error_rate"}]), "guardrails[0]", "no threshold"),
        (
            changed(guardrails=[{"metric": "ctr", "at_least": 0.1, "non_inferiority_margin": 0.1}]),
            "guardrails[0]",
            "exactly one",
        ),
        (
            changed(audience={"device": ["tv"]}, exclusions={"device": ["tv"]}),
            "exclusions.device",
            "audience too",
        ),
        (metric(id="ctrs"), "primary_metric.id", "did you mean `ctr`?"),
        (metric(id="revenue_per_user"), "primary_metric.kind", "is a mean"),
        (metric(kind="ratio"), "primary_metric.standard_deviation", "is missing"),
        (metric(standard_deviation=1), "primary_metric.standard_deviation", "leave it out"),
        (metric(baseline=1.5), "primary_metric.baseline", "below 1"),
        (metric(baseline=0.6, mde=0.7), "primary_metric.mde", "below 1"),
        (metric(mde=1, direction="decrease"), "primary_metric.mde", "smaller than 1"),
        (changed(primary_metric=[SMALLEST["primary_metric"]] * 2), "primary_metric", "exactly one"),
        (strategy(share=0.9), "strategies", "sum to 0.9"),
        (strategy(allocation="thomson"), "strategies[0].allocation", "did you mean `thompson`?"),
        (strategy(weights={"a": 0.5, "c": 0.5}), "strategies[0].weights", "`c` is not known"),
        (strategy(weights={"a": 1.0}), "strategies[0].weights", "lack b"),
        (strategy(weights={"a": 0.5, "b": 0.4}), "strategies[0].weights", "sum to 0.9"),
        (
            strategy(allocation="ucb", weights={"a": 0.5, "b": 0.5}),
            "strategies[0].weights",
            "leave them out",
        ),
        (strategy(allocation="thompson", floor=0.6), "strategies[0].floor", "at most 0.5"),
        (changed(reward_window_minutes=0), "reward_window_minutes", "must be > 0"),
        (changed(reward_window_minutes=30 * 24 * 60 + 1), "reward_window_minutes", "must be <= 43200"),
        (changed(reward_event="clik_detail"), "reward_event", "did you mean `click_detail`?"),
        (changed(reward_event="reward"), "reward_event", "leave it out"),
        (changed(reward_event="purchase", default_reward=None), "default_reward", "every reward would be"),
        (changed(reward_event="purchase", default_reward=1), "default_reward", "below 1"),
        (changed(reward_event="purchase", default_reward=-1), "default_reward", "from 0"),
        (strategy(allocation="thompson") | {"default_reward": 1.5}, "default_reward", "split needs"),
        (strategy(allocation="ucb") | {"default_reward": -0.1}, "default_reward", "between 0 and 1"),
        (changed(default_reward="inf"), "default_reward", "finite"),
        (changed(durable_decisions="perhaps"), "durable_decisions", "boolean"),
        (changed(tracking_experiment="a b"), "tracking_experiment", "begin with a letter"),
    ],
)
def test_every_fault_names_its_field(document, field, words):
    faults = faults_of(document)
    assert any(where == field and words in message for where, message in faults), faults


def test_one_fault_is_told_once():
    assert len(faults_of(changed(looks=0))) == 1
    assert len(faults_of(strategy(allocation="thomson"))) == 1
    assert len(faults_of(changed(control="c"))) == 1


def test_faults_of_fields_do_not_hide_contradictions():
    document = changed(
        alpha=2,
        control="c",
        stoping_rule="pocock",
        variants=["a", "1b"],
        strategies=[
            {"id": "x", "share": 0.5, "allocation": "thompson", "floor": 0.7},
            {"id": "x", "share": 0.6, "allocation": "fixed", "weight": {}},
        ],
    )
    del document["objective"]
    assert {field for field, _ in faults_of(document)} == {
        "objective",
        "alpha",
        "control",
        "stoping_rule",
        "variants[1].id",
        "strategies",  # both: ids are not unique, shares do not sum to 1
        "strategies[0].floor",
        "strategies[1].weight",
    }


@pytest.mark.parametrize("document", [None, [], "brief", {}, {"strategies": 3, "variants": {"a": 1}}, {1: 2}])
def test_any_nonsense_is_told_in_words(document):
    assert faults_of(document)


def test_error_lists_all_faults_and_belongs_to_the_tree():
    with pytest.raises(ArmliftError, match=r"(?s)2 faults:.*alpha: .*power: "):
        Brief.model_validate(changed(alpha=2, power=2))


def test_hash_knows_content_only():
    brief = Brief.model_validate(SMALLEST)
    spelled_out = json.loads(brief.canonical_json)
    backwards = dict(reversed(spelled_out.items()))
    assert Brief.model_validate(backwards).content_hash == brief.content_hash
    assert Brief.model_validate(changed(looks={"every_hours": 24.0})).content_hash == brief.content_hash
    assert Brief.model_validate(changed(objective="More clicks\n")).content_hash == brief.content_hash
    assert Brief.model_validate(brief).content_hash == brief.content_hash
    assert hashlib.sha256(brief.canonical_json.encode()).hexdigest() == brief.content_hash


@pytest.mark.parametrize(
    "document",
    [changed(alpha=0.04), metric(mde=0.11), changed(variants=["b", "a"]), changed(stopping_rule="pocock")],
)
def test_hash_tells_changes(document):
    assert Brief.model_validate(document).content_hash != Brief.model_validate(SMALLEST).content_hash


def test_hash_is_the_same_on_every_machine():
    # It moves when fields or defaults do; earlier hashes are proved by the canonical JSON kept with them.
    assert Brief.model_validate(SMALLEST).content_hash.startswith("4b5f1518")


@given(
    shares=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    weights=st.lists(st.integers(1, 9), min_size=2, max_size=6),
    alpha=st.floats(0.001, 0.5),
)
def test_every_valid_brief_survives_its_own_json(shares, weights, alpha):
    arms = [f"arm{number}" for number in range(len(weights))]
    document = changed(
        variants=arms,
        control=arms[0],
        alpha=alpha,
        strategies=[
            {
                "id": f"strategy{number}",
                "share": share / sum(shares),
                "allocation": "fixed",
                "weights": {arm: weight / sum(weights) for arm, weight in zip(arms, weights, strict=True)},
            }
            for number, share in enumerate(shares)
        ],
    )
    brief = Brief.model_validate(document)
    assert Brief.model_validate_json(brief.canonical_json) == brief
