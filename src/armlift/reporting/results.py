"""The rows of the summary tables as typed values."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from armlift.reporting.facts import BASELINE


@dataclass(frozen=True)
class Lift:
    """Relative gain in total clicks over the fixed split, as a fraction.

    Attributes:
        mean: Point estimate.
        low: Lower end of the 95 % interval.
        high: Upper end of the 95 % interval.
    """

    mean: float
    low: float
    high: float

    @property
    def gains(self) -> bool:
        """Whether the interval lies above 0."""
        return self.low > 0

    @property
    def loses(self) -> bool:
        """Whether the interval lies below 0."""
        return self.high < 0


@dataclass(frozen=True)
class PolicyResult:
    """Outcome of one policy, as means over the runs.

    Attributes:
        policy: Name.
        reward: Clicks per run.
        click_rate: Clicks per decision.
        regret: Clicks lost per run against always playing the best choice.
        best_arm_share: Share (0 to 1) of the decisions given to the best arm.
        lift: Gain over the fixed split; None for the fixed split itself and where there is none.
        decisions_to_best: Decisions until the best arm holds 80 % of its attainable share; None if never.
    """

    policy: str
    reward: float
    click_rate: float
    regret: float
    best_arm_share: float
    lift: Lift | None
    decisions_to_best: float | None


@dataclass(frozen=True)
class ArmRate:
    """True click rate of an arm in a segment.

    Attributes:
        segment: Segment of the traffic; `all` is all of it.
        arm: Name.
        traffic_share: Share (0 to 1) of the decisions that come from the segment.
        click_rate: Clicks per decision.
        is_best: Whether no arm has a higher rate in the segment.
    """

    segment: str
    arm: str
    traffic_share: float
    click_rate: float
    is_best: bool


def policy_results(summary: pd.DataFrame) -> dict[str, PolicyResult]:
    """Read the table `policy_summary`, by policy, in its order."""
    results = {}
    for row in summary.to_dict("records"):
        absent = row["policy"] == BASELINE or pd.isna(row["lift"])
        results[row["policy"]] = PolicyResult(
            policy=row["policy"],
            reward=row["reward_mean"],
            click_rate=row["ctr_mean"],
            regret=row["regret_mean"],
            best_arm_share=row["best_arm_share"],
            lift=None if absent else Lift(row["lift"], row["lift_low"], row["lift_high"]),
            decisions_to_best=None if pd.isna(row["decisions_to_best"]) else row["decisions_to_best"],
        )
    return results


def arm_rates(table: pd.DataFrame) -> list[ArmRate]:
    """Read the table `arm_click_rates`, in its order."""
    columns = ["segment", "arm", "traffic_share", "click_rate", "is_best"]
    return [
        ArmRate(
            str(row["segment"]), row["arm"], row["traffic_share"], row["click_rate"], bool(row["is_best"])
        )
        for row in table[columns].to_dict("records")
    ]


def champion(summary: pd.DataFrame) -> str | None:
    """Return the bandit to put forward, or None without bandits.

    It is the one with the most clicks among those whose lift excludes 0 upwards, else among all.

    Args:
        summary: The table `policy_summary`.
    """
    bandits = [result for name, result in policy_results(summary).items() if name != BASELINE]
    proven = [bandit for bandit in bandits if bandit.lift and bandit.lift.gains]
    best = max(proven or bandits, key=lambda bandit: bandit.reward, default=None)
    return best.policy if best else None
