"""What the charts show, checked against the tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from armlift.reporting import Chart
from armlift.reporting.rendering import end_labels

ALL = [
    "lift",
    "cumulative_reward",
    "click_through_rate",
    "cumulative_regret",
    "traffic_share",
    "posteriors",
    "confidence_bounds",
    "cusum",
    "click_rates",
]


def elements(chart: Chart, group: str, panel: int = 0) -> list[Any]:
    return [element for element in list(chart.element)[panel] if element.group == group]


def test_all_charts_in_the_order_of_the_report(charts: dict[str, Chart]) -> None:
    assert list(charts) == ALL
    for chart in charts.values():
        assert chart.title
        assert chart.caption.endswith(".")
        assert chart.reading.endswith(".")


def test_captions_quote_the_tables(charts: dict[str, Chart], tables: Any) -> None:
    summary = tables.policy_summary.set_index("policy")
    regret = summary["regret_mean"]
    assert charts["cumulative_regret"].caption == (
        f"{regret.idxmin()} loses {regret.min():.0f} clicks in 20,000 decisions, the fewest; "
        f"{regret.idxmax()} loses {regret.max():.0f}."
    )
    assert f"{summary['ctr_mean'].max() * 100:.2f}\u00a0%" in charts["click_through_rate"].caption
    assert "the fixed split gives it 20\u00a0%" in charts["traffic_share"].caption
    rates = tables.arm_click_rates.query("segment == 'all'")["click_rate"]
    assert f"{rates.max() * 100:.2f}\u00a0%" in charts["click_rates"].caption
    final = tables.cusum[tables.cusum["decisions"] == 20_000]
    clear = ((final["cusum_p05"] > 0) | (final["cusum_p95"] < 0)).sum()
    assert f"{clear} of 4 bands end clear of zero" in charts["cusum"].caption


def test_captions_of_an_aa_world_claim_nothing(make_tables: Callable[..., Any]) -> None:
    charts = make_tables(checkpoints=4, kind="aa", policies=("fixed", "ucb1")).charts()
    assert charts["cumulative_regret"].caption.startswith("No policy loses a click")
    assert charts["traffic_share"].caption.startswith("All arms are the same")
    assert charts["click_rates"].caption.startswith("All arms have the same click rate")


def test_gain_panel_is_reward_minus_the_fixed_split(charts: dict[str, Chart], tables: Any) -> None:
    reward = tables.policy_summary.set_index("policy")["reward_mean"]
    drawn = elements(charts["cumulative_reward"], "Line", panel=1)[0].dframe()
    ends = drawn.groupby("name")["y1"].last()
    assert ends["ucb1"] == pytest.approx(reward["ucb1"] - reward["fixed"])


def test_each_strip_of_traffic_adds_up_and_starts_with_the_best_arm(
    charts: dict[str, Chart], tables: Any
) -> None:
    chart = charts["traffic_share"]
    drawn = elements(chart, "Share")[0].dframe()
    strips = drawn.assign(strip=drawn[["y0", "y1"]].mean(axis=1).round())
    assert np.allclose(strips.groupby(["strip", "x1"])["share"].sum(), 100)
    thickness = strips.groupby(["strip", "x1"])["y1"].max() - strips.groupby(["strip", "x1"])["y0"].min()
    assert np.allclose(thickness, thickness.iloc[0])
    lowest = strips.loc[strips.groupby(["strip", "x1"])["y0"].idxmin(), "name"]
    assert set(lowest) == {"lightgbm"}
    shares = tables.policy_summary.sort_values("reward_mean").set_index("policy")["best_arm_share"]
    expected = [f"{name}   {share * 100:.0f}\u00a0%" for name, share in shares.items()]
    assert list(chart.categories) == expected


def test_posteriors_show_the_thompson_policy_with_the_most_clicks(
    charts: dict[str, Chart], tables: Any
) -> None:
    reward = tables.policy_summary.set_index("policy")["reward_mean"]
    best = reward[["thompson", "thompson_gaussian"]].idxmax()
    assert charts["posteriors"].title == f"What {best} believes about the arms"
    assert len(list(charts["posteriors"].element)) == 3


def test_rounding_errors_are_no_regret_and_no_ranking(make_tables: Callable[..., Any]) -> None:
    tables = make_tables(checkpoints=4, kind="aa", policies=("fixed", "ucb1"))
    regret = [name for name in tables.policy_trend if "regret" in name]
    tables.policy_trend[regret] = -2e-14
    tables.policy_summary["regret_mean"] = 3e-14
    tables.arm_click_rates.loc[0, "click_rate"] += 1e-17
    charts = tables.charts()
    assert charts["cumulative_regret"].caption.startswith("No policy loses a click")
    for panel in charts["cumulative_regret"].element:
        for element in panel:
            if element.group != "Band":
                assert (element.dframe()[["y0", "y1"]] == 0).to_numpy().all()
    assert charts["click_rates"].caption.startswith("All arms have the same click rate")
    assert elements(charts["click_rates"], "Best") == []
    assert "chance" in charts["click_through_rate"].caption


def test_arms_of_a_segment_never_hide_each_other(make_tables: Callable[..., Any]) -> None:
    charts = make_tables(checkpoints=3, kind="aa", policies=("fixed", "ucb1")).charts()
    dots = elements(charts["click_rates"], "Dot")[0].dframe()
    assert not dots.duplicated(["x0", "y0"]).any()


def test_posterior_densities_integrate_to_one(charts: dict[str, Chart]) -> None:
    drawn = elements(charts["posteriors"], "Line", panel=2)[0].dframe()
    best = drawn[drawn["name"] == "lightgbm"]
    area = ((best["x1"] - best["x0"]) * (best["y0"] + best["y1"]) / 2).sum()
    assert area == pytest.approx(1.0, abs=0.02)


def test_bounds_lie_above_means(charts: dict[str, Chart]) -> None:
    bound = elements(charts["confidence_bounds"], "Bound")[0].dframe().groupby("name")["y1"].last()
    mean = elements(charts["confidence_bounds"], "Lead")[0].dframe().groupby("name")["y1"].last()
    assert (bound > mean).all()


def test_every_policy_is_named_at_the_end_of_its_line(charts: dict[str, Chart], tables: Any) -> None:
    labels = end_labels(next(iter(charts["click_through_rate"].element)), gap=0.05)
    assert {name for name, _ in labels} == set(tables.policy_summary["policy"])
    arms = {name for name, _ in end_labels(next(iter(charts["cusum"].element)), gap=0.05)}
    assert arms == set(tables.cusum["arm"])
    assert end_labels(next(iter(charts["posteriors"].element)), gap=0.05) == []


def test_lift_rows_rise_to_the_best(charts: dict[str, Chart], tables: Any) -> None:
    chart = charts["lift"]
    best = tables.policy_summary.set_index("policy")["lift"].idxmax()
    assert chart.categories[-1].startswith(best)
    assert len(chart.categories) == 8


@pytest.mark.parametrize(
    ("world", "missing"),
    [
        ({"policies": ("fixed", "epsilon_greedy"), "arms": 2}, {"posteriors", "confidence_bounds"}),
        ({"policies": ("kl_ucb", "thompson")}, {"lift"}),
        ({"policies": ("fixed",)}, {"lift", "posteriors", "confidence_bounds"}),
        ({"checkpoints": 1}, set()),
        ({"arms": 10, "kind": "aa"}, set()),
    ],
)
def test_charts_without_data_are_left_out(
    make_tables: Callable[..., Any], world: dict[str, Any], missing: set[str]
) -> None:
    charts = make_tables(**{"checkpoints": 6, **world}).charts()
    assert set(ALL) - charts.keys() == missing


def test_unplayed_arms_have_no_bound(make_tables: Callable[..., Any]) -> None:
    tables = make_tables(checkpoints=6, policies=("fixed", "ucb1"))
    snapshots = tables.posterior_snapshots
    snapshots.loc[(snapshots["arm"] == "svd") & (snapshots["checkpoint"] < 3), "bound"] = np.nan
    drawn = elements(tables.charts()["confidence_bounds"], "Bound")[0].dframe()
    assert drawn.loc[drawn["name"] == "svd", "x0"].min() > drawn["x0"].min()
