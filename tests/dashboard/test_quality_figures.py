"""Figures of the quality page."""

from __future__ import annotations

import pandas as pd
import pytest

from dashboard.quality_figures import (
    drift_readings,
    exclusion_trend,
    exclusions,
    flag_reasons,
    last_of_each,
    of_metric,
    standing_alarms,
    traffic_split,
)

COUNTS = ("decisions", "rewards", "impressions", "clicks", "add_to_carts", "purchases", "likes", "dislikes")
AT = pd.date_range("2026-01-05 10:00", periods=3, freq="5min", tz="UTC")


def sums(**counts):
    return pd.DataFrame([dict.fromkeys(COUNTS, 0) | {"excluded": 0} | counts])


def readings(*rows):
    columns = ["at", "experiment_id", "metric", "segment", "value", "threshold", "alarm"]
    table = pd.DataFrame(rows, columns=columns)
    return table.astype({"metric": "str", "segment": "str", "value": float})


def test_exclusions_are_a_share_of_all_rows():
    found = exclusions(pd.concat([sums(decisions=50, clicks=30, excluded=5), sums(likes=10, excluded=5)]))
    assert (found.excluded, found.rows, found.share) == (10, 100, 0.1)
    assert exclusions(sums()).share == 0.0


def test_exclusion_trend_adds_up_strategies_and_leaves_out_silence():
    series = pd.concat(
        [
            sums(decisions=8, excluded=1).assign(bucket_at=AT[0]),
            sums(decisions=10, excluded=1).assign(bucket_at=AT[0]),
            sums().assign(bucket_at=AT[1]),
            sums(excluded=4).assign(bucket_at=AT[2]),
        ]
    )
    trend = exclusion_trend(series)
    assert trend["bucket_at"].tolist() == [AT[0], AT[2]]
    assert trend["rows"].tolist() == [20, 4]
    assert trend["share"].tolist() == [0.1, 1.0]
    assert exclusion_trend(series.iloc[:0]).empty


def test_flag_reasons_count_each_reason_of_a_row():
    rows = pd.DataFrame({"flag_reasons": ["", "headless", "headless,burst_user", None]})
    assert flag_reasons(rows) == {"headless": 2, "burst_user": 1}


def test_readings_of_a_metric_are_in_order_and_have_values():
    table = readings(
        (AT[1], "films", "error_rate", "", 0.2, 0.1, True),
        (AT[2], "films", "error_rate", "", None, 0.1, False),
        (AT[0], "films", "error_rate", "", 0.1, 0.1, False),
        (AT[0], "films", "lcp_seconds", "", 3.0, 3.5, False),
    )
    assert of_metric(table, "error_rate")["value"].tolist() == [0.1, 0.2]
    assert of_metric(readings(), "error_rate").empty


def test_drift_comes_from_the_report_or_else_from_the_store():
    report = pd.DataFrame(
        {
            "source": ["live", "live", "live"],
            "end": [AT[1], AT[0], AT[2]],
            "feature": ["clicks.hour", "clicks.hour", "clicks.device"],
            "psi": [0.3, 0.01, None],
            "threshold": 0.25,
            "verdict": ["drift", "stable", "not decided"],
        }
    )
    told = readings(
        (AT[1], "", "drift:clicks.hour", "live", 0.3, 0.25, True),
        (AT[0], "", "drift:clicks.hour", "live", 0.01, 0.25, False),
        (AT[0], "", "decay:svd.ctr", "live", 0.01, 0.25, False),
    )
    for drift in (drift_readings(report, readings()), drift_readings(None, told)):
        assert drift["value"].tolist() == [0.01, 0.3]
        assert drift["alarm"].tolist() == [False, True]
        assert set(drift["source"]) == {"live"}
        last = last_of_each(drift)
        assert last[["name", "at"]].to_numpy().tolist() == [["clicks.hour", AT[1]]]
    assert drift_readings(None, pd.DataFrame()).empty


def test_an_alarm_stands_until_a_later_reading_is_calm():
    newest_first = readings(
        (AT[2], "films", "sample_ratio", "split", 0.5, 0.001, False),
        (AT[1], "films", "error_rate", "", 0.2, 0.1, True),
        (AT[0], "films", "sample_ratio", "split", 0.0001, 0.001, True),
        (AT[0], "shop", "sample_ratio", "split", 0.0001, 0.001, True),
    )
    standing = standing_alarms(newest_first)
    assert standing[["experiment_id", "metric"]].to_numpy().tolist() == [
        ["films", "error_rate"],
        ["shop", "sample_ratio"],
    ]
    assert standing_alarms(readings()).empty


def test_traffic_split_has_every_arm():
    totals = pd.DataFrame(
        {
            "strategy_id": ["split", "split", "bandit"],
            "arm_id": ["svd", "popularity", "svd"],
            "decisions": [30, 10, 5],
        }
    )
    split = traffic_split(totals, ["popularity", "svd", "unseen"])
    assert split["arm_id"].tolist() == ["popularity", "svd", "unseen"] * 2
    assert split["decisions"].tolist() == [10, 30, 0, 0, 5, 0]
    assert split["share"].tolist() == pytest.approx([0.25, 0.75, 0, 0, 1, 0])
    assert traffic_split(totals.iloc[:0], ["svd"]).empty
