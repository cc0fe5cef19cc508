"""Effects by segment, corrected for their number; and how visitors go on from step to step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from armlift.experiments.brief import Brief
from armlift.reporting.live_rewards import arm_rewards, sums_by_arm, trial_of
from armlift.statistics.effect import Reason
from armlift.statistics.moments import Mean, Proportion
from armlift.statistics.segments import segment_effects

_STEPS = ("impressions", "clicks", "add_to_carts", "purchases")


@dataclass(frozen=True, eq=False)
class LiveSegments:
    """Effects of arms by the values of a segment.

    Attributes:
        effects: arm, value (of the segment), n, estimate (difference to the control, reward per decision),
            low and high (holding for all rows together with 95 %, null if open), p_value (Holm, over all
            rows).
        differ: By arm the p-value of one effect for all values (Cochran's Q).
    """

    effects: pd.DataFrame
    differ: dict[str, float]


def live_segments(segments: pd.DataFrame, brief: Brief) -> LiveSegments:
    """Compare arms with the control within each value of a segment, in the fixed split.

    Args:
        segments: `segment_value`, `strategy_id`, `arm_id` and sums, from `Readings.segments`.
        brief: What was declared.
    """
    columns = ["arm", "value", "n", "estimate", "low", "high", "p_value"]
    trial = trial_of(brief)
    values = sorted(value for value in segments["segment_value"].unique() if value)
    if trial is None or not values:
        return LiveSegments(pd.DataFrame(columns=columns), {})
    parts = [arm_rewards(segments[segments["segment_value"] == value], brief, trial) for value in values]
    control = brief.arms.index(brief.control)
    others = [k for k in range(len(brief.arms)) if k != control]
    # One family of tests: all arms in all values, the arms outermost.
    family = segment_effects(
        _joined([part[[k]] for k in others for part in parts]),
        _joined([part[[control]] for _ in others for part in parts]),
    )
    effect, closed = family.effect, family.effect.reason == Reason.NONE
    table = pd.DataFrame(
        {
            "arm": np.repeat([brief.arms[k] for k in others], len(values)),
            "value": np.tile(values, len(others)),
            "n": np.concatenate([part.n[[k]] for k in others for part in parts]).astype(int),
            "estimate": effect.estimate,
            "low": np.where(closed, effect.low, np.nan),
            "high": np.where(closed, effect.high, np.nan),
            "p_value": family.adjusted_p_value,
        }
    )
    differ = {}
    for k in others:
        alone = segment_effects(
            _joined([part[[k]] for part in parts]), _joined([part[[control]] for part in parts])
        )
        differ[brief.arms[k]] = float(alone.heterogeneity.p_value)
    return LiveSegments(table[columns], differ)


def _joined(parts: Sequence[Proportion | Mean]) -> Proportion | Mean:
    """Statistics of single arms side by side, shape (S,)."""
    names = ("n", "successes") if isinstance(parts[0], Proportion) else ("n", "mean", "scatter")
    return type(parts[0])(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


class Step(NamedTuple):
    """A step of the funnel.

    Attributes:
        name: `impressions`, `clicks`, `add_to_carts` or `purchases`.
        times: How often.
        share: Of the first step.
        onwards: Of the step before; 1 for the first.
    """

    name: str
    times: int
    share: float
    onwards: float


def funnel(sums: pd.DataFrame, brief: Brief) -> dict[str, tuple[Step, ...]]:
    """How often visitors go on to each step, by arm; steps that nobody ever took are left out.

    Args:
        sums: Sums by strategy and arm.
        brief: What was declared.
    """
    by_arm = sums_by_arm(sums, brief.arms)
    steps = [name for name in _STEPS if name == "impressions" or by_arm[name].sum() > 0]
    found = {}
    for arm, row in by_arm.iterrows():
        counts = [int(row[name]) for name in steps]
        before = [counts[0], *counts[:-1]]
        found[str(arm)] = tuple(
            Step(name, count, _share(count, counts[0]), _share(count, last))
            for name, count, last in zip(steps, counts, before, strict=True)
        )
    return found


class Rates(NamedTuple):
    """Figures of an experiment, or of a part of it.

    Attributes:
        decisions: Decisions that count.
        impressions: Slates seen.
        clicks: Clicks.
        ctr: Clicks per impression; None without impressions.
        purchases: Purchases.
        cvr: Purchases over what the brief says; None where that is 0.
        cvr_of: What they are divided by: `clicks`, `impressions` or `decisions`, of which a user has one or
            more.
        revenue: Sum over purchases, currency.
        reward: Sum of the rewards.
        rewards: Their number.
    """

    decisions: int
    impressions: int
    clicks: int
    ctr: float | None
    purchases: int
    cvr: float | None
    cvr_of: str
    revenue: float
    reward: float
    rewards: int


def rates(sums: pd.DataFrame, brief: Brief) -> Rates:
    """Figures of all rows together.

    Args:
        sums: Rows of sums.
        brief: What was declared.
    """
    names = ("decisions", "impressions", "clicks", "purchases", "rewards")
    counts = {name: int(sums[name].sum()) if len(sums) else 0 for name in names}
    cvr_of = {"users": "decisions"}.get(str(brief.cvr_denominator), brief.cvr_denominator or "clicks")
    return Rates(
        counts["decisions"],
        counts["impressions"],
        counts["clicks"],
        _rate(counts["clicks"], counts["impressions"]),
        counts["purchases"],
        _rate(counts["purchases"], counts[cvr_of]),
        cvr_of,
        float(sums["revenue"].sum()) if len(sums) else 0.0,
        float(sums["reward_total"].sum()) if len(sums) else 0.0,
        counts["rewards"],
    )


def _rate(above: int, below: int) -> float | None:
    return above / below if below else None


def _share(above: int, below: int) -> float:
    return above / below if below else 0.0
