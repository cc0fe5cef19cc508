"""A plan in words, for a terminal and for MLflow."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from armlift.experiments.checklist import Item, check_brief
from armlift.simulation.allocation_costs import AllocationCost
from armlift.simulation.operating_characteristics import OperatingCharacteristics
from armlift.simulation.plan import Plan

_WIDTH = 96
_NEED_PLANNED_LOOKS = ("obrien_fleming", "pocock")
_PROMISES = {
    "winner": "A winner is a variant that beats the control.",
    "alarm": "An alarm says that users do not reach the arms in the planned ratio.",
    "rollback": "A rollback takes the variant back.",
}
_FOOTNOTE = "* by the confidence sequence of propensity-weighted estimates: a bandit's plain means are biased"
_ANY_ARM = "Either arm can win (--any-arm)."


def plan_text(plan: Plan) -> str:
    """The plan as plain text: what was tried, tables, warnings and a proposal."""
    text = [_fill(_heading(plan)), "", _scenario_table(plan)]
    if plan.rules:
        text += ["", "Every rule in this plan:", _rule_table(plan)]
    if plan.alarms:
        text += ["", "Beside the rule, without any difference:", *map(_alarm_line, plan.alarms)]
    if plan.costs:
        text += [
            "",
            "Allocations, if one had all users of the plan:",
            _cost_table(plan.costs),
        ]
    if plan.question.brief is not None:
        text += ["", "Checklist of the brief:", *map(_checked, check_brief(plan.question.brief).items)]
    text += ["", *(_fill(f"WARNING: {warning}.") for warning in plan.warnings)]
    if plan.safer is not None:
        text.append(_fill(_proposal(plan, *plan.safer)))
    return "\n".join(text).rstrip()


def _heading(plan: Plan) -> str:
    rule, design = plan.question.rule, plan.question.design
    promise = _ANY_ARM if design.any_arm and rule.declares == "winner" else _PROMISES[rule.declares]
    tests = rule.declares == "winner" and rule.id != "p_best_95"
    if tests:
        promise += f" Tests are {'two' if design.any_arm else 'one'}-sided at alpha."
    heading = (
        f"{rule.id}: {rule.summary}. Alpha {100.0 * design.alpha:g} %, {design.looks} looks of "
        f"{design.users_per_look:,} users per arm, {design.n_arms} arms, baseline "
        f"{100.0 * design.baseline:.3g} %, MDE {_signed(design.mde)}. {promise}"
    )
    variants = design.n_arms - 1
    if tests and variants > 1:
        heading += f" Each of {variants} variants is compared with the control at alpha / {variants}."
    return heading


def _scenario_table(plan: Plan) -> str:
    header = (
        "scenario",
        "effect",
        plan.question.rule.declares,
        "+-",
        "median look",
        "users",
        "days",
        "harm",
        "futile",
    )
    rows = [
        (
            found.scenario.name,
            _signed(found.scenario.effect),
            _percent(found.declared_winner_rate),
            _percent(found.standard_error),
            _look(found.median_stop_look),
            f"{found.mean_users:,.0f}",
            _days(plan.days(found.mean_users)),
            _percent(found.harm_rate),
            _percent(found.futility_rate),
        )
        for found in plan.scenarios
    ]
    return _table(header, rows)


def _rule_table(plan: Plan) -> str:
    worlds = {world.name: world for world in plan.question.compared_in}
    by_rule: dict[str, dict[str, OperatingCharacteristics]] = {}
    for found in plan.rules:
        by_rule.setdefault(found.rule, {})[found.scenario.name] = found
    has_mde = "mde" in worlds
    header = ("rule", "declares", "false", "+-") + (("at MDE", "median look", "users") if has_mde else ())
    rows = []
    for name, found_in in by_rule.items():
        null = found_in["aa"]
        row = [name, null.declares, _percent(null.declared_winner_rate), _percent(null.standard_error)]
        if has_mde:
            power = found_in["mde"]
            row += [
                _percent(power.declared_winner_rate),
                _look(power.median_stop_look),
                f"{power.mean_users:,.0f}",
            ]
        rows.append(tuple(row))
    return _table(header, rows)


def _cost_table(costs: Sequence[AllocationCost]) -> str:
    header = ("allocation", "scenario", "conversions lost", "+-", "users on a worse arm", "+-", "winner*")
    rows = [
        (
            cost.allocation,
            cost.scenario.name,
            f"{cost.expected_regret:,.1f}",
            f"{cost.regret_error:,.1f}",
            f"{cost.users_worse_arm:,.0f}",
            f"{cost.users_error:,.0f}",
            _percent(cost.declared_winner_rate),
        )
        for cost in costs
    ]
    return _table(header, rows)


def _alarm_line(found: OperatingCharacteristics) -> str:
    what = "a needless rollback" if found.declares == "rollback" else "a false alarm"
    return (
        f"  {found.rule}: {what} in {_percent(found.declared_winner_rate)} of experiments "
        f"({found.looks} looks)"
    )


def _checked(item: Item) -> str:
    line = f"  {item.status:<15} {item.statement}: {item.reason}"
    return textwrap.fill(line, _WIDTH, subsequent_indent=18 * " ")


def _proposal(plan: Plan, null: OperatingCharacteristics, power: OperatingCharacteristics) -> str:
    own = next((found for found in plan.scenarios if found.scenario.name == "mde"), None)
    text = f"Nearest safe rule: {null.rule}, with {_percent(null.declared_winner_rate)} false declarations."
    if null.declares != "winner" or own is None:
        return text
    looks = f"the {null.looks} looks as planned" if null.rule in _NEED_PLANNED_LOOKS else "no fixed looks"
    return (
        f"{text} What it costs at the MDE: it finds {_percent(power.declared_winner_rate)} instead of "
        f"{_percent(own.declared_winner_rate)}, with {power.mean_users:,.0f} users on average instead of "
        f"{own.mean_users:,.0f}. It needs {looks}."
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in (header, *rows)
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _signed(effect: float) -> str:
    return f"{100 * effect:+.3g} %" if effect else "0 %"


def _look(look: float | None) -> str:
    return "-" if look is None else f"{look:g}"


def _days(days: float | None) -> str:
    return "-" if days is None else f"{days:.1f}"


def _fill(text: str) -> str:
    return textwrap.fill(text, _WIDTH)
