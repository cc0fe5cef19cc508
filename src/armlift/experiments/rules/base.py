"""What a decision rule is: a pure function of cumulative statistics and the design."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from armlift.errors import ParameterError
from armlift.experiments.rules.design import Design
from armlift.statistics.moments import Proportion
from armlift.statistics.sequential import Verdict

Codes = NDArray[np.int8]
Booleans = NDArray[np.bool_]

#: Code beside the verdicts on an arm: the data cannot be trusted, so nothing may be decided on them.
ALARM = 4


class DecisionRule(ABC):
    """Judges each look by itself; whoever runs it stops at the first look that declares something.

    Rules are frozen and hold no data: the same object judges thousands of simulated experiments and, with a
    leading axis of 1, the live one.
    """

    declares: ClassVar[Literal["winner", "alarm", "rollback"]] = "winner"
    summary: ClassVar[str]

    @property
    @abstractmethod
    def id(self) -> str:
        """Name of the rule, in briefs and on the command line."""

    def verdicts(self, looks: Proportion, design: Design) -> Codes:
        """Judge every look from what was known at it.

        Args:
            looks: Cumulative statistics, shape (..., looks, K), the first arm being the control; all planned
                looks or the first of them.
            design: What was declared before the start.

        Returns:
            `Verdict` codes or `ALARM` of each variant, shape (..., looks, K - 1).

        Raises:
            ParameterError: The arms are not those of the design, or there are more looks than planned.
        """
        if looks.n.shape[-1] != design.n_arms:
            raise ParameterError(
                "arms",
                looks.n.shape[-1],
                f"{design.n_arms}, as designed",
                "Pass the control and each variant.",
            )
        if looks.n.shape[-2] > design.looks:
            raise ParameterError(
                "looks", looks.n.shape[-2], f"at most {design.looks}, as planned", "Plan more looks."
            )
        enough = np.asarray(looks.n >= max(design.minimum_sample, 1)).all(axis=-1, keepdims=True)
        codes: Codes = np.where(enough, self._judge(looks, design), Verdict.CONTINUE).astype(np.int8)
        return codes

    @abstractmethod
    def _judge(self, looks: Proportion, design: Design) -> Codes:
        """Codes where every arm has the minimum sample, shape (..., looks, K - 1)."""

    def declared(self, codes: Codes, design: Design) -> Booleans:
        """Whether each look declares what the rule is there to declare, shape (..., looks)."""
        counted = {
            "winner": (Verdict.WIN, Verdict.HARM) if design.any_arm else (Verdict.WIN,),
            "alarm": (ALARM,),
            "rollback": (Verdict.HARM,),
        }[self.declares]
        return np.asarray(np.isin(codes, counted).any(axis=-1), dtype=bool)

    def level(self, design: Design) -> float:
        """The rate of false declarations that the rule, or the plan, promises."""
        return design.alpha


def win_or_harm(win: Booleans, harm: Booleans) -> Codes:
    """Codes of two disjoint findings."""
    codes: Codes = np.where(win, Verdict.WIN, np.where(harm, Verdict.HARM, Verdict.CONTINUE)).astype(np.int8)
    return codes
