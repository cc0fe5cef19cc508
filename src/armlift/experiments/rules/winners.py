"""Rules that declare a winner.

A winner is a variant that beats the control. So alpha is spent on that side alone: tests and bounds are
one-sided at alpha, which keeps the rate of false winners at alpha and wastes none of it. A control that beats
its variant is called harm, by the mirror image of the same test; with `any_arm` it counts as a winner, and
every test is two-sided at alpha. With several variants each is compared with the control at alpha / (K - 1)
(Bonferroni). Harm and futility do not stop a rule: its rate of false winners holds whether or not they are
heeded.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from armlift.experiments.rules.base import Codes, DecisionRule, win_or_harm
from armlift.experiments.rules.design import Design
from armlift.statistics.effect import Alternative, Effect
from armlift.statistics.effects import difference
from armlift.statistics.moments import Proportion
from armlift.statistics.sequential import (
    confidence_sequence,
    group_sequential_bounds,
    mixing_variance,
    mixture_sprt,
    verdicts,
)


@dataclass(frozen=True, slots=True)
class BestProbability(DecisionRule):
    """The source documents' rule: P(best) and the minimum sample, asked at every look.

    With the prior Beta(1, 1). P(best) is not an error rate: under many looks false winners pile up.

    Attributes:
        threshold: P(best) that makes a winner.
    """

    threshold: float = 0.95
    id: ClassVar[str] = "p_best_95"
    summary: ClassVar[str] = "P(best) >= 95 % at any look"

    def _judge(self, looks: Proportion, design: Design) -> Codes:
        if design.n_arms == 2:
            from armlift.statistics.posteriors import probability_beats

            beats = probability_beats(looks[..., 1:], looks[..., :1])
            return win_or_harm(beats >= self.threshold, beats <= 1.0 - self.threshold)
        from armlift.statistics.best_arm import probability_best_beta

        best = probability_best_beta(1.0 + looks.successes, 1.0 + looks.n - looks.successes)
        return win_or_harm(best[..., 1:] >= self.threshold, best[..., :1] >= self.threshold)


class _Compared(DecisionRule):
    """A rule that compares each variant with the control by an always-valid interval."""

    def _judge(self, looks: Proportion, design: Design) -> Codes:
        treatment, control = looks[..., 1:], looks[..., :1]
        if design.any_arm:
            both = self._sequence(treatment, control, design, "two-sided")
        else:
            above = self._sequence(treatment, control, design, "greater")
            both = replace(above, high=self._sequence(treatment, control, design, "less").high)
        return verdicts(both, futility=design.absolute_mde)

    @abstractmethod
    def _sequence(
        self, treatment: Proportion, control: Proportion, design: Design, alternative: Alternative
    ) -> Effect:
        """The interval that stays valid at every look."""


@dataclass(frozen=True, slots=True)
class AlwaysValid(_Compared):
    """Confidence sequence of the difference, tuned to the planned end (Waudby-Smith et al., 2024).

    Futile: the whole interval lies below the MDE.
    """

    id: ClassVar[str] = "always_valid"
    summary: ClassVar[str] = "confidence sequence clears 0 at any look"

    def _sequence(
        self, treatment: Proportion, control: Proportion, design: Design, alternative: Alternative
    ) -> Effect:
        return confidence_sequence(
            treatment,
            control,
            confidence=1.0 - design.alpha_per_variant,
            alternative=alternative,
            tuned_at=design.tuning,
        )


@dataclass(frozen=True, slots=True)
class MixtureSPRT(_Compared):
    """Mixture sequential probability ratio test (Robbins, 1970; Johari et al., 2022).

    The mixing standard deviation is the MDE: effects of about that size are found soonest.
    """

    id: ClassVar[str] = "msprt"
    summary: ClassVar[str] = "mixture likelihood ratio passes 1 / alpha at any look"

    def _sequence(
        self, treatment: Proportion, control: Proportion, design: Design, alternative: Alternative
    ) -> Effect:
        return mixture_sprt(
            treatment,
            control,
            confidence=1.0 - design.alpha_per_variant,
            alternative=alternative,
            mixing_variance=mixing_variance(design.absolute_mde),
        )


class _Bounded(DecisionRule):
    """A rule that holds a z statistic against one bound for each planned look."""

    def _judge(self, looks: Proportion, design: Design) -> Codes:
        effect = difference(looks[..., 1:], looks[..., :1])
        score = np.divide(
            effect.estimate,
            effect.standard_error,
            out=np.zeros_like(effect.estimate),
            where=effect.standard_error > 0.0,
        )
        bounds = self._bounds(design)[: score.shape[-2], None]
        return win_or_harm(score >= bounds, score <= -bounds)

    @abstractmethod
    def _bounds(self, design: Design) -> NDArray[np.float64]:
        """Bound of z at each planned look, shape (looks,)."""


@dataclass(frozen=True, slots=True)
class FixedHorizon(_Bounded):
    """One z-test with unpooled variance at the planned end; looks before it decide nothing."""

    id: ClassVar[str] = "fixed_horizon"
    summary: ClassVar[str] = "one test, at the planned end"

    def _bounds(self, design: Design) -> NDArray[np.float64]:
        from statistics import NormalDist

        tail = design.alpha_per_variant / (2.0 if design.any_arm else 1.0)
        bounds = np.full(design.looks, np.inf)
        bounds[-1] = NormalDist().inv_cdf(1.0 - tail)
        return bounds


class _GroupSequential(_Bounded):
    """Bounds by alpha spending over the planned looks (Lan and DeMets, 1983)."""

    spending: ClassVar[Literal["obrien_fleming", "pocock"]]

    def _bounds(self, design: Design) -> NDArray[np.float64]:
        fractions = np.arange(1, design.looks + 1) / design.looks
        return group_sequential_bounds(
            fractions,
            alpha=design.alpha_per_variant,
            spending=self.spending,
            alternative=design.alternative,
        ).z


@dataclass(frozen=True, slots=True)
class OBrienFleming(_GroupSequential):
    """Spends almost all alpha on the last looks: hard to stop early, little power lost."""

    id: ClassVar[str] = "obrien_fleming"
    summary: ClassVar[str] = "group-sequential bound, strict early"
    spending: ClassVar[Literal["obrien_fleming", "pocock"]] = "obrien_fleming"


@dataclass(frozen=True, slots=True)
class Pocock(_GroupSequential):
    """Spends alpha about evenly: stops earlier on large effects, at the cost of power at the end."""

    id: ClassVar[str] = "pocock"
    summary: ClassVar[str] = "group-sequential bound, about even"
    spending: ClassVar[Literal["obrien_fleming", "pocock"]] = "pocock"
