"""Checks for hyper-parameters: each returns the value as a plain number, or names its bound."""

from __future__ import annotations

from math import inf, isfinite

import numpy as np

from armlift.errors import ParameterError


def whole_number(name: str, value: object, *, low: int) -> int:
    """Check that a hyper-parameter is a whole number.

    Args:
        name: Parameter as the user writes it.
        value: What the user gave.
        low: Smallest value allowed.

    Returns:
        The value.

    Raises:
        ParameterError: The value is no whole number, or too small.

    Example:
        >>> whole_number("n_factors", 50, low=1)
        50
    """
    # bool is an int to Python, but `n_factors: true` in a YAML file is a slip.
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= low:
        return int(value)
    raise ParameterError(
        name, value, f"{name} >= {low}, an integer", "Choose a whole number within the bound."
    )


def real_number(name: str, value: object, *, low: float, high: float = inf, above: bool = False) -> float:
    """Check that a hyper-parameter is a finite number.

    Args:
        name: Parameter as the user writes it.
        value: What the user gave.
        low: Smallest value allowed.
        high: Largest value allowed.
        above: Whether `low` itself is excluded.

    Returns:
        The value.

    Raises:
        ParameterError: The value is no finite number, or out of its bound.

    Example:
        >>> real_number("half_life_days", 30, low=0, above=True)
        30.0
    """
    if (
        isinstance(value, (int, float, np.integer, np.floating))
        and not isinstance(value, bool)
        and isfinite(value)
        and (low < value if above else low <= value)
        and value <= high
    ):
        return float(value)
    bound = f"{low:g} {'<' if above else '<='} {name}"
    raise ParameterError(
        name, value, bound if high == inf else f"{bound} <= {high:g}", "Choose a number within the bound."
    )
