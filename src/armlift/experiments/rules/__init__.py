"""Decision rules by the names that briefs and the command line use."""

from __future__ import annotations

from collections.abc import Mapping

from armlift.errors import ParameterError
from armlift.experiments.rules.alarms import (
    Rollback,
    SampleRatioAlarm,
    SequentialSampleRatioAlarm,
    SignificantRollback,
)
from armlift.experiments.rules.base import ALARM, DecisionRule
from armlift.experiments.rules.declared import (
    daily_users,
    deciding_strategy,
    declared_design,
    design_for,
    plain_design,
)
from armlift.experiments.rules.design import Design
from armlift.experiments.rules.winners import (
    AlwaysValid,
    BestProbability,
    FixedHorizon,
    MixtureSPRT,
    OBrienFleming,
    Pocock,
)

RULES: Mapping[str, DecisionRule] = {
    rule.id: rule
    for rule in (
        FixedHorizon(),
        BestProbability(),
        AlwaysValid(),
        MixtureSPRT(),
        OBrienFleming(),
        Pocock(),
        SampleRatioAlarm(),
        Rollback(),
    )
}

#: Rules that may stop early and keep what they promise, by what they declare.
SAFER: Mapping[str, tuple[DecisionRule, ...]] = {
    "winner": (AlwaysValid(), MixtureSPRT(), OBrienFleming(), Pocock()),
    "alarm": (SequentialSampleRatioAlarm(),),
    "rollback": (SignificantRollback(),),
}


def decision_rule(name: str) -> DecisionRule:
    """The rule of a name.

    Raises:
        ParameterError: There is no such rule.

    Example:
        >>> decision_rule("pocock").summary
        'group-sequential bound, about even'
    """
    if name not in RULES:
        raise ParameterError("rule", name, f"one of {', '.join(RULES)}", "Choose one of them.")
    return RULES[name]


__all__ = [
    "ALARM",
    "RULES",
    "SAFER",
    "DecisionRule",
    "Design",
    "Rollback",
    "SampleRatioAlarm",
    "SequentialSampleRatioAlarm",
    "SignificantRollback",
    "daily_users",
    "deciding_strategy",
    "decision_rule",
    "declared_design",
    "design_for",
    "plain_design",
]
