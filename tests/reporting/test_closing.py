"""The table that closes a run in the terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from armlift.reporting import closing_table, decide


def closing(tables: Any) -> list[str]:
    return closing_table(tables.policy_summary, tables.arm_click_rates, tables.facts).splitlines()


def test_rows_quote_the_summary_most_clicks_first(tables: Any) -> None:
    lines = closing(tables)
    ranked = tables.policy_summary.sort_values("reward_mean", ascending=False)
    names = [line.split()[0] for line in lines[2 : 2 + len(ranked)]]
    assert names == list(ranked["policy"])
    best = ranked.iloc[0]
    assert f"{best['reward_mean']:,.0f}" in lines[2]
    assert f"{best['ctr_mean'] * 100:.2f} %" in lines[2]
    assert f"{best['lift'] * 100:+.1f} %" in lines[2]
    assert f"{best['lift_low'] * 100:+.1f} to {best['lift_high'] * 100:+.1f}" in lines[2]
    assert lines[2].endswith(f"{best['best_arm_share'] * 100:.0f} %")
    fixed = next(line for line in lines if line.startswith("fixed"))
    assert fixed.split()[-4:-2] == ["-", "-"]


def test_the_verdict_closes(tables: Any) -> None:
    headline = decide(tables.policy_summary, tables.arm_click_rates, tables.facts).headline
    assert closing(tables)[-2:] == ["", headline.replace("\u00a0", " ")]


@pytest.mark.parametrize("kind", ["movielens", "aa", "bernoulli"])
@pytest.mark.parametrize("scale", [1, 1000])
def test_plain_text_of_at_most_eighty_columns(make_tables: Callable[..., Any], kind: str, scale: int) -> None:
    tables = make_tables(checkpoints=3, kind=kind)
    for column in ("reward_mean", "regret_mean"):
        tables.policy_summary[column] *= scale
    tables.policy_summary["policy"] = tables.policy_summary["policy"].replace("ucb1", "a_policy_" * 6)
    lines = closing(tables)
    assert max(map(len, lines)) <= 80
    assert len({len(line) for line in lines[1:-3]}) == 1, "columns are aligned"
    assert all(line.isascii() for line in lines)


def test_without_the_fixed_split(make_tables: Callable[..., Any]) -> None:
    lines = closing(make_tables(checkpoints=3, policies=("ucb1", "thompson")))
    assert "there is no lift to report" in " ".join(lines)
