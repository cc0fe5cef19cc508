"""What a decision rule does before any user sees it: run on thousands of simulated experiments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from armlift.errors import ParameterError
from armlift.experiments.rules import DecisionRule, Design
from armlift.simulation.planning_worlds import Scenario, simulated_looks
from armlift.statistics.moments import Proportion
from armlift.statistics.sequential import Verdict

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Judged(NamedTuple):
    """What became of each experiment; R replicates.

    Attributes:
        stop: First look, counted from 1, that declared something; 0 where none did, shape (R,).
        right: Whether a variant with the best true rate was declared winner at that look, shape (R,).
        harmed: Whether a variant was found worse than the control, before anything was declared, shape (R,).
        futile: Whether every variant was found to be below the MDE before that, shape (R,).
    """

    stop: Integers
    right: NDArray[np.bool_]
    harmed: NDArray[np.bool_]
    futile: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class OperatingCharacteristics:
    """A rule in one scenario.

    Attributes:
        rule: Id of the rule.
        declares: What it is there to declare: `winner`, `alarm` or `rollback`.
        scenario: The world.
        looks: Planned looks.
        replicates: Simulated experiments.
        declared_winner_rate: Share in which the rule declared what it declares.
        standard_error: Simulation error of that share.
        median_stop_look: Median of the look of the declaration, counted from 1, over all experiments; None
            where fewer than half declare.
        mean_users: Mean number of users, over all arms, until the declaration or the planned end.
        right_winner_rate: Share in which a truly best variant was declared; 0 where the control is best.
        harm_rate: Share in which a variant was found worse than the control first; shown, not heeded.
        futility_rate: Share in which all variants were first found to be below the MDE; shown, not heeded.
        declared_by_look: Share that had declared by each look, shape (looks,).
    """

    rule: str
    declares: str
    scenario: Scenario
    looks: int
    replicates: int
    declared_winner_rate: float
    standard_error: float
    median_stop_look: float | None
    mean_users: float
    right_winner_rate: float
    harm_rate: float
    futility_rate: float
    declared_by_look: Floats


def operating_characteristics(
    rule: DecisionRule, design: Design, scenario: Scenario, *, replicates: int = 4000, seed: int = 0
) -> OperatingCharacteristics:
    """Run a rule on simulated experiments with a fixed split.

    Every user is assigned by a coin of the planned weights, so users by arm are random, and converts with the
    arm's rate. Rules and scenarios meet the same users where the seed is the same.

    Args:
        rule: Decision rule.
        design: What it may rely on.
        scenario: The truth.
        replicates: Number of experiments.
        seed: The same seed gives the same result.

    Raises:
        ParameterError: A number lies outside its bound, or an arm's rate outside 0 to 1.

    Example:
        >>> from armlift.experiments.rules import decision_rule
        >>> design = Design(baseline=0.1, looks=30, users_per_look=1000, mde=0.05)
        >>> naive = operating_characteristics(decision_rule("p_best_95"), design, Scenario("aa", 0.0))
        >>> naive.declared_winner_rate > 0.2
        True
    """
    if not 2 <= replicates <= 10_000_000:
        raise ParameterError("replicates", replicates, "2 <= replicates <= 10,000,000", "Try 4000.")
    parts = [
        _judge(rule, design, scenario, looks) for looks in simulated_looks(design, scenario, replicates, seed)
    ]
    judged = Judged(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    declared = judged.stop > 0
    rate = float(declared.mean())
    median = float(np.median(np.where(declared, judged.stop, np.inf)))
    users = np.where(declared, judged.stop, design.looks) * design.users_per_look * design.n_arms
    return OperatingCharacteristics(
        rule=rule.id,
        declares=rule.declares,
        scenario=scenario,
        looks=design.looks,
        replicates=replicates,
        declared_winner_rate=rate,
        standard_error=float(np.sqrt(rate * (1.0 - rate) / replicates)),
        median_stop_look=median if np.isfinite(median) else None,
        mean_users=float(users.mean()),
        right_winner_rate=float(judged.right.mean()),
        harm_rate=float(judged.harmed.mean()),
        futility_rate=float(judged.futile.mean()),
        declared_by_look=np.bincount(judged.stop, minlength=design.looks + 1)[1:].cumsum() / replicates,
    )


def _judge(rule: DecisionRule, design: Design, scenario: Scenario, looks: Proportion) -> Judged:
    codes = rule.verdicts(looks, design)
    declared = _first(rule.declared(codes, design))
    rates = scenario.rates(design)
    best = (rates[1:] > rates[0]) & (rates[1:] == rates.max())
    at_stop = codes[np.arange(len(codes)), np.maximum(declared, 1) - 1]
    right = (declared > 0) & ((at_stop == Verdict.WIN) & best).any(axis=-1)
    return Judged(
        declared,
        right,
        _comes_first((codes == Verdict.HARM).any(axis=-1), declared),
        _comes_first((codes == Verdict.FUTILE).all(axis=-1), declared),
    )


def _first(found: NDArray[np.bool_]) -> Integers:
    """First look at which something was found, counted from 1; 0 for none."""
    return np.where(found.any(axis=-1), found.argmax(axis=-1) + 1, 0)


def _comes_first(found: NDArray[np.bool_], declared: Integers) -> NDArray[np.bool_]:
    """Whether something was found at a look before the declaration, or without one."""
    first = _first(found)
    earlier: NDArray[np.bool_] = (first > 0) & ((declared == 0) | (first < declared))
    return earlier
