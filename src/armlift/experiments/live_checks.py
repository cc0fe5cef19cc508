"""What is watched while an experiment runs: is its traffic split as planned, does an arm do harm.

Everything is looked at again every few minutes, so every alarm comes from a test that holds at all looks
together. Units are users; rates and shares are of what was counted. Flagged rows count nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from armlift.experiments.brief import Brief
from armlift.experiments.brief_parts import Guardrail, Strategy
from armlift.experiments.live_rates import live_rates
from armlift.experiments.live_reading import Cells, LiveReading, by_arm
from armlift.experiments.metrics import METRICS, Metric, find_metrics
from armlift.statistics.effect import Effect
from armlift.statistics.moments import Estimate, Mean, Proportion, Ratio, Sample
from armlift.statistics.sample_ratio import sequential_sample_ratio_test
from armlift.statistics.sequential import confidence_sequence

if TYPE_CHECKING:
    import pandas as pd

_FINEST = 10_000.0  # concentration at which deviations of half a percentage point are found soonest
_FEW = 30  # units of an arm below which an asymptotic sequence says nothing


def live_readings(brief: Brief, totals: pd.DataFrame, users: pd.DataFrame) -> tuple[LiveReading, ...]:
    """Measure a running experiment.

    Args:
        brief: What was declared.
        totals: Sums by `strategy_id` and `arm_id`, the fields of `LiveSums` but the last.
        users: Users by strategy and arm with the moments of what they did, as `Readings.users` gives them;
            `attrs["complete"]` says whether they are all of the experiment's.
    """
    counted, seen = Cells(totals, brief), Cells(users, brief)
    complete = bool(users.attrs.get("complete", True))
    return (
        *_sample_ratios(brief, seen, complete),
        *_equal_arms(brief, seen),
        *_guardrails(brief, seen),
        *live_rates(brief, counted, seen),
    )


def unknown_live(brief: Brief) -> tuple[str, ...]:
    """Name the guardrails whose metric the log of live traffic does not hold."""
    return tuple(dict.fromkeys(guard.metric for guard in brief.guardrails if guard.metric not in METRICS))


def arms_are_equal(brief: Brief) -> bool:
    """Whether it is an A/A test: all variants have one and the same description, which is not empty."""
    descriptions = {variant.description for variant in brief.variants}
    return len(descriptions) == 1 and descriptions != {""}


def _sample_ratios(brief: Brief, users: Cells, complete: bool) -> Iterator[LiveReading]:
    """Users by strategy, users by arm of a fixed split, and the arms of a bandit against its propensities."""
    threshold = brief.quality.sample_ratio_alarm

    def reading(segment: str, p_value: float, details: Mapping[str, Any]) -> LiveReading:
        alarm = threshold is not None and p_value < threshold
        return LiveReading(
            "sample_ratio", segment, p_value, threshold, alarm, {**details, "complete": complete}
        )

    def split(segment: str, names: list[str], counts: Any, shares: Any, planned_share: float) -> LiveReading:
        test = sequential_sample_ratio_test(
            counts, shares, concentration=_concentration(brief, planned_share)
        )
        expected = dict(zip(names, test.expected.tolist(), strict=True))
        found = {"users": dict(zip(names, np.asarray(counts).tolist(), strict=True)), "expected": expected}
        return reading(segment, float(test.p_value), found)

    if len(brief.strategies) > 1:
        entered = [float(users.of(strategy, "users_once").sum()) for strategy in brief.strategies]
        if sum(entered):
            names = [strategy.id for strategy in brief.strategies]
            yield split("", names, entered, [strategy.share for strategy in brief.strategies], 1.0)
    for strategy in brief.strategies:
        counts = users.of(strategy, "users")
        if not counts.sum():
            continue
        if strategy.allocation == "fixed":
            yield split(strategy.id, list(brief.arms), counts, brief.weights(strategy), strategy.share)
        else:
            yield reading(strategy.id, *_propensities(brief, strategy, users))


def _concentration(brief: Brief, share: float) -> float:
    """The test's, by the users that were planned: many users can show fine deviations."""
    planned = brief.daily_users * brief.maximum_duration_days * share
    return min(max(planned, 1.0), _FINEST)


def _propensities(brief: Brief, strategy: Strategy, users: Cells) -> tuple[float, dict[str, Any]]:
    """Whether arms were drawn with the propensities that were logged.

    The inverse propensities of the units that got an arm have the number of all units as their expected sum,
    whatever the bandit learned. A unit is a user who keeps the arm, else a decision.
    """
    by_user = brief.quality.sticky
    prefix, unit = ("", "users") if by_user else ("decision_", "decisions")
    seen = users.of(strategy, unit)
    n = np.full(seen.shape, seen.sum())
    mean = users.of(strategy, f"{prefix}inverse") / n
    squares = users.of(strategy, f"{prefix}inverse*{prefix}inverse") / n
    found = Estimate(n, mean, np.maximum(squares - mean**2, 0.0))
    effect = confidence_sequence(found, Estimate(n, 1.0, 0.0), tuned_at=_tuned(brief))
    p_values = np.where(seen >= _FEW, effect.p_value, 1.0)
    details = {
        unit: dict(zip(brief.arms, seen.tolist(), strict=True)),
        "inverse_propensity_mean": dict(zip(brief.arms, mean.tolist(), strict=True)),
    }
    return min(1.0, float(p_values.min()) * len(brief.arms)), details


