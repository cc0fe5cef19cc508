"""Numbers as the report writes them: no more digits than the number deserves."""

from __future__ import annotations

import math

_SPACE = "\u00a0"  # keeps the number and its unit on one line
_MINUS = "−"


def count(value: float) -> str:
    """Whole number with thousands separators.

    >>> count(12345.6)
    '12,346'
    """
    return f"{value:,.0f}".replace("-0", "0" if round(value) == 0 else "-0").replace("-", _MINUS)


def percent(share: float, decimals: int = 1) -> str:
    r"""Share as a percentage.

    >>> percent(0.0625)
    '6.2\xa0%'
    """
    text = f"{share * 100:.{decimals}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", _MINUS) + f"{_SPACE}%"


def signed_percent(share: float, decimals: int = 1) -> str:
    r"""Share as a percentage that shows its sign.

    >>> signed_percent(0.0625)
    '+6.2\xa0%'
    """
    text = percent(share, decimals)
    return text if text.startswith(_MINUS) or float(text[:-2]) == 0 else "+" + text


def signed_count(value: float) -> str:
    """Whole number that shows its sign.

    >>> signed_count(-12.3)
    '−12'
    """
    text = count(value)
    return text if text.startswith(_MINUS) or text == "0" else "+" + text


def interval(low: float, high: float) -> str:
    r"""Interval of relative gains.

    >>> interval(-0.011, 0.05)
    '−1.1\xa0% to +5.0\xa0%'
    """
    decimals = lift_decimals(low, high)
    return f"{signed_percent(low, decimals)} to {signed_percent(high, decimals)}"


def lift_decimals(low: float, high: float) -> int:
    """Decimals of a percentage that its interval supports: about two digits of the interval's width.

    >>> lift_decimals(0.02, 0.05), lift_decimals(0.0312, 0.0317), lift_decimals(-math.inf, 1.0)
    (1, 3, 1)
    """
    width = (high - low) * 100
    return 1 if not 0 < width < math.inf else min(3, max(1, 1 - math.floor(math.log10(width))))
