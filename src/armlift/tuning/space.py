"""Search spaces: which hyper-parameters are tuned, and within which bounds."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from armlift.errors import ParameterError
from armlift.recommenders import create_recommender

if TYPE_CHECKING:
    from optuna.trial import Trial

Choice = bool | int | float | str | None

_FORMS = (
    "{type: int, low: 5, high: 50, log: false}, {type: float, low: 0.001, high: 0.1, log: true} "
    "or {type: categorical, choices: [a, b]}"
)


@dataclass(frozen=True)
class Interval:
    """A number between two bounds, both included.

    Attributes:
        low: Smallest value.
        high: Largest value.
        log: Whether the values are spread evenly by their logarithm.
        whole: Whether only whole numbers count.
    """

    low: float
    high: float
    log: bool
    whole: bool

    @property
    def corners(self) -> tuple[Choice, ...]:
        """Values that a recommender must accept if it accepts all."""
        return self.low, self.high

    def contains(self, value: object) -> bool:
        """Whether a value lies in the interval."""
        kinds = int if self.whole else (int, float)
        return isinstance(value, kinds) and not isinstance(value, bool) and self.low <= value <= self.high

    def suggest(self, trial: Trial, name: str) -> None:
        """Draw a value for a trial, unless it has one."""
        if self.whole:
            trial.suggest_int(name, int(self.low), int(self.high), log=self.log)
        else:
            trial.suggest_float(name, self.low, self.high, log=self.log)


@dataclass(frozen=True)
class Choices:
    """One of some values without an order.

    Attributes:
        values: At least two, all different.
    """

    values: tuple[Choice, ...]

    @property
    def corners(self) -> tuple[Choice, ...]:
        """Values that a recommender must accept if it accepts all."""
        return self.values

    def contains(self, value: object) -> bool:
        """Whether a value is one of the choices."""
        return value in self.values

    def suggest(self, trial: Trial, name: str) -> None:
        """Draw a value for a trial, unless it has one."""
        trial.suggest_categorical(name, self.values)


Range = Interval | Choices


def search_space(recommender: str, ranges: Mapping[str, Mapping[str, Any]]) -> dict[str, Range]:
    """Read the search space of a recommender, and try its bounds on the recommender itself.

    Args:
        recommender: Name of an installed recommender.
        ranges: By hyper-parameter, as parameter files write them: `{type: int, low: 5, high: 50}`, likewise
            `float`, both with `log: true` if wished, or `{type: categorical, choices: [a, b]}`.

    Returns:
        Ranges by hyper-parameter.

    Raises:
        ParameterError: No such recommender or hyper-parameter, an empty space, an impossible range, or a
            bound that the recommender refuses.

    Example:
        >>> search_space("svd", {"n_factors": {"type": "int", "low": 5, "high": 50}})
        {'n_factors': Interval(low=5, high=50, log=False, whole=True)}
    """
    where = f"tuning.spaces.{recommender}"
    allowed = tuple(inspect.signature(type(create_recommender(recommender))).parameters)
    if not ranges:
        raise ParameterError(
            where,
            dict(ranges),
            "at least one hyper-parameter",
            f"Give ranges to some of {', '.join(allowed)}." if allowed else "It has none: do not tune it.",
        )
    space: dict[str, Range] = {}
    for name, given in ranges.items():
        if name not in allowed:
            raise ParameterError(
                f"{where}.{name}",
                given,
                f"a hyper-parameter among {', '.join(allowed) or 'none'}",
                "Correct the name, or leave it out.",
            )
        space[name] = _range(f"{where}.{name}", given)
        for value in space[name].corners:
            _try(recommender, name, value)
    return space


def _range(where: str, given: object) -> Range:
    if not isinstance(given, Mapping):
        raise ParameterError(where, given, "a range", f"Write {_FORMS}.")
    kind = given.get("type")
    expected = {"int": {"low", "high"}, "float": {"low", "high"}, "categorical": {"choices"}}
    if kind not in expected:
        raise ParameterError(f"{where}.type", kind, "int, float or categorical", f"Write {_FORMS}.")
    optional = set() if kind == "categorical" else {"log"}
    keys = set(given) - {"type"}
    if not expected[kind] <= keys <= expected[kind] | optional:
        raise ParameterError(where, dict(given), f"the keys of type {kind}", f"Write {_FORMS}.")
    if kind == "categorical":
        return _choices(where, given["choices"])
    return _interval(where, given["low"], given["high"], given.get("log", False), whole=kind == "int")


def _choices(where: str, values: object) -> Choices:
    plain = isinstance(values, list | tuple) and all(
        value is None or isinstance(value, bool | int | float | str) for value in values
    )
    # 1, 1.0 and true are one value to a set, and to Optuna too.
    if not plain or len(set(cast("list[Choice]", values))) < max(2, len(cast("list[Choice]", values))):
        raise ParameterError(
            f"{where}.choices",
            values,
            "a list of at least 2 different numbers, texts, booleans or nulls",
            "A hyper-parameter with one value belongs to training.recommenders.",
        )
    return Choices(tuple(cast("list[Choice]", values)))


def _interval(where: str, low: object, high: object, log: object, *, whole: bool) -> Interval:
    kind = "a whole number" if whole else "a finite number"
    for side, value in (("low", low), ("high", high)):
        is_number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        if not is_number or not math.isfinite(cast("float", value)):
            raise ParameterError(f"{where}.{side}", value, kind, f"Write {_FORMS}.")
    if not isinstance(log, bool):
        raise ParameterError(f"{where}.log", log, "true or false", "Leave it out for an even spread.")
    lowest, highest = cast("float", low), cast("float", high)
    if not lowest < highest:
        raise ParameterError(
            f"{where}.low",
            low,
            f"low < high = {high!r}",
            "Exchange the bounds; one value belongs to training.",
        )
    if log and lowest <= 0:
        raise ParameterError(f"{where}.low", low, "low > 0 where log is true", "Raise it, or drop `log`.")
    return (
        Interval(lowest, highest, log, whole)
        if whole
        else Interval(float(lowest), float(highest), log, whole)
    )


def _try(recommender: str, name: str, value: Choice) -> None:
    try:
        create_recommender(recommender, **{name: value})
    except ParameterError as error:
        raise ParameterError(
            f"tuning.spaces.{recommender}.{name}",
            value,
            error.bound,
            "Narrow the range to what the recommender accepts.",
        ) from error
