from __future__ import annotations

import pytest

from armlift.reporting.numerals import count, interval, lift_decimals, percent, signed_count, signed_percent


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (count(1234567.4), "1,234,567"),
        (count(-1234.0), "−1,234"),
        (count(-0.2), "0"),
        (percent(-0.0001), "0.0\u00a0%"),
        (percent(-0.0625, 2), "−6.25\u00a0%"),
        (signed_percent(0.0), "0.0\u00a0%"),
        (signed_percent(0.051), "+5.1\u00a0%"),
        (signed_percent(-0.051), "−5.1\u00a0%"),
        (signed_count(12.0), "+12"),
        (signed_count(-0.4), "0"),
        (interval(-0.02, 0.03), "−2.0\u00a0% to +3.0\u00a0%"),
    ],
)
def test_numbers_read_well(text: str, expected: str) -> None:
    assert text == expected


def test_narrow_intervals_earn_more_decimals() -> None:
    assert lift_decimals(0.0, 0.2) == lift_decimals(0.0, 0.0) == 1
    assert lift_decimals(0.010, 0.015) == 2
    assert lift_decimals(0.01, 0.01 + 1e-9) == 3