def _equal_arms(brief: Brief, users: Cells) -> Iterator[LiveReading]:
    """P-value of the primary metric between arms that are the same, where the brief says so."""
    if not arms_are_equal(brief):
        return
    (metric,) = find_metrics([brief.primary_metric.id], brief.cvr_denominator or "clicks")
    threshold = brief.alpha / len(brief.strategies)
    for strategy in brief.strategies:
        sample = _sample(metric, users, strategy)
        effect = confidence_sequence(sample, _control(sample, brief), tuned_at=_tuned(brief))
        told = (sample.n >= _FEW) & (_control(sample, brief).n >= _FEW)
        told[brief.arms.index(brief.control)] = False
        p_value = min(1.0, float(np.where(told, effect.p_value, 1.0).min()) * (len(brief.arms) - 1))
        details = {
            "metric": metric.id,
            "users": by_arm(brief.arms, sample.n),
            "value": by_arm(brief.arms, sample.value),
        }
        yield LiveReading("aa_p_value", strategy.id, p_value, threshold, p_value < threshold, details)


def _guardrails(brief: Brief, users: Cells) -> Iterator[LiveReading]:
    """Every guardrail that the log can tell, by strategy and arm."""
    for guard in brief.guardrails:
        if guard.metric not in METRICS:
            continue
        (metric,) = find_metrics([guard.metric], brief.cvr_denominator or "clicks")
        for strategy in brief.strategies:
            sample = _sample(metric, users, strategy)
            control = _control(sample, brief)
            value, threshold, effect = _harm(brief, guard, sample, control)
            enough = sample.n >= brief.minimum_sample
            if guard.non_inferiority_margin is not None:
                enough &= control.n >= brief.minimum_sample
            alpha = brief.alpha / (len(brief.arms) * len(brief.strategies))
            for place, arm in enumerate(brief.arms):
                if sample.n[place] and not (
                    arm == brief.control and guard.non_inferiority_margin is not None
                ):
                    p_value = float(effect.p_value[place])
                    details = {"users": float(sample.n[place]), "value": float(sample.value[place])}
                    yield LiveReading(
                        guard.metric,
                        f"{strategy.id}/{arm}",
                        float(value[place]),
                        threshold,
                        bool(enough[place] and p_value < alpha),
                        {**details, "p_value": p_value, "alpha": alpha, "unit": metric.unit},
                    )


def _harm(brief: Brief, guard: Guardrail, sample: Sample, control: Sample) -> tuple[Any, float, Effect]:
    """Value, threshold, and the test that the value lies beyond it."""
    tuned_at = _tuned(brief)
    if guard.non_inferiority_margin is not None:
        margin = -guard.non_inferiority_margin
        effect = confidence_sequence(
            sample, control, alternative="less", relative=True, margin=margin, tuned_at=tuned_at
        )
        return effect.estimate, margin, effect
    above = guard.at_most is not None
    bound = float(guard.at_most if guard.at_most is not None else guard.at_least or 0.0)
    exactly = Estimate(sample.n, np.full(sample.n.shape, bound), 0.0)
    effect = confidence_sequence(
        sample, exactly, alternative="greater" if above else "less", tuned_at=tuned_at
    )
    return sample.value, bound, effect


def _sample(metric: Metric, users: Cells, strategy: Strategy) -> Sample:
    """Statistics of a metric by arm, users being the units."""

    def column(name: str) -> Any:
        return users.of(strategy, name)

    n = column("users")
    if metric.kind == "proportion":
        return Proportion(n, column(f"any_{metric.numerator}"))
    names = metric.columns
    sums = np.stack([column(name) for name in names], axis=-1)
    products = np.stack(
        [np.stack([column(_product(one, other)) for other in names], axis=-1) for one in names], axis=-2
    )
    kind = Ratio if metric.kind == "ratio" else Mean
    return kind.from_sums(n, sums, products)


def _product(one: str, other: str) -> str:
    """Column of a sum of products; of two measures the one above the line comes first."""
    below = ("impressions", "sessions")
    first, second = (
        (other, one) if one in below or (one == "clicks" and other == "purchases") else (one, other)
    )
    return f"{first}*{second}"


def _control(sample: Any, brief: Brief) -> Any:
    """The control's statistics, to compare every arm with."""
    return sample[[brief.arms.index(brief.control)] * len(brief.arms)]


def _tuned(brief: Brief) -> float:
    return float(brief.minimum_sample)
