import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from armlift.__main__ import main
from armlift.experiments.rules import RULES

BRIEFS = Path(__file__).parents[2] / "conf/base/briefs"
NAMES = ("aa", "half_mde", "mde", "double_mde")
FAST = ("--replicates", "200")


def run(*arguments):
    return CliRunner().invoke(main, ["plan", *map(str, arguments)])


def as_json(*arguments):
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(result.stdout, parse_constant=refuse)


def test_a_rule_and_a_baseline_are_enough():
    plan = as_json("--rule", "p_best_95", "--baseline", 0.1, *FAST)
    assert (plan["rule"], plan["alpha"]) == ("p_best_95", 0.05)
    assert (plan["brief"], plan["findings"]) == (None, [])
    assert [scenario["name"] for scenario in plan["scenarios"]] == list(NAMES)
    for scenario in plan["scenarios"]:
        assert scenario["looks"] == 30
        assert scenario["replicates"] == 200
        assert 0.0 <= scenario["declared_winner_rate"] <= 1.0
        assert scenario["standard_error"] >= 0.0
        stops = scenario["declared_winner_rate"] >= 0.5
        assert (scenario["median_stop_look"] is None) is not stops
        assert 0.0 < scenario["mean_users"] <= 60_000.0
    compared = [rule["rule"] for rule in plan["rules"] if rule["scenario"] == "aa"]
    assert compared == list(RULES)
    assert {cost["allocation"] for cost in plan["allocations"]} == {"fixed", "thompson", "ucb"}


@pytest.mark.parametrize("rule", ["always_valid", "srm_01", "rollback_20"])
def test_one_effect_is_one_scenario(rule):
    options = ("--rule", rule, "--baseline", 0.1, "--looks", 5, "--users-per-look", 300, *FAST)
    (scenario,) = as_json(*options, "--effect", 0.1)["scenarios"]
    assert (scenario["name"], scenario["effect"], scenario["looks"]) == ("effect", 0.1, 5)
    (scenario,) = as_json(*options, "--effect", 0)["scenarios"]
    assert (scenario["name"], scenario["effect"]) == ("aa", 0.0)


def test_the_seed_decides():
    options = ("--rule", "pocock", "--baseline", 0.1, "--effect", 0.06, *FAST)
    assert as_json(*options) == as_json(*options)
    assert as_json(*options, "--seed", 1)["scenarios"] != as_json(*options)["scenarios"]


def test_a_brief_is_judged_by_its_own_rule_and_options_overrule_it():
    brief = BRIEFS / "movielens_ab.yml"
    plan = as_json(brief, *FAST)
    assert (plan["rule"], plan["looks"], plan["users_per_look"]) == ("always_valid", 30, 1000)
    assert (plan["baseline"], plan["mde"], plan["minimum_sample"]) == (0.1, 0.1, 5000)
    assert plan["brief"] == "movielens_ab"
    assert len(plan["brief_hash"]) == 64
    assert plan["scenarios"][0]["mean_days"] == pytest.approx(30.0, abs=2.0)
    assert {alarm["rule"] for alarm in plan["alarms"]} == {"srm_001", "rollback_20_beyond_chance"}
    assert {"id", "statement", "status", "reason"} == set(plan["findings"][0])
    other = as_json(brief, "--rule", "msprt", "--baseline", 0.2, "--looks", 10, *FAST, "--effect", 0)
    assert (other["rule"], other["baseline"]) == ("msprt", 0.2)
    assert (other["looks"], other["users_per_look"]) == (10, 3000)


@pytest.mark.parametrize("name", ["movielens", "movielens_ab", "product_page"])
def test_every_shipped_brief_can_be_planned(name):
    result = run(BRIEFS / f"{name}.yml", "--replicates", "50")
    assert result.exit_code == 0, result.output
    for word in (*NAMES, "always_valid", "conversions lost", "Beside the rule", "Checklist of the brief"):
        assert word in result.stdout


def test_a_rule_that_exceeds_alpha_is_warned_of_and_a_safe_one_proposed():
    result = run("--rule", "p_best_95", "--baseline", 0.1, "--replicates", 1000)
    text = " ".join(result.stdout.split())
    assert "WARNING: p_best_95 declares a false winner in 2" in text
    assert "Nearest safe rule: " in text
    assert "instead of" in text
    plan = as_json("--rule", "p_best_95", "--baseline", 0.1, "--replicates", 1000)
    assert len(plan["warnings"]) == 1
    assert plan["safer_rule"] in ("always_valid", "msprt", "obrien_fleming", "pocock")


def test_a_rule_that_keeps_alpha_is_not_warned_of():
    result = run("--rule", "always_valid", "--baseline", 0.1, *FAST)
    assert "WARNING" not in result.stdout
    assert "Nearest safe rule" not in result.stdout


def test_any_arm_counts_the_control_too():
    options = ("--rule", "p_best_95", "--baseline", 0.1, "--effect", 0, "--replicates", 1000)
    one, either = as_json(*options)["scenarios"][0], as_json(*options, "--any-arm")["scenarios"][0]
    assert either["declared_winner_rate"] > 1.5 * one["declared_winner_rate"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--rule", "x", "--baseline", 0.1), "rule = 'x': must satisfy one of fixed_horizon"),
        (("--rule", "pocock", "--baseline", 1.5), "baseline = 1.5: must satisfy 0 < baseline < 1"),
        (("--rule", "pocock", "--baseline", "nan"), "baseline = nan: must satisfy 0 < baseline < 1"),
        (("--rule", "pocock", "--baseline", 0.1, "--looks", 0), "looks = 0: must satisfy 1 <= looks"),
        (("--rule", "pocock", "--baseline", 0.1, "--effect", 20), "effect = 20.0: must satisfy -1 <= effect"),
        (("--rule", "pocock", "--baseline", 0.1, "--effect", "inf"), "effect = inf: must satisfy"),
        (("--rule", "pocock", "--baseline", 0.1, "--replicates", 1), "replicates = 1: must satisfy 2 <="),
        (("--rule", "pocock", "--baseline", 0.1, "--seed", -1), "seed = -1: must satisfy 0 <= seed"),
        (("--rule", "pocock", "--baseline", 0.1, "--users-per-look", 0), "users_per_look = 0: must satisfy"),
    ],
)
def test_bad_input_is_one_line_that_names_value_bound_and_remedy(arguments, words):
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert words in line


def test_faults_of_a_brief_are_listed_line_by_line(tmp_path):
    file = tmp_path / "brief.yml"
    file.write_text("id: x\nvariants: [a]\n")
    result = run(file)
    assert result.exit_code == 1
    first, *faults = result.stderr.splitlines()
    assert first.startswith(f"Error: {file} has ")
    assert "  variants: has 1; at least 2 are needed" in faults
    assert len(faults) > 5
    assert "nowhere.yml has 1 fault" in run("nowhere.yml").stderr


@pytest.mark.parametrize(
    "arguments", [(), ("--rule", "pocock"), ("--baseline", 0.1), ("--rule", "pocock", "--baseline", "high")]
)
def test_what_cannot_be_a_question_is_a_usage_error(arguments):
    assert run(*arguments).exit_code == 2


def test_help_names_every_rule():
    text = run("--help").output
    assert all(rule in text for rule in RULES)
