"""Effects of an experiment's arms on its metrics, from events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from armlift.errors import ParameterError
from armlift.experiments.metrics import Metric
from armlift.experiments.summary import Statistics, Summary, summarise
from armlift.statistics.cuped import cuped, variance_reduction
from armlift.statistics.effect import Effect, Reason
from armlift.statistics.effects import difference, relative_difference
from armlift.statistics.moments import CovariateMean, CovariateRatio, Estimate, Sample
from armlift.statistics.multiplicity import primary_weights, weighted_bonferroni

if TYPE_CHECKING:
    from ibis.expr.types import Table

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """Effects of M metrics and T treatments, the first metric being the primary one.

    Segments are the last axis: `statistics.segments.heterogeneity(analysis.absolute)` tests whether effects
    differ between them.

    Attributes:
        metrics: Ids of the metrics.
        control: Id of the control.
        treatments: Ids of the other arms.
        segments: Values of the segment, S of them; empty if users are not split.
        value: Value of each metric and arm, control first, shape (M, T + 1) or (M, T + 1, S); not adjusted.
        absolute: Effects in each metric's unit, shape (M, T) or (M, T, S).
        relative: Effects relative to control, the same shape.
        adjusted_p_value: The absolute effects' p-values, corrected for all tests, the same shape.
        variance_reduction: Share of variance that CUPED removed, 0 to 1, the same shape; 0 without it.
    """

    metrics: tuple[str, ...]
    control: str
    treatments: tuple[str, ...]
    segments: tuple[str, ...]
    value: Floats
    absolute: Effect
    relative: Effect
    adjusted_p_value: Floats
    variance_reduction: Floats

    def to_frame(self) -> pd.DataFrame:
        """One row for each metric, treatment and segment."""
        levels = {"metric": self.metrics, "treatment": self.treatments, "segment": self.segments or ("all",)}
        index = pd.MultiIndex.from_product(list(levels.values()), names=list(levels))
        treated = np.broadcast_to(self.value[:, 1:], self.absolute.estimate.shape)
        against = np.broadcast_to(self.value[:, :1], self.absolute.estimate.shape)
        columns = {
            "control_value": against,
            "treatment_value": treated,
            "effect": self.absolute.estimate,
            "low": self.absolute.low,
            "high": self.absolute.high,
            "relative_effect": self.relative.estimate,
            "relative_low": self.relative.low,
            "relative_high": self.relative.high,
            "p_value": self.absolute.p_value,
            "adjusted_p_value": self.adjusted_p_value,
            "variance_reduction": self.variance_reduction,
        }
        frame = pd.DataFrame({name: array.ravel() for name, array in columns.items()}, index=index)
        frame["reason"] = [Reason(int(code)).text for code in self.absolute.reason.ravel()]
        return frame.reset_index()


def analyse(
    events: Table,
    metrics: Sequence[Metric],
    control: str,
    *,
    arms: Sequence[str] | None = None,
    start: datetime | None = None,
    segment: str | None = None,
    confidence: float = 0.95,
    primary_share: float = 0.8,
) -> Analysis:
    """Compare every arm with the control on every metric.

    Args:
        events: Table of events of one experiment and strategy, on a connection that the caller has opened.
        metrics: Metrics, the primary one first; see `metrics.find_metrics`.
        control: Id of the control.
        arms: All arms, those without events too; those that occur if not given.
        start: Start of the experiment, UTC; with it users' events before it serve as covariates (CUPED).
        segment: Column of the events, such as `device`, by which users are split.
        confidence: Coverage of each interval by itself.
        primary_share: Share of alpha that the primary metric keeps; the other metrics divide the rest.
            Treatments and segments divide a metric's share equally.

    Raises:
        ParameterError: The control is not among the arms, or a parameter is out of bounds.
    """
    summary = summarise(events, metrics, arms=arms, start=start, segment=segment)
    return compare(summary, control, confidence=confidence, primary_share=primary_share)


def compare(
    summary: Summary, control: str, *, confidence: float = 0.95, primary_share: float = 0.8
) -> Analysis:
    """Compare arms by their sufficient statistics; arguments as for `analyse`.

    Args:
        summary: Statistics of each metric, the primary one first.
        control: Id of the control.
        confidence: Coverage of each interval by itself.
        primary_share: Share of alpha that the primary metric keeps.
    """
    if not summary.statistics:
        raise ParameterError("metrics", [], "one metric or more", "Name the primary metric first.")
    if control not in summary.arms or len(summary.arms) < 2:
        arms = ", ".join(summary.arms) or "no arm has events"
        raise ParameterError("control", control, f"one of two arms or more: {arms}", "Pass arms=.")
    at = summary.arms.index(control)
    others = [number for number in range(len(summary.arms)) if number != at]
    absolute, relative, reductions, values = [], [], [], []
    for statistics in summary.statistics.values():
        treatment, baseline = _samples(statistics, others, at)
        absolute.append(difference(treatment, baseline, confidence=confidence))
        relative.append(relative_difference(treatment, baseline, confidence=confidence))
        reductions.append(np.broadcast_to(_reduction(statistics), treatment.n.shape))
        values.append(statistics.value[[at, *others]])
    effect = _stack(absolute)
    return Analysis(
        metrics=tuple(summary.statistics),
        control=control,
        treatments=tuple(summary.arms[number] for number in others),
        segments=summary.segments,
        value=np.stack(values),
        absolute=effect,
        relative=_stack(relative),
        adjusted_p_value=_adjust(effect.p_value, primary_share),
        variance_reduction=np.stack(reductions),
    )


def _samples(statistics: Statistics, others: list[int], at: int) -> tuple[Sample, Sample]:
    """Treatments and control, adjusted with one theta where there are covariates."""
    if not isinstance(statistics, CovariateMean | CovariateRatio):
        return statistics[others], statistics[[at]]
    arms = cuped(*(statistics[[arm]] for arm in range(statistics.n.shape[0])))

    def chosen(numbers: list[int]) -> Estimate:
        columns = ("n", "value", "variance")
        return Estimate(*(np.concatenate([getattr(arms[k], name) for k in numbers]) for name in columns))

    return chosen(others), chosen([at])


def _reduction(statistics: Statistics) -> Floats:
    if not isinstance(statistics, CovariateMean | CovariateRatio):
        return np.zeros(1)
    return variance_reduction(*(statistics[[arm]] for arm in range(statistics.n.shape[0])))


def _stack(effects: Sequence[Effect]) -> Effect:
    arrays = {
        field.name: np.stack([getattr(effect, field.name) for effect in effects])
        for field in fields(Effect)
        if field.name not in ("confidence", "alternative")
    }
    return Effect(**arrays, confidence=effects[0].confidence, alternative=effects[0].alternative)


def _adjust(p_values: Floats, primary_share: float) -> Floats:
    """Weighted Bonferroni: a metric's share of alpha, divided equally among its tests."""
    metrics, tests = p_values.shape[0], int(np.prod(p_values.shape[1:]))
    shares = primary_weights(metrics, primary_share=primary_share)
    weights = np.repeat(shares / max(tests, 1), tests)
    return weighted_bonferroni(p_values.ravel(), weights).reshape(p_values.shape)
