from __future__ import annotations

from collections.abc import Callable
from typing import Any

from armlift.reporting.palette import arm_colours, policy_colours, text_colour


def test_ten_arms_and_ten_policies_have_distinct_colours() -> None:
    names = ["fixed", *(f"p{i}" for i in range(9))]
    assert len(set(policy_colours(names).values())) == 10
    assert len(set(arm_colours(names).values())) == 10


def test_fixed_split_keeps_its_colour_wherever_it_stands() -> None:
    first, last = policy_colours(["fixed", "ucb1"]), policy_colours(["ucb1", "fixed"])
    assert first == last


def test_text_is_readable_on_white() -> None:
    for colour in arm_colours(map(str, range(10))).values():
        assert _contrast_with_white(text_colour(colour)) >= 4.4
    assert text_colour("#332288") == "#332288"


def test_an_arm_and_a_policy_keep_their_colours_in_all_charts(make_tables: Callable[..., Any]) -> None:
    charts = make_tables(checkpoints=5).charts().values()
    seen: dict[str, set[str]] = {}
    for chart in charts:
        for name, colour in chart.colours.items():
            seen.setdefault(name, set()).add(colour)
    assert {"fixed", "kl_ucb", "lightgbm", "svd"} <= seen.keys()
    assert all(len(colours) == 1 for colours in seen.values())


def _contrast_with_white(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)
