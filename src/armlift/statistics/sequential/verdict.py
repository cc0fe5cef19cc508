"""What to do with a sequence of intervals: go on, or stop for win, harm or futility."""

from __future__ import annotations

from dataclasses import replace
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from armlift.errors import ParameterError
from armlift.statistics.effect import Effect


class Verdict(IntEnum):
    """What an interval of the effect, higher being better, says about stopping.

    `WIN`: all of it is above 0. `HARM`: all of it is below 0. `FUTILE`: all of it is below the smallest
    effect that would be worth having. `CONTINUE`: none of these.
    """

    CONTINUE = 0
    WIN = 1
    HARM = 2
    FUTILE = 3


class FirstVerdict(NamedTuple):
    """Where each experiment stopped.

    Attributes:
        verdict: `Verdict` codes, int8; `CONTINUE` where no look gave another.
        look: Index of the look, from 0; the last one where the experiment went on to the end.
    """

    verdict: NDArray[np.int8]
    look: NDArray[np.intp]


def verdicts(effect: Effect, *, futility: float | None = None) -> NDArray[np.int8]:
    """`Verdict` codes of an effect, of its shape.

    Valid at every look if the effect's intervals are. Turn the sign of a metric that is to fall.

    Args:
        effect: Any comparison.
        futility: Smallest effect worth having, 0 or above, in the effect's unit; None never stops for
            futility.

    Raises:
        ParameterError: `futility` is below 0.

    Example:
        >>> from armlift.statistics.moments import Proportion
        >>> from armlift.statistics.sequential import confidence_sequence
        >>> treatment = Proportion(20_000, [1500, 2000, 2150, 2500])
        >>> effect = confidence_sequence(treatment, Proportion(20_000, 2000), tuned_at=10_000)
        >>> [Verdict(code).name for code in verdicts(effect, futility=0.015)]
        ['HARM', 'FUTILE', 'CONTINUE', 'WIN']
    """
    if futility is not None and not 0.0 <= futility < float("inf"):
        raise ParameterError(
            "futility", futility, "0 <= futility < infinity", "Pass the smallest useful effect."
        )
    futile = np.zeros(effect.high.shape, bool) if futility is None else effect.high < futility
    return np.select(
        [effect.low > 0.0, effect.high < 0.0, futile],
        [np.int8(code) for code in (Verdict.WIN, Verdict.HARM, Verdict.FUTILE)],
        default=np.int8(Verdict.CONTINUE),
    )


def running(effect: Effect, axis: int = -1) -> Effect:
    """Join the looks: the intersection of all intervals and the smallest p-value up to each look.

    An interval that holds at all looks together may be intersected. Estimate, standard error and reason stay
    those of the look. `low` may end above `high`: the effect has then changed over time, or this is one of
    the alpha cases in which the sequence errs. Do not use it on intervals made for one look.

    Args:
        effect: One of this package's sequences.
        axis: Axis of the looks, in order.
    """
    return replace(
        effect,
        low=np.maximum.accumulate(effect.low, axis),
        high=np.minimum.accumulate(effect.high, axis),
        p_value=np.minimum.accumulate(effect.p_value, axis),
    )


def first_verdict(codes: NDArray[np.int8], axis: int = -1) -> FirstVerdict:
    """The first verdict other than `CONTINUE` of each experiment.

    Args:
        codes: From `verdicts`.
        axis: Axis of the looks, in order; it goes away.

    Raises:
        ParameterError: There are no looks.

    Example:
        >>> stop = first_verdict(np.array([[0, 0, 2], [0, 1, 3], [0, 0, 0]], np.int8))
        >>> print(stop.verdict, stop.look)
        [2 1 0] [2 1 2]
    """
    if codes.shape[axis] == 0:
        raise ParameterError("looks", 0, "at least 1", "Look before you judge.")
    decided = codes != Verdict.CONTINUE
    look = np.where(decided.any(axis), decided.argmax(axis), codes.shape[axis] - 1)
    verdict = np.take_along_axis(codes, np.expand_dims(look, axis), axis).squeeze(axis)
    return FirstVerdict(verdict, look)
