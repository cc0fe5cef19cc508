"""The verdict of a simulation in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from armlift.reporting.facts import BASELINE, SimulationFacts
from armlift.reporting.numerals import count, interval, lift_decimals, percent, signed_count
from armlift.reporting.results import ArmRate, Lift, PolicyResult, arm_rates, champion, policy_results

Outcome = Literal["gain", "loss", "none", "unknown"]


@dataclass(frozen=True)
class Verdict:
    """What a reader should take away.

    Attributes:
        outcome: `gain` or `loss` when a 95 % interval of the lift excludes 0, `none` when there is no
            difference to report, `unknown` without the fixed split or without a bandit.
        headline: One sentence.
        findings: Sentences that qualify the headline, most important first.
    """

    outcome: Outcome
    headline: str
    findings: tuple[str, ...]


def decide(summary: pd.DataFrame, arm_click_rates: pd.DataFrame, facts: SimulationFacts) -> Verdict:
    """Compute the verdict.

    Args:
        summary: The table `policy_summary`, one row per policy.
        arm_click_rates: The table `arm_click_rates`, one row per segment and arm.
        facts: Set-up of the simulation.
    """
    results, name = policy_results(summary), champion(summary)
    if name is None:
        return Verdict("unknown", "Only the fixed split was simulated: there is no bandit to compare.", ())
    best = results[name]
    findings: list[str] = []
    if best.lift is None:
        outcome: Outcome = "unknown"
        headline = (
            f"{name} earns the most clicks ({count(best.reward)} per run), but without the policy "
            f"“{BASELINE}” there is no lift to report."
        )
    else:
        lifts = {result.policy: result.lift for result in results.values() if result.lift}
        outcome, headline = _headline(lifts, name, facts)
        findings += _comparison(lifts, name, facts)
    if facts.kind != "aa":
        rates = arm_rates(arm_click_rates)
        findings += [*_cost(results, name, facts), _learning(best, rates, facts), *_segments(rates)]
    return Verdict(outcome, headline, tuple(findings))


def _headline(lifts: Mapping[str, Lift], name: str, facts: SimulationFacts) -> tuple[Outcome, str]:
    best = lifts[name]
    size = percent(abs(best.mean), lift_decimals(best.low, best.high))
    if facts.kind == "aa":
        return "none", "There is no difference between the policies, as it must be: all arms are the same."
    if not any(lift.gains or lift.loses for lift in lifts.values()):
        return "none", "There is no difference: no bandit can be told apart from the fixed split."
    if best.gains:
        return "gain", f"{name} earns {size} more clicks than the fixed split."
    if best.loses:
        return "loss", f"No bandit beats the fixed split; even {name} loses {size}."
    return "loss", "No bandit beats the fixed split, and at least one falls behind it."


def _comparison(lifts: Mapping[str, Lift], name: str, facts: SimulationFacts) -> list[str]:
    best = lifts[name]
    excludes = "excludes" if best.gains or best.loses else "includes"
    sentences = [
        f"The 95 % interval of the relative gain of {name} is {interval(best.low, best.high)}; "
        f"it {excludes} 0 ({count(facts.replicates)} runs)."
    ]
    winners = [policy for policy, lift in lifts.items() if lift.gains]
    losers = [policy for policy, lift in lifts.items() if lift.loses]
    if facts.kind == "aa":
        sentences.append(
            f"{len(winners) + len(losers)} of {len(lifts)} intervals exclude 0; "
            "in an A/A world each does so by chance in 5 % of all simulations."
        )
    elif len(lifts) > 1:
        verb = "earns" if len(losers) == 1 else "earn"
        tail = f"; {', '.join(losers)} {verb} less than it." if losers else "."
        sentences.append(f"{len(winners)} of {len(lifts)} bandits beat the fixed split{tail}")
        rivals = [policy for policy in winners if policy != name and lifts[policy].high >= best.low]
        if best.gains and rivals:
            verb = "is" if len(rivals) == 1 else "are"
            sentences.append(f"{', '.join(rivals)} {verb} not told apart from {name}: the intervals overlap.")
    return sentences


def _cost(results: Mapping[str, PolicyResult], name: str, facts: SimulationFacts) -> list[str]:
    if BASELINE not in results:
        return []
    fixed = results[BASELINE]
    return [
        f"Against always playing the best choice the fixed split loses {count(fixed.regret)} clicks in "
        f"{count(facts.decisions)} decisions (it earns {count(fixed.reward)}); "
        f"{name} loses {count(results[name].regret)}."
    ]


def _learning(best: PolicyResult, rates: list[ArmRate], facts: SimulationFacts) -> str:
    if best.decisions_to_best is None:
        overall = sorted((rate.click_rate, rate.arm) for rate in rates if rate.segment == "all")
        close = ""
        if len(overall) > 1:
            (second_rate, second), (top_rate, _) = overall[-2:]
            close = (
                f"; the runner-up, {second}, has a click rate of {percent(second_rate, 2)} "
                f"against {percent(top_rate, 2)}"
            )
        return (
            f"{best.policy} does not bring the best arm, {facts.best_arm}, to 80 % of its attainable share "
            f"within {count(facts.decisions)} decisions{close}."
        )
    return (
        f"{best.policy} gives the best arm, {facts.best_arm}, 80 % of its attainable share "
        f"after {count(best.decisions_to_best)} decisions."
    )


def _segments(rates: list[ArmRate]) -> list[str]:
    favourites = {rate.arm for rate in rates if rate.segment == "all" and rate.is_best}
    sentences = []
    for segment in dict.fromkeys(rate.segment for rate in rates):
        own = {rate.arm: rate for rate in rates if rate.segment == segment}
        best = next((rate for rate in own.values() if rate.is_best), None)
        # A tie with the favourite of all traffic is no reason to treat the segment apart.
        if best is None or not favourites or any(own[arm].is_best for arm in favourites & own.keys()):
            continue
        favourite = min(favourites)
        sentences.append(
            f"For the segment “{segment}” ({percent(best.traffic_share, 0)} of the decisions) another arm is "
            f"best: {best.arm} with a click rate of {percent(best.click_rate, 2)}, "
            f"against {percent(own[favourite].click_rate, 2)} for {favourite}."
        )
    return sentences


def lift_sentence(summary: pd.DataFrame) -> str:
    """Return the caption of every chart that compares total clicks with the fixed split.

    Args:
        summary: The table `policy_summary`.
    """
    results, name = policy_results(summary), champion(summary)
    best = max(results.values(), key=lambda result: result.reward) if name is None else results[name]
    if best.lift is None:
        return f"{best.policy} ends with {count(best.reward)} clicks; there is nothing to compare it with."
    lift, gain = best.lift, best.reward - results[BASELINE].reward
    side = "above" if lift.mean >= 0 else "below"
    size = percent(abs(lift.mean), lift_decimals(lift.low, lift.high))
    doubt = "" if lift.gains or lift.loses else ", so no difference is shown"
    return (
        f"{best.policy} ends {size} {side} the fixed split "
        f"({signed_count(gain)} clicks; 95 % interval {interval(lift.low, lift.high)}{doubt})."
    )
