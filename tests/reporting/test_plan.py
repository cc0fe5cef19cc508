"""A plan in words, tables and charts, against the numbers it was made from."""

import numpy as np
import pytest

from armlift.experiments.rules import RULES, plain_design
from armlift.reporting import render_html, render_png
from armlift.reporting.plan import plan_text
from armlift.reporting.plan_charts import plan_charts
from armlift.reporting.plan_tables import plan_record, plan_tables
from armlift.simulation.plan import exceeds, try_plan
from armlift.simulation.plan_question import ask


@pytest.fixture(scope="module")
def plan():
    design = plain_design(baseline=0.1, looks=6, users_per_look=500)
    return try_plan(ask(RULES["p_best_95"], design, thorough=True), replicates=400)


@pytest.fixture(scope="module")
def drawn(plan):
    return plan_charts(*plan_tables(plan), plan_record(plan))


def test_tables_have_every_rule_scenario_look_and_allocation(plan):
    tables = plan_tables(plan)
    assert len(tables.operating_characteristics) == 8 * 4
    assert len(tables.stopping_curves) == 8 * 4 * 6
    assert len(tables.allocation_costs) == 3 * 4
    assert len(tables.regret_curves) == 3 * 4 * 6
    rules = tables.operating_characteristics
    assert rules.loc[rules["is_planned"], "rule"].unique().tolist() == ["p_best_95"]
    ends = tables.stopping_curves.groupby(["rule", "scenario"])["declared_rate"].last()
    rates = rules.set_index(["rule", "scenario"])["declared_winner_rate"]
    assert np.allclose(ends, rates.reindex(ends.index))


def test_the_same_experiments_are_not_judged_twice(plan):
    rates = {found.scenario.name: found for found in plan.scenarios}
    again = [found for found in plan.rules if found.rule == "p_best_95"]
    assert all(found is rates[found.scenario.name] for found in again)


def test_the_words_quote_the_numbers(plan):
    text = plan_text(plan)
    rate = plan.scenarios[0].declared_winner_rate
    assert f"{100 * rate:.1f} %" in text
    assert exceeds(plan.scenarios[0], 0.05)
    assert plan.warnings
    safer, at_mde = plan.safer
    assert not exceeds(safer, 0.05)
    assert f"finds {100 * at_mde.declared_winner_rate:.1f} %" in " ".join(text.split())
    assert all(len(line) <= 110 for line in text.splitlines())


def test_the_safer_rule_is_the_most_powerful_of_the_safe_ones(plan):
    names = ("always_valid", "msprt", "obrien_fleming", "pocock")
    power = {
        found.rule: found.declared_winner_rate
        for found in plan.rules
        if found.rule in names and found.scenario.name == "mde"
    }
    assert plan.safer[1].declared_winner_rate == max(power.values())


def test_charts_show_the_tables(plan, drawn):
    assert list(drawn) == ["false_declarations", "power", "stopping", "regret"]
    rate = plan.scenarios[0].declared_winner_rate
    assert drawn["false_declarations"].caption.startswith(f"p_best_95 does so in {100 * rate:.1f}\u00a0%")
    lead = next(part for part in next(iter(drawn["power"].element)) if part.group == "Lead").dframe()
    assert lead["y0"].iloc[0] == pytest.approx(100 * rate)
    regret = next(iter(drawn["regret"].element))
    ends = next(part for part in regret if part.group == "Line").dframe().groupby("name")["y1"].last()
    cost = {each.allocation: each.expected_regret for each in plan.costs if each.scenario.name == "mde"}
    assert ends.to_dict() == pytest.approx(cost)


def test_charts_render(drawn):
    for name, chart in drawn.items():
        assert chart.caption.endswith("."), name
        assert np.asarray(render_png(chart)).std() > 1
    assert len(render_html(drawn["stopping"])) > 10_000


def test_a_plan_of_one_look_and_an_alarm_draws_too():
    design = plain_design(baseline=0.9, looks=1, users_per_look=50, mde=0.2)
    plan = try_plan(ask(RULES["srm_01"], design, thorough=True), replicates=100)
    charts = plan_charts(*plan_tables(plan), plan_record(plan))
    assert list(charts) == ["false_declarations", "power"]
    assert plan_text(plan)
    for chart in charts.values():
        render_png(chart)
