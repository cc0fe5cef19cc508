from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from armlift.reporting import Chart, render_html, render_png, summary_page

OUTSIDE = re.compile(
    r"""<(?:script|link|img|iframe|source|object)\b[^>]*?(?:src|href|data)\s*=\s*["']?(?!data:)[^"'>]""", re.I
)


def without_scripts(page: str) -> str:
    return re.sub(r"<script.*?</script>", "", page, flags=re.S)


def test_pattern_finds_what_it_looks_for() -> None:
    assert OUTSIDE.search('<script type="x" src="https://cdn.example/b.js">')
    assert OUTSIDE.search("<link rel=stylesheet href=//x>")
    assert not OUTSIDE.search('<link rel="icon" href="data:,">')


@pytest.mark.parametrize("name", ["lift", "traffic_share", "cumulative_reward"])
def test_pictures_are_large_and_show_the_colours(charts: dict[str, Chart], name: str) -> None:
    picture = render_png(charts[name])
    assert picture.width == 1600
    assert picture.height >= 900
    pixels = np.asarray(picture).reshape(-1, 3).astype(np.uint32) @ [1 << 16, 1 << 8, 1]
    assert (pixels == 0xFFFFFF).mean() > 0.3
    shown = {f"#{colour:06x}" for colour in np.unique(pixels)}
    expected = charts[name].legend or ("fixed", "thompson")
    if name == "lift":
        expected = ("thompson", "exp3")
    assert {charts[name].colours[entry].lower() for entry in expected} <= shown


def test_html_holds_its_chart_and_loads_nothing(charts: dict[str, Chart], caplog: Any) -> None:
    with caplog.at_level(logging.WARNING):
        page = render_html(charts["click_through_rate"])
    assert not caplog.records
    assert not OUTSIDE.search(page)
    assert "@import" not in without_scripts(page)
    assert "thompson_gaussian" in page
    assert charts["click_through_rate"].caption in page
    assert len(page) < 2_000_000


def test_page_has_verdict_tables_and_charts(charts: dict[str, Chart], tables: Any) -> None:
    charts = {name: charts[name] for name in ("lift", "cumulative_reward", "click_rates")}
    page = summary_page(charts, tables.policy_summary, tables.arm_click_rates, tables.facts)
    text = without_scripts(page)
    assert "more clicks than the fixed split." in text
    assert not OUTSIDE.search(page)
    assert page.count("All rights reserved") == 1, "Bokeh is to be embedded once"
    assert text.count('<tr class="lead">') == 1
    best = tables.policy_summary["reward_mean"].max()
    assert f"<td>{best:,.0f}</td>" in text
    assert text.count('class="best"') == tables.arm_click_rates["is_best"].sum()
    for name, chart in charts.items():
        assert f'<section id="{name}"' in text
        assert chart.title in text


def test_tables_leave_out_columns_that_say_nothing(make_tables: Callable[..., Any]) -> None:
    tables = make_tables(checkpoints=3, policies=("fixed", "kl_ucb"))
    rates, facts = tables.arm_click_rates, tables.facts
    never = tables.policy_summary.assign(decisions_to_best=np.nan)
    once = tables.policy_summary.assign(decisions_to_best=[np.nan, 4200.0])
    assert "Decisions to best arm" not in summary_page({}, never, rates, facts)
    page = summary_page({}, once, rates, facts)
    assert "<td>4,200</td>" in page
    assert "<td>not reached</td>" in page
    equal = make_tables(checkpoints=3, policies=("fixed", "kl_ucb"), kind="aa")
    page = summary_page({}, equal.policy_summary, equal.arm_click_rates, equal.facts)
    assert "Traffic on best arm" not in page
    assert 'class="best"' not in page
    assert '<tr class="lead">' not in page


def test_names_are_escaped(make_tables: Callable[..., Any]) -> None:
    tables = make_tables(checkpoints=3, policies=("fixed", "ucb1"), arms=2)
    evil = tables.arm_click_rates.replace("popularity", "<script>alert(1)</script>")
    page = summary_page({}, tables.policy_summary, evil, tables.facts)
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_one_checkpoint_and_two_arms_render(make_tables: Callable[..., Any]) -> None:
    charts = make_tables(checkpoints=1, arms=2, policies=("fixed", "ucb1", "thompson")).charts()
    for chart in charts.values():
        assert np.asarray(render_png(chart)).std() > 1


def test_ten_equal_arms_render(make_tables: Callable[..., Any]) -> None:
    charts = make_tables(checkpoints=3, arms=10, kind="aa", policies=("fixed", "kl_ucb")).charts()
    for name in ("cumulative_regret", "click_rates", "traffic_share"):
        assert np.asarray(render_png(charts[name])).std() > 1
        assert render_html(charts[name])


@pytest.mark.parametrize(
    ("world", "sentence"),
    [
        ({"policies": ("ucb1", "thompson")}, "there is no lift to report"),
        ({"policies": ("fixed", "kl_ucb"), "kind": "aa"}, "no difference"),
        ({"policies": ("fixed",)}, "no bandit to compare"),
    ],
)
def test_page_says_what_cannot_be_said(
    make_tables: Callable[..., Any], world: dict[str, Any], sentence: str
) -> None:
    tables = make_tables(checkpoints=3, **world)
    assert sentence in summary_page({}, tables.policy_summary, tables.arm_click_rates, tables.facts)
