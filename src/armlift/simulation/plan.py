"""A plan tried before it runs: its rule, other rules beside it, and what each allocation costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from armlift.experiments.rules import RULES, SAFER, DecisionRule, Design, daily_users
from armlift.simulation.allocation_costs import AllocationCost, allocation_costs
from armlift.simulation.operating_characteristics import OperatingCharacteristics, operating_characteristics
from armlift.simulation.plan_question import Question
from armlift.simulation.planning_worlds import Scenario, scenarios

AA = Scenario("aa", 0.0)
_CLEARLY = 3.0  # standard errors beyond which a rate is not the simulation's luck


@dataclass(frozen=True, slots=True)
class Plan:
    """What came of it.

    Attributes:
        question: What was tried.
        scenarios: The rule in each world.
        rules: Every rule in the scenarios in which they were compared.
        alarms: The rules that watch beside it, in the A/A world.
        costs: Each allocation in the scenarios in which it was played.
        warnings: What is wrong with the plan, in words.
        safer: The nearest rule that keeps what it promises, in the A/A world and at the MDE; None where none
            is needed.
        seed: Of the simulation.
    """

    question: Question
    scenarios: tuple[OperatingCharacteristics, ...]
    rules: tuple[OperatingCharacteristics, ...]
    alarms: tuple[OperatingCharacteristics, ...]
    costs: tuple[AllocationCost, ...]
    warnings: tuple[str, ...]
    safer: tuple[OperatingCharacteristics, OperatingCharacteristics] | None
    seed: int

    def days(self, users: float) -> float | None:
        """Days until so many users whom the rule judges have come; None without a brief, which knows."""
        brief = self.question.brief
        return None if brief is None else users / daily_users(brief)


def try_plan(
    question: Question,
    *,
    replicates: int = 4000,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> Plan:
    """Simulate what a question asks.

    Args:
        question: What is to be tried.
        replicates: Experiments in each scenario and for each rule and allocation.
        seed: The same seed gives the same plan.
        progress: Is told what comes next.

    Raises:
        ParameterError: A number lies outside its bound.
    """
    found: dict[tuple[DecisionRule, Design, Scenario], OperatingCharacteristics] = {}

    def run(rule: DecisionRule, design: Design, world: Scenario) -> OperatingCharacteristics:
        key = rule, design, world
        if key not in found:
            progress(f"{rule.id}, scenario {world.name}")
            found[key] = operating_characteristics(rule, design, world, replicates=replicates, seed=seed)
        return found[key]

    rule, design = question.rule, question.design
    tried = tuple(run(rule, design, world) for world in question.worlds)
    rules = tuple(run(other, design, world) for other in RULES.values() for world in question.compared_in)
    costs: list[AllocationCost] = []
    for world in question.costed_in:
        progress(f"allocations, scenario {world.name}")
        costs += allocation_costs(question.allocations, design, world, replicates=replicates, seed=seed)
    # The sample-ratio alarm's threshold is a p-value of one look: its rate over all looks is only shown.
    promised = [
        (run(alarm, own, AA), alarm.level(own))
        for alarm, own in question.alarms
        if alarm.declares == "rollback"
    ]
    if question.worlds[0].effect == 0.0:
        promised.insert(0, (tried[0], rule.level(design)))
    safer = None
    if question.compared_in and exceeds(tried[0], rule.level(design)):
        safer = _nearest_safe(rule, design, run)
    return Plan(
        question=question,
        scenarios=tried,
        rules=rules,
        alarms=tuple(run(alarm, own, AA) for alarm, own in question.alarms),
        costs=tuple(costs),
        warnings=tuple(_warning(each, level) for each, level in promised if exceeds(each, level)),
        safer=safer,
        seed=seed,
    )


def exceeds(found: OperatingCharacteristics, level: float) -> bool:
    """Whether a rate lies above a level by more than the simulation's error."""
    error = np.sqrt(level * (1.0 - level) / found.replicates)
    return bool(found.declared_winner_rate > level + _CLEARLY * error)


def _nearest_safe(
    rule: DecisionRule,
    design: Design,
    run: Callable[[DecisionRule, Design, Scenario], OperatingCharacteristics],
) -> tuple[OperatingCharacteristics, OperatingCharacteristics] | None:
    """Of the rules that keep their promise and may stop early, the most powerful at the MDE."""
    mde = next((world for world in scenarios(design) if world.name == "mde"), AA)
    kept = []
    for other in SAFER[rule.declares]:
        null = run(other, design, AA)
        if not exceeds(null, other.level(design)):
            kept.append((null, run(other, design, mde)))
    return max(kept, key=lambda pair: pair[1].declared_winner_rate, default=None)


def _warning(found: OperatingCharacteristics, level: float) -> str:
    what = {"winner": "a false winner", "alarm": "a false alarm", "rollback": "a needless rollback"}
    return (
        f"{found.rule} declares {what[found.declares]} in {100 * found.declared_winner_rate:.1f} % of "
        f"experiments without any difference (looks: {found.looks}); declared are {100 * level:g} %"
    )
