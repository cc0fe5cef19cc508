"""Rules that stop an experiment without a winner: a broken split, a conversion rate that falls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from armlift.experiments.rules.base import ALARM, Codes, DecisionRule
from armlift.experiments.rules.design import Design
from armlift.statistics.effects import difference
from armlift.statistics.moments import Proportion
from armlift.statistics.sample_ratio import SampleRatio, sample_ratio_test, sequential_sample_ratio_test
from armlift.statistics.sequential import Verdict


@dataclass(frozen=True, slots=True)
class SampleRatioAlarm(DecisionRule):
    """Chi-square test of the users by arm against the planned split, at every look.

    The source documents' alarm. Its level holds for one look; under many it cries wolf.

    Attributes:
        threshold: p-value below which it sounds.
    """

    threshold: float = 0.01
    declares: ClassVar[Literal["winner", "alarm", "rollback"]] = "alarm"
    summary: ClassVar[str] = "sample-ratio chi-square below its threshold at any look"

    @property
    def id(self) -> str:
        """The id, by its threshold: `srm_01` for 0.01."""
        return _by_threshold(self.threshold)

    def _judge(self, looks: Proportion, design: Design) -> Codes:
        sounds = self._test(looks.n, design.shares).alarm[..., None]
        variants = (*looks.n.shape[:-1], design.n_arms - 1)
        return np.broadcast_to(np.where(sounds, ALARM, Verdict.CONTINUE), variants).astype(np.int8)

    def _test(self, counts: NDArray[np.float64], shares: NDArray[np.float64]) -> SampleRatio:
        return sample_ratio_test(counts, shares, threshold=self.threshold)

    def level(self, design: Design) -> float:
        """The threshold: what a reader of the alarm takes it to promise."""
        return self.threshold


@dataclass(frozen=True, slots=True)
class SequentialSampleRatioAlarm(SampleRatioAlarm):
    """Sequential test of the split, whose level holds over all looks (Lindon and Malek, 2022)."""

    summary: ClassVar[str] = "sequential sample-ratio test at the same threshold"

    @property
    def id(self) -> str:
        """The id, by its threshold."""
        return f"{_by_threshold(self.threshold)}_sequential"

    def _test(self, counts: NDArray[np.float64], shares: NDArray[np.float64]) -> SampleRatio:
        return sequential_sample_ratio_test(counts, shares, threshold=self.threshold)


@dataclass(frozen=True, slots=True)
class Rollback(DecisionRule):
    """Rolls back when a variant converts too far below the control since the look before.

    The source documents' rule: the window is one look, and chance is not asked.

    Attributes:
        fall: Relative fall that triggers it.
    """

    fall: float = 0.2
    declares: ClassVar[Literal["winner", "alarm", "rollback"]] = "rollback"
    summary: ClassVar[str] = "conversion 20 % below control within one look"

    @property
    def id(self) -> str:
        """The id, by its fall: `rollback_20` for 20 %."""
        return f"rollback_{100.0 * self.fall:g}"

    def _judge(self, looks: Proportion, design: Design) -> Codes:
        window = Proportion(*(np.diff(sums, axis=-2, prepend=0.0) for sums in (looks.n, looks.successes)))
        return np.where(
            self._fallen(window[..., 1:], window[..., :1], design), Verdict.HARM, Verdict.CONTINUE
        )

    def _fallen(self, variant: Proportion, control: Proportion, design: Design) -> NDArray[np.bool_]:
        seen = (variant.n > 0.0) & (control.successes > 0.0)
        fallen: NDArray[np.bool_] = seen & (variant.value <= (1.0 - self.fall) * control.value)
        return fallen


@dataclass(frozen=True, slots=True)
class SignificantRollback(Rollback):
    """The same fall, but beyond chance: alpha is shared by variants and planned looks (Bonferroni)."""

    summary: ClassVar[str] = "the same fall within one look, beyond chance"

    @property
    def id(self) -> str:
        """The id, by its fall."""
        return f"rollback_{100.0 * self.fall:g}_beyond_chance"

    def _fallen(self, variant: Proportion, control: Proportion, design: Design) -> NDArray[np.bool_]:
        p_value = difference(variant, control, alternative="less").p_value
        beyond: NDArray[np.bool_] = p_value <= design.alpha_per_variant / design.looks
        return beyond & super(SignificantRollback, self)._fallen(variant, control, design)


def _by_threshold(threshold: float) -> str:
    digits = f"{threshold:.6f}".partition(".")[2].rstrip("0")
    return f"srm_{digits}"
