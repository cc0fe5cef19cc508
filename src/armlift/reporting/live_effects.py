"""Effects of a running A/B test's arms over time, and the verdict that may be read at any moment.

The unit is the decision and its reward. Only the fixed split is compared by plain means: those of an arm that
a bandit favours are biased.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from armlift.experiments.brief import Brief
from armlift.experiments.rules import declared_design
from armlift.reporting.live_rewards import arm_rewards, cumulative_rewards, trial_of
from armlift.statistics.effect import Alternative, Effect
from armlift.statistics.effects import difference
from armlift.statistics.moments import Mean, Proportion
from armlift.statistics.sequential import Verdict, confidence_sequence, verdicts

Outcome = Literal["nothing", "collecting", "continue", "deploy", "keep", "expired"]
_CLAIMS: tuple[Alternative, Alternative] = ("greater", "less")
#: Events whose reward is what a metric counts, so that its smallest useful effect is one of the reward.
_REWARDED = {
    "ctr": "click_detail",
    "clicked": "click_detail",
    "conversion": "purchase",
    "revenue_per_user": "purchase",
    "reward_per_user": None,
}


@dataclass(frozen=True)
class LiveVerdict:
    """What to do with a running experiment, valid whenever it is read.

    Attributes:
        outcome: `nothing` (no fixed split, no verdict), `collecting` (below the minimum sample), `continue`,
            `deploy` (an arm is above the control), `keep` (no arm can be worth it) or `expired` (the planned
            end came without a verdict).
        arm: The arm to deploy, else the one that is ahead; None without any reward.
        control: What it is compared with.
        n: Rewards of the arm that has fewest.
        minimum: Rewards that each arm needs before a verdict.
        estimate: Difference to the control, reward per decision.
        low: Lower end of its always-valid interval, `-inf` if open.
        high: Upper end, `inf` if open.
        p_value: Always-valid, of a gain, corrected for the number of arms.
        confidence: Of each end, for all arms together.
    """

    outcome: Outcome
    arm: str | None
    control: str
    n: int
    minimum: int
    estimate: float = 0.0
    low: float = -np.inf
    high: float = np.inf
    p_value: float = 1.0
    confidence: float = 0.95


def live_verdict(sums: pd.DataFrame, brief: Brief, *, days: float) -> LiveVerdict:
    """Judge a running experiment by its brief, as `always_valid` does.

    Args:
        sums: Sums by strategy and arm since its start, such as `Readings.totals`.
        brief: What was declared.
        days: How long it runs.
    """
    trial = trial_of(brief)
    rewards = arm_rewards(sums, brief, trial)
    fewest = int(rewards.n.min())
    if trial is None:
        return LiveVerdict("nothing", _ahead(rewards, brief), brief.control, fewest, brief.minimum_sample)
    others, at = _others(brief)
    always = _always_valid(rewards, others, at, brief)
    best = int(np.argmax(always.estimate))
    codes = verdicts(always, futility=_smallest_useful(brief))
    outcome: Outcome = "continue"
    if fewest < max(brief.minimum_sample, 1):
        outcome = "collecting"
    elif (codes == Verdict.WIN).any():
        outcome, best = "deploy", int(np.argmax(np.where(codes == Verdict.WIN, always.estimate, -np.inf)))
    elif np.isin(codes, (Verdict.HARM, Verdict.FUTILE)).all():
        outcome = "keep"
    if outcome in ("collecting", "continue") and days >= brief.maximum_duration_days:
        outcome = "expired"
    return LiveVerdict(
        outcome,
        brief.arms[others[best]] if fewest else None,
        brief.control,
        fewest,
        brief.minimum_sample,
        float(always.estimate[best]),
        float(always.low[best]),
        float(always.high[best]),
        float(np.minimum(always.p_value[best] * len(others), 1.0)),
        1.0 - brief.alpha,
    )


class EffectNow(NamedTuple):
    """An arm beside the control.

    Attributes:
        arm: The arm.
        n: Its rewards.
        value: Its reward per decision.
        estimate: Difference to the control.
        low: Lower end of the always-valid interval, `-inf` if open.
        high: Upper end.
        p_value: Always-valid, of a gain, corrected for the number of arms.
    """

    arm: str
    n: int
    value: float
    estimate: float
    low: float
    high: float
    p_value: float


def effects_over_time(series: pd.DataFrame, brief: Brief) -> pd.DataFrame:
    """Difference of each arm to the control in the fixed split, up to the end of each stretch.

    Args:
        series: `bucket_at`, `strategy_id`, `arm_id` and sums, from the start of the experiment.
        brief: What was declared.

    Returns:
        at, arm, n, control_n, estimate (reward per decision), low and high (right if this were the only
        look), always_low and always_high (each right at all looks together), p_value, always_p_value (of a
        gain). Intervals are null where they are open; each arm's hold with 1 - alpha / (K - 1). Empty
        without a fixed split.
    """
    columns = ["at", "arm", "n", "control_n", "estimate", "low", "high"]
    columns += ["always_low", "always_high", "p_value", "always_p_value"]
    trial = trial_of(brief)
    if trial is None or series.empty:
        return pd.DataFrame(columns=columns)
    at, rewards = cumulative_rewards(series, brief, trial)
    others, control = _others(brief)
    once = difference(rewards[:, others], rewards[:, [control]], confidence=_confidence(brief))
    always = _always_valid(rewards, others, control, brief)
    shape = once.estimate.shape
    arms = np.broadcast_to([brief.arms[other] for other in others], shape)
    values = {
        "n": rewards.n[:, others],
        "control_n": np.broadcast_to(rewards.n[:, [control]], shape),
        "estimate": once.estimate,
        "low": _closed(once.low),
        "high": _closed(once.high),
        "always_low": _closed(always.low),
        "always_high": _closed(always.high),
        "p_value": once.p_value,
        "always_p_value": always.p_value,
    }
    table = {"at": np.repeat(at, shape[1]), "arm": arms.ravel()}
    return pd.DataFrame({**table, **{name: array.ravel() for name, array in values.items()}})[columns]


def effects_now(sums: pd.DataFrame, brief: Brief) -> tuple[EffectNow, ...]:
    """Every arm beside the control, in the brief's order; empty without a fixed split.

    Args:
        sums: Sums by strategy and arm.
        brief: What was declared.
    """
    trial = trial_of(brief)
    if trial is None:
        return ()
    rewards = arm_rewards(sums, brief, trial)
    others, control = _others(brief)
    always = _always_valid(rewards, others, control, brief)
    corrected = np.minimum(always.p_value * len(others), 1.0)
    return tuple(
        EffectNow(
            brief.arms[other],
            int(rewards.n[other]),
            float(rewards.value[other]),
            *(float(part[k]) for part in (always.estimate, always.low, always.high, corrected)),
        )
        for k, other in enumerate(others)
    )


def _always_valid(rewards: Proportion | Mean, others: list[int], control: int, brief: Brief) -> Effect:
    """Both ends as the rule `always_valid` draws them: each is a claim of its own, of a gain or of a loss."""
    above, below = (
        confidence_sequence(
            rewards[..., others],
            rewards[..., [control]],
            confidence=_confidence(brief),
            alternative=claim,
            tuned_at=declared_design(brief).tuning,
        )
        for claim in _CLAIMS
    )
    return replace(above, high=below.high)


def _confidence(brief: Brief) -> float:
    return 1.0 - brief.alpha / (len(brief.arms) - 1)


def _others(brief: Brief) -> tuple[list[int], int]:
    control = brief.arms.index(brief.control)
    return [number for number in range(len(brief.arms)) if number != control], control


def _smallest_useful(brief: Brief) -> float | None:
    """The MDE as a difference of rewards; None where the primary metric is no reward per decision."""
    metric = brief.primary_metric
    if metric.id not in _REWARDED or _REWARDED[metric.id] not in (None, brief.reward_event):
        return None
    return metric.baseline * metric.mde


def _ahead(rewards: Proportion | Mean, brief: Brief) -> str | None:
    return brief.arms[int(np.argmax(rewards.value))] if rewards.n.any() else None


def _closed(bounds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isfinite(bounds), bounds, np.nan)
