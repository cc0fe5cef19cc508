"""A plan as a record for machines, and as tables."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd

from armlift.experiments.checklist import check_brief
from armlift.simulation.allocation_costs import AllocationCost
from armlift.simulation.operating_characteristics import OperatingCharacteristics
from armlift.simulation.plan import Plan


class PlanTables(NamedTuple):
    """What the charts are drawn from.

    Attributes:
        operating_characteristics: One row for each rule and scenario.
        stopping_curves: rule, scenario, look, and the share that had declared by it.
        allocation_costs: One row for each allocation and scenario.
        regret_curves: allocation, scenario, look, and the conversions lost up to it.
    """

    operating_characteristics: pd.DataFrame
    stopping_curves: pd.DataFrame
    allocation_costs: pd.DataFrame
    regret_curves: pd.DataFrame


def plan_tables(plan: Plan) -> PlanTables:
    """Every rule in every scenario, and every allocation, as tables."""
    planned, looks = plan.question.rule.id, range(1, plan.question.design.looks + 1)
    stopping = [
        pd.DataFrame(
            {
                "rule": found.rule,
                "scenario": found.scenario.name,
                "look": looks,
                "declared_rate": found.declared_by_look,
            }
        )
        for found in plan.rules
    ]
    regret = [
        pd.DataFrame(
            {
                "allocation": cost.allocation,
                "scenario": cost.scenario.name,
                "look": looks,
                "regret_mean": cost.regret_by_look,
            }
        )
        for cost in plan.costs
    ]
    rules = pd.DataFrame([_rule_record(plan, found) for found in plan.rules])
    numbers = {"median_stop_look": float, "mean_days": float, "rollback_rate": float}
    return PlanTables(
        rules.assign(is_planned=rules["rule"] == planned).astype(numbers),
        pd.concat(stopping, ignore_index=True),
        pd.DataFrame([_cost_record(cost) for cost in plan.costs]),
        pd.concat(regret, ignore_index=True),
    )


def plan_record(plan: Plan) -> dict[str, Any]:
    """Everything a plan found, ready for JSON: no NaN, no infinity.

    `declared_winner_rate` is the share of experiments in which the rule declared what it is there to declare,
    which `declares` names: a winner, an alarm or a rollback. `mean_users` counts all arms.
    """
    question = plan.question
    design = question.design
    return {
        "rule": question.rule.id,
        "declares": question.rule.declares,
        "alpha": design.alpha,
        "any_arm": design.any_arm,
        "baseline": design.baseline,
        "mde": design.mde,
        "arms": design.n_arms,
        "looks": design.looks,
        "users_per_look": design.users_per_look,
        "minimum_sample": design.minimum_sample,
        "seed": plan.seed,
        "brief": None if question.brief is None else question.brief.id,
        "brief_hash": None if question.brief is None else question.brief.content_hash,
        "scenarios": [_scenario_record(plan, found) for found in plan.scenarios],
        "rules": [_rule_record(plan, found) for found in plan.rules],
        "alarms": [_rule_record(plan, found) for found in plan.alarms],
        "allocations": [_cost_record(cost) for cost in plan.costs],
        "findings": _findings(plan),
        "warnings": list(plan.warnings),
        "safer_rule": None if plan.safer is None else plan.safer[0].rule,
    }


def _findings(plan: Plan) -> list[dict[str, str]]:
    """The brief's checklist; empty without a brief."""
    if plan.question.brief is None:
        return []
    return [
        {"id": item.id, "statement": item.statement, "status": str(item.status), "reason": item.reason}
        for item in check_brief(plan.question.brief).items
    ]


def _scenario_record(plan: Plan, found: OperatingCharacteristics) -> dict[str, Any]:
    return {
        "name": found.scenario.name,
        "effect": found.scenario.effect,
        "looks": found.looks,
        "replicates": found.replicates,
        "declared_winner_rate": found.declared_winner_rate,
        "standard_error": found.standard_error,
        "median_stop_look": found.median_stop_look,
        "mean_users": found.mean_users,
        "mean_days": plan.days(found.mean_users),
        "right_winner_rate": found.right_winner_rate,
        "harm_rate": found.harm_rate,
        "futility_rate": found.futility_rate,
        "rollback_rate": found.declared_winner_rate if found.declares == "rollback" else None,
    }


def _rule_record(plan: Plan, found: OperatingCharacteristics) -> dict[str, Any]:
    record = _scenario_record(plan, found)
    return {"rule": found.rule, "declares": found.declares, "scenario": record.pop("name"), **record}


def _cost_record(cost: AllocationCost) -> dict[str, Any]:
    return {
        "allocation": cost.allocation,
        "scenario": cost.scenario.name,
        "effect": cost.scenario.effect,
        "users": cost.users,
        "expected_regret": cost.expected_regret,
        "regret_error": cost.regret_error,
        "users_worse_arm": cost.users_worse_arm,
        "users_worse_arm_error": cost.users_error,
        "declared_winner_rate": cost.declared_winner_rate,
    }
