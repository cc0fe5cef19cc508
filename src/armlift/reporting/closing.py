"""The result in a terminal: one line per policy, then the verdict."""

from __future__ import annotations

import textwrap

import pandas as pd

from armlift.reporting.facts import SimulationFacts
from armlift.reporting.numerals import count, lift_decimals, percent, signed_percent
from armlift.reporting.results import PolicyResult, policy_results
from armlift.reporting.verdict import decide

_WIDTH = 80
_HEADER = ("policy", "clicks", "CTR", "regret", "lift", "95 % interval", "best")


def closing_table(policy_summary: pd.DataFrame, arm_click_rates: pd.DataFrame, facts: SimulationFacts) -> str:
    """Write the result as plain text of at most 80 columns, most clicks first.

    Args:
        policy_summary: One row per policy.
        arm_click_rates: True click rate per segment and arm.
        facts: Set-up of the simulation.

    Returns:
        The table, an empty line and the headline of the verdict; ASCII but for the names in it.
    """
    results = sorted(policy_results(policy_summary).values(), key=lambda result: -result.reward)
    rows = [_HEADER, *(_cells(result, facts) for result in results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths[0] = min(widths[0], _WIDTH - sum(widths[1:]) - 2 * (len(widths) - 1))
    lines = [_line(row, widths) for row in rows]
    rule = "-" * len(lines[0])
    headline = textwrap.fill(_plain(decide(policy_summary, arm_click_rates, facts).headline), _WIDTH)
    return "\n".join([lines[0], rule, *lines[1:], "", headline])


def _cells(result: PolicyResult, facts: SimulationFacts) -> tuple[str, ...]:
    gain, ends = "-", "-"
    if lift := result.lift:
        decimals = lift_decimals(lift.low, lift.high)
        gain = signed_percent(lift.mean, decimals)
        low, high = (signed_percent(end, decimals).removesuffix("\u00a0%") for end in (lift.low, lift.high))
        ends = f"{low} to {high}"
    share = "-" if facts.kind == "aa" else percent(result.best_arm_share, 0)
    cells = (result.policy, count(result.reward), percent(result.click_rate, 2), count(result.regret))
    return tuple(_plain(cell) for cell in (*cells, gain, ends, share))


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    name = cells[0] if len(cells[0]) <= widths[0] else cells[0][: max(widths[0] - 2, 1)] + ".."
    numbers = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
    return "  ".join([name.ljust(widths[0]), *numbers])


def _plain(text: str) -> str:
    """Replace typographic characters that a terminal may not know."""
    return text.translate({0x2212: "-", 0x00A0: " ", 0x201C: '"', 0x201D: '"'})
