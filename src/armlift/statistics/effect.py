"""What a comparison says: one type for every test, fixed or sequential."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Alternative = Literal["two-sided", "greater", "less"]


class Reason(IntEnum):
    """Why a comparison says nothing, or less than it could.

    `NONE` is the ordinary case. In all others the interval is the whole line and the p-value 1, but for
    `WEAK_BASELINE`, where a fixed-horizon test keeps its p-value, which is then at least 1 - confidence. Two
    constant arms (`NO_VARIANCE`) say nothing either: 2 of 2 units against 0 of 2 are no proof.
    """

    NONE = 0
    NO_DATA = 1
    EMPTY_ARM = 2
    TOO_FEW = 3
    NO_VARIANCE = 4
    ZERO_BASELINE = 5
    WEAK_BASELINE = 6

    @property
    def text(self) -> str:
        """The reason in words."""
        return _TEXTS[self]


_TEXTS = {
    Reason.NONE: "",
    Reason.NO_DATA: "neither arm has data",
    Reason.EMPTY_ARM: "one of the arms has no data",
    Reason.TOO_FEW: "fewer than two units in an arm: the variance is unknown",
    Reason.NO_VARIANCE: "both arms are constant: there is no noise to compare with",
    Reason.ZERO_BASELINE: "the control's value is 0: a relative effect is not defined",
    Reason.WEAK_BASELINE: "the control's value is within its own noise of 0: a relative effect has no bounds",
}


@dataclass(frozen=True, slots=True, eq=False)
class Effect:
    """A treatment compared with a control; arrays of one shape, never NaN.

    Attributes:
        estimate: Difference, absolute or relative to the control's value; 0 where it is not defined.
        standard_error: Its standard error; 0 where it is not defined.
        low: Lower end of the interval, `-inf` where it is open.
        high: Upper end, `inf` where it is open.
        p_value: Of the null hypothesis that was tested; 1 where nothing can be said.
        reason: `Reason` codes, int8.
        confidence: Coverage of the interval.
        alternative: `two-sided`, `greater` (treatment above control) or `less`.
    """

    estimate: Floats
    standard_error: Floats
    low: Floats
    high: Floats
    p_value: Floats
    reason: NDArray[np.int8]
    confidence: float = 0.95
    alternative: Alternative = "two-sided"
